"""The one header policy, for both directions, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.errors import ApplicationError, PeerError
from wsgicontainer.http import headers


@pytest.mark.parametrize(
    ("line", "entry"),
    [
        (b"Accept: a", ("HTTP_ACCEPT", "a")),
        (b"accept:a", ("HTTP_ACCEPT", "a")),
        (b"X-A-b: \t a b\t ", ("HTTP_X_A_B", "a b")),
        (b"X:", ("HTTP_X", "")),
        (b"X: \xe9\xff", ("HTTP_X", "\xe9\xff")),
        (b"!#$%&'*+.^`|~0: x", ("HTTP_!#$%&'*+.^`|~0", "x")),
        (b"Content-Type: t", ("CONTENT_TYPE", "t")),
        (b"CONTENT-LENGTH: 1", ("CONTENT_LENGTH", "1")),
        (b"Host: [::1]:80", ("HTTP_HOST", "[::1]:80")),
        (b"Host: [::ffff:1.2.3.4]", ("HTTP_HOST", "[::ffff:1.2.3.4]")),
        (b"Host: a%2D,b:", ("HTTP_HOST", "a%2D,b:")),
        (b"Transfer-Encoding: chunked", ("HTTP_TRANSFER_ENCODING", "chunked")),
        (b"X-Real-IP: 1", ("HTTP_X_REAL_IP", "1")),
    ],
)
def test_good_lines(line, entry):
    assert headers.field(line) == entry


@pytest.mark.parametrize(
    "line",
    [
        b"Proxy: x",
        b"X_Y: z",
        b"Content_Length: 1",
        b"Transfer_Encoding: chunked",
        b"TE: x",
        b"Upgrade: x",
        b"Forwarded: x",
        b"X-Forwarded-For: x",
        b"X-Forwarded-Anything: x",
        b"Keep-Alive: x",
        b"Trailer: x",
        b"Proxy-Connection: x",
        b"Ho_st: a b",
    ],
)
def test_lines_that_end_here(line):
    assert headers.field(line) == ("", "")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"X",
        b": a",
        b" X: a",
        b"X : a",
        b"X\t: a",
        b"X: a\rb",
        b"X: a\nb",
        b"X: a\x00",
        b"X: \x7f",
        b"X: \x1b",
        b"\xe9: a",
        b"X Y: a",
        b"(X): a",
        b'"X": a',
        b"Host: a b",
        b"Host: a/",
        b"Host: u@a",
        b"Host: [a",
        b"Host: a:b",
        b"Host: a%",
        b"Host: a%2",
        b"Host: a%zz",
        b"Host: [1.2.3.4]",
        b"Host: [::1::]",
        b"Host: []",
        b"Host: [::1]a",
        b"Host: a[::1]",
        b"Host: a:123456",
    ],
)
def test_bad_lines(line):
    with pytest.raises(PeerError, match="malformed"):
        headers.field(line)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda value: b"X: " + value))
def test_any_line_is_a_field_or_a_refusal(line):
    try:
        key, value = headers.field(line)
    except PeerError:
        return
    assert (key == "") <= (value == "")
    assert not set(value) & set("\r\n\0")


def test_joining():
    """RFC 9110 section 5.3; Cookie as RFC 9113 section 8.2.3 says; what decides about framing or routing, never."""
    assert headers.joined("HTTP_ACCEPT", "a", "b") == "a, b"
    assert headers.joined("HTTP_COOKIE", "a", "b") == "a; b"
    for key, name in (("HTTP_HOST", "Host"), ("CONTENT_LENGTH", "Content-Length"), ("CONTENT_TYPE", "Content-Type")):
        with pytest.raises(PeerError, match=f"{name} sent twice"):
            headers.joined(key, "a", "a")


@pytest.mark.parametrize(("status", "code"), [("200 OK", 200), ("404 ", 404), ("599", 599), ("204 \xe9\t!", 204)])
def test_good_statuses(status, code):
    assert headers.status_code(status) == code


@pytest.mark.parametrize(
    "status",
    [
        "",
        "OK",
        "20 OK",
        "2000 OK",
        "200OK",
        "200\tOK",
        "100 Continue",
        "600 X",
        "099 X",
        "200 O\rK",
        "200 OK\r\nX: y",
        "200 OK\n",
        "200 ☃",
        "٢٠٠ OK",
        b"200 OK",
        200,
        None,
    ],
)
def test_bad_statuses(status):
    with pytest.raises(ApplicationError, match="three digits"):
        headers.status_code(status)


@pytest.mark.parametrize("pair", [("X", "y"), ("x-Y", ""), ("X", "\xe9\t "), ("Connection", "close")])
def test_good_pairs(pair):
    assert headers.checked_pair(pair) == pair


@pytest.mark.parametrize(
    "pair",
    [
        "Xy",
        ["X", "y"],
        ("X",),
        ("X", "y", "z"),
        None,
        ("", "y"),
        ("X ", "y"),
        ("X:", "y"),
        ("X\r\n", "y"),
        (b"X", "y"),
        ("X", b"y"),
        ("X", 7),
        ("X", None),
        ("X", "a\r\nb"),
        ("X", "a\nb"),
        ("X", "\x00"),
        ("X", "☃"),
        ("é", "y"),
    ],
)
def test_bad_pairs(pair):
    with pytest.raises(ApplicationError):
        headers.checked_pair(pair)


@pytest.mark.parametrize("name", ["Transfer-Encoding", "te", "UPGRADE", "Keep-Alive", "Trailer", "Proxy-Authenticate"])
def test_hop_by_hop_pairs(name):
    with pytest.raises(ApplicationError, match="hop-by-hop"):
        headers.checked_pair((name, "x"))


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", " 1", "1 ", "\u0663", "\xb2", "1" * 19, "abc"])
def test_bad_lengths(value):
    with pytest.raises(ApplicationError, match="number of octets"):
        headers.content_length(value)


def test_good_lengths():
    assert (headers.content_length("0"), headers.content_length("0012")) == (0, 12)
