"""Heads of responses are checked and rendered; what is remembered is what was checked."""

from __future__ import annotations

import pytest

from wsgicontainer.errors import ApplicationError
from wsgicontainer.http.responses import ResponseHeads

OURS = "Server: us/1\r\nDate: Thu, 01 Jan 1970 00:00:07 GMT\r\n"


@pytest.fixture
def heads() -> ResponseHeads:
    return ResponseHeads("us/1", lambda: 7.5)


def test_a_head_is_rendered(heads):
    for _ in range(2):  # the second time from memory
        fields = [("X", "1"), ("x", "2"), ("Content-Length", "7"), ("Set-Cookie", "a"), ("Set-Cookie", "b")]
        head = heads.render("404 Not Found", fields)
        assert (head.code, head.status, head.fields, head.length, head.close) == (
            404,
            "404 Not Found",
            fields,
            7,
            False,
        )
        assert head.block == f"HTTP/1.1 404 Not Found\r\nX: 1\r\nx: 2\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n{OURS}"


@pytest.mark.parametrize(
    ("status", "line"), [("200", "200 "), ("200 ", "200 "), ("299 \xe9", "299 \xe9"), ("200 OK", "200 OK")]
)
def test_status_lines_keep_their_space(status, line, heads):
    """RFC 9112 section 4: the space stands there also without a reason."""
    assert heads.render(status, []).block == f"HTTP/1.1 {line}\r\n{OURS}"


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ([("server", "mine")], "server: mine\r\nDate: Thu, 01 Jan 1970 00:00:07 GMT\r\n"),
        ([("DATE", "today")], "DATE: today\r\nServer: us/1\r\n"),
        ([("Date", "today"), ("Server", "mine")], "Date: today\r\nServer: mine\r\n"),
        ([("Server", "mine"), ("Date", "today")], "Server: mine\r\nDate: today\r\n"),
    ],
)
def test_an_application_names_its_own_server_and_date(fields, lines, heads):
    """Each stands once: ours only where the application gives none."""
    for _ in range(2):
        assert heads.render("200 OK", fields).block == f"HTTP/1.1 200 OK\r\n{lines}"


def test_the_date_follows_the_clock_also_backwards():
    """It is rendered once a second, and a clock that is set back is believed."""
    moments = iter([0.0, 0.9, 1.0, 59.2, 3.0])
    heads = ResponseHeads("us/1", lambda: next(moments))
    seconds = [heads.render("200 OK", []).block[-8:-6] for _ in range(5)]
    assert seconds == ["00", "00", "01", "59", "03"]


@pytest.mark.parametrize("value", ["close", "Close", " close "])
def test_connection_close(value, heads):
    """Framing is the server's: it only learns what is wanted."""
    head = heads.render("200 OK", [("connection", value)])
    assert head.close
    assert "onnection" not in head.block


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        ("200 OK", [("Connection", "keep-alive")]),
        ("200 OK", [("Connection", "close, x")]),
        ("200 OK", [("Transfer-Encoding", "chunked")]),
        ("200 OK", [("Content-Length", "1"), ("Content-Length", "2")]),
        ("200 OK", [("Content-Length", "x")]),
        ("200 OK", [("X", "a\r\nb")]),
        ("200 OK", [["X", "y"]]),
        ("200 OK", [("X", [])]),
        ("200 OK", [("X",)]),
        ("200 OK", (("X", "y"),)),
        ("200 OK\r\nX: y", []),
        ("OK", []),
        ("", [("", "")]),
        (200, []),
    ],
)
def test_what_may_not_be_sent(status, fields, heads):
    for _ in range(2):
        with pytest.raises(ApplicationError):
            heads.render(status, fields)


def test_the_same_length_twice_is_one(heads):
    assert heads.render("200 OK", [("Content-Length", "3"), ("content-length", "03")]).length == 3


def test_memory_is_bounded_and_for_what_repeats():
    """Neither statuses nor fields fill it, and what differs from reply to reply is not kept."""
    heads = ResponseHeads("us")
    for number in range(3000):
        heads.render(f"200 {number}", [("X", str(number)), ("ETag", str(number)), ("Y", "y" * 200)])
    assert 0 < len(heads._statuses) <= 1024
    assert 0 < len(heads._lines) <= 1024
    assert {name for name, _ in heads._lines} == {"X"}
    assert heads.render("200 late", []).code == 200


@pytest.mark.parametrize("fields", [(), (("X", "y"),), {"X": "y"}, None, iter([("X", "y")])])
def test_fields_must_be_a_list(fields, heads):
    """PEP 3333: a list, of exactly this type."""
    with pytest.raises(ApplicationError, match="must be a list"):
        heads.render("200 OK", fields)


def test_a_head_that_repeats_is_rendered_once(heads):
    """Within a second the same status and fields give the same head; its copy of the fields is its own."""
    fields = [("Content-Type", "text/html")]
    head = heads.render("200 OK", fields)
    fields.append(("X", "y"))
    assert head.fields == [("Content-Type", "text/html")]
    assert heads.render("200 OK", [("Content-Type", "text/html")]) is head
    cookie = [("Set-Cookie", "a")]
    assert heads.render("200 OK", cookie) is not heads.render("200 OK", cookie)


def test_hsts_goes_with_every_head_unless_the_application_has_its_own():
    heads = ResponseHeads("us", lambda: 7.5, hsts=60)
    for _ in range(2):
        assert "Strict-Transport-Security: max-age=60\r\n" in heads.render("200 OK", [("X", "y")]).block
        own = heads.render("200 OK", [("strict-transport-security", "max-age=1"), ("Server", "mine")]).block
        assert own.lower().count("strict-transport-security") == 1 and "max-age=1\r\n" in own
        assert "Server: us" not in own and "Date: " in own
    assert "Strict" not in ResponseHeads("us").render("200 OK", []).block
