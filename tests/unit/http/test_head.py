"""Request heads are read strictly: what RFC 9112 sections 2, 3 and 5 allow, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgicontainer.errors import PeerError
from wsgicontainer.http.head import CHUNKED, FieldBlock, HeadLimits, HeadParser
from wsgicontainer.messages import Request

LIMITS = HeadLimits(request_line=8190, fields=100, field_size=8190)


def parse(head: str | bytes) -> tuple[Request, FieldBlock]:
    return HeadParser(LIMITS).parse(head if isinstance(head, bytes) else head.replace("\n", "\r\n").encode("latin-1"))


def status(head: str | bytes, limits: HeadLimits = LIMITS) -> int:
    """Return the status that a head is refused with."""
    with pytest.raises(PeerError) as refused:
        HeadParser(limits).parse(head if isinstance(head, bytes) else head.replace("\n", "\r\n").encode("latin-1"))
    return int(refused.value.status[:3])


def test_a_whole_request():
    """Everything that a request says is where it belongs."""
    request, block = parse("GET /a%20b?c=%20d HTTP/1.1\nHost: h:1\nAccept: \t x \t\nX-A:\nContent-Type: t")
    assert request == Request(
        "GET",
        "/a%20b?c=%20d",
        "/a b",
        "c=%20d",
        "HTTP/1.1",
        {"HTTP_HOST": "h:1", "HTTP_ACCEPT": "x", "HTTP_X_A": "", "CONTENT_TYPE": "t"},
    )
    assert (block.length, block.persistent, block.awaits) == (0, True, False)


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("GET / HTTP/1.1", ("GET", "/", "", "HTTP/1.1")),
        ("get / HTTP/1.0", ("get", "/", "", "HTTP/1.0")),
        ("M-SEARCH /?? HTTP/1.1", ("M-SEARCH", "/", "?", "HTTP/1.1")),
        ("GET / HTTP/1.7", ("GET", "/", "", "HTTP/1.1")),
        ("GET /%E2%98%83 HTTP/1.1", ("GET", "/\xe2\x98\x83", "", "HTTP/1.1")),
        ("GET /%2e%2E/%zz HTTP/1.1", ("GET", "/../%zz", "", "HTTP/1.1")),
        ("GET //a//b/../c HTTP/1.1", ("GET", "//a//b/../c", "", "HTTP/1.1")),
        ("OPTIONS * HTTP/1.1", ("OPTIONS", "*", "", "HTTP/1.1")),
        ("GET http://o/p?q HTTP/1.1", ("GET", "/p", "q", "HTTP/1.1")),
        ("GET HTTPS://o HTTP/1.1", ("GET", "/", "", "HTTP/1.1")),
        ("GET http://o?q HTTP/1.1", ("GET", "/", "q", "HTTP/1.1")),
    ],
)
def test_request_lines(line, parts):
    request, _ = parse(f"{line}\nHost: h")
    assert (request.method, request.path, request.query, request.protocol) == parts


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", 400),
        ("GET", 400),
        ("GET /", 400),
        ("GET / HTTP/1.1 ", 400),
        ("GET  / HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        (" GET / HTTP/1.1", 400),
        ("GET\t/ HTTP/1.1", 400),
        ("G@T / HTTP/1.1", 400),
        ("GET /a#b HTTP/1.1", 400),
        ("GET /\xe9 HTTP/1.1", 400),
        ("GET /\x7f HTTP/1.1", 400),
        ("GET a HTTP/1.1", 400),
        ("GET ftp://o/ HTTP/1.1", 400),
        ("GET http:///a HTTP/1.1", 400),
        ("GET http://:80/a HTTP/1.1", 400),
        ("GET http://u@o/ HTTP/1.1", 400),
        ("GET http://[::/ HTTP/1.1", 400),
        ("GET http://[a]/ HTTP/1.1", 400),
        ("GET / HTTP/11", 400),
        ("GET / HTTP/1.10", 400),
        ("GET / http/1.1", 400),
        ("GET * HTTP/1.1", 405),
        ("CONNECT a:1 HTTP/1.1", 501),
        ("GET / HTTP/2.0", 505),
        ("GET / HTTP/0.9", 505),
        ("GET /" + "a" * 8190 + " HTTP/1.1", 414),
    ],
)
def test_refused_request_lines(line, code):
    assert status(f"{line}\nHost: h") == code


def test_absolute_form_says_the_host():
    """RFC 9112 section 3.2.2: the target's host counts, but Host must be there all the same."""
    assert parse("GET http://o:1/ HTTP/1.1\nHost: h")[0].fields["HTTP_HOST"] == "o:1"
    assert parse("GET http://o:1/ HTTP/1.0")[0].fields["HTTP_HOST"] == "o:1"
    assert status("GET http://o/ HTTP/1.1") == 400


def test_http_1_0_needs_no_host():
    assert parse("GET / HTTP/1.0")[0].fields == {}
    assert status("GET / HTTP/1.1") == 400


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ("Content-Length: 0", 0),
        ("Content-Length: 007", 7),
        ("Content-Length: " + "9" * 18, int("9" * 18)),
        ("Transfer-Encoding: chunked", CHUNKED),
        ("Transfer-Encoding: Chunked", CHUNKED),
    ],
)
def test_framing(fields, length):
    request, block = parse(f"POST / HTTP/1.1\nHost: h\n{fields}")
    assert block.length == length
    assert "HTTP_TRANSFER_ENCODING" not in request.fields


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ("Content-Length: 1\nContent-Length: 1", 400),
        ("Content-Length: 1, 1", 400),
        ("Content-Length:", 400),
        ("Content-Length: -1", 400),
        ("Content-Length: +1", 400),
        ("Content-Length: 1_0", 400),
        ("Content-Length: 0x1", 400),
        ("Content-Length: \xb2", 400),
        ("Content-Length: " + "9" * 19, 400),
        ("Content-Length: 1\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding:", 400),
        ("Transfer-Encoding: identity", 400),
        ("Transfer-Encoding: \xa0chunked", 400),
        ("Transfer-Encoding: gzip, \x85chunked", 400),
        ("Transfer-Encoding: chunked,", 400),
        ("Transfer-Encoding: , chunked", 400),
        ("Transfer-Encoding: gzip x, chunked", 400),
        ("Transfer-Encoding: gzip ;q=1, chunked", 501),
        ("Transfer-Encoding: chunked, gzip", 400),
        ("Transfer-Encoding: chunked, chunked", 400),
        ("Transfer-Encoding: chunked\nTransfer-Encoding: chunked", 400),
        ("Transfer-Encoding: gzip, chunked", 501),
        ("Transfer-Encoding: gzip\nTransfer-Encoding: chunked", 501),
        ("Expect: the-unexpected", 417),
        ("Expect: 100-continue, x", 417),
        ("Content-Type: a\nContent-Type: b", 400),
        ("Host: h", 400),
        ("X: a\n folded", 400),
        ("X : a", 400),
        ("", 400),
        ("X: " + "a" * 8190, 431),
        ("X: a\n" * 99 + "X: a", 431),
    ],
)
def test_refused_fields(fields, code):
    assert status(f"POST / HTTP/1.1\nHost: h\n{fields}") == code


def test_transfer_encoding_on_http_1_0():
    """RFC 9112 section 6.1: its framing can't be trusted."""
    assert status("POST / HTTP/1.0\nTransfer-Encoding: chunked") == 400


@pytest.mark.parametrize(
    ("protocol", "connection", "persistent"),
    [
        ("1.1", "", True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "X, CLOSE ,y", False),
        ("1.1", "upgrade", True),
        ("1.0", "", False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "keep-alive, close", False),
        ("1.0", "x", False),
        ("1.0", "\xa0keep-alive", False),
    ],
)
def test_persistence(protocol, connection, persistent):
    """RFC 9112 section 9.3."""
    line = f"\nConnection: {connection}" if connection else ""
    request, block = parse(f"GET / HTTP/{protocol}\nHost: h{line}")
    assert block.persistent is persistent
    assert "HTTP_CONNECTION" not in request.fields


def test_expectation():
    """RFC 9110 section 10.1.1: met on 1.1, ignored on 1.0, whatever it is."""
    request, block = parse("POST / HTTP/1.1\nHost: h\nExpect: 100-Continue")
    assert block.awaits
    assert "HTTP_EXPECT" not in request.fields
    for value in ("100-continue", "else"):
        request, block = parse(f"POST / HTTP/1.0\nExpect: {value}")
        assert not block.awaits
        assert "HTTP_EXPECT" not in request.fields


def test_what_ends_here_is_gone():
    """Fields that never reach an application leave no trace, not even an empty key."""
    assert parse("GET / HTTP/1.1\nHost: h\nProxy: x\nX_Y: z")[0].fields == {"HTTP_HOST": "h"}


def test_the_same_fields_again_are_the_same_block():
    """A connection's next head with the same fields is not read again; any difference is seen."""
    parser = HeadParser(LIMITS)
    head = b"GET /%d HTTP/1.%d\r\nHost: %b\r\nCookie: a=1"
    first, block = parser.parse(head % (1, 1, b"h"))
    again, same = parser.parse(head % (2, 1, b"h"), block)
    assert (same is block, again.path, again.fields) == (True, "/2", first.fields)
    assert parser.parse(head % (1, 1, b"other"), block)[0].fields["HTTP_HOST"] == "other"
    _, older = parser.parse(head % (1, 0, b"h"), block)
    assert (older is block, older.persistent) == (False, False)
    absolute, of_its_own = parser.parse(b"GET http://o/ HTTP/1.1\r\nHost: h\r\nCookie: a=1", block)
    assert absolute.fields["HTTP_HOST"] == "o"
    assert parser.parse(head % (1, 1, b"h"), of_its_own)[0].fields["HTTP_HOST"] == "h"


def test_long_blocks_are_not_kept():
    parser = HeadParser(LIMITS)
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 8000
    _, block = parser.parse(head)
    assert parser.parse(head, block)[1] is not block


def test_memory_of_lines_is_bounded_and_holds_no_secret():
    """Lines are remembered up to a bound; never long ones, Cookie or Authorization."""
    parser = HeadParser(LIMITS)
    for number in range(5000):
        parser.parse(b"GET /%d HTTP/1.1\r\nHost: h%d" % (number, number))
    assert 0 < len(parser._field_memo) <= 4096
    assert 0 < len(parser._line_memo) <= 4096
    secret = (
        b"GET /" + b"l" * 300 + b" HTTP/1.1\r\nHost: h\r\nCookie: secret\r\nAuthorization: secret\r\nX: " + b"l" * 300
    )
    parser.parse(secret)
    remembered = [*parser._field_memo, *parser._line_memo]
    assert not [line for line in remembered if b"secret" in line or b"lll" in line]


OCTETS = st.binary(max_size=200)
GRAMMAR = st.lists(
    st.sampled_from(
        [
            b"GET",
            b" ",
            b"/",
            b"*",
            b"http://",
            b"HTTP/1.1",
            b"HTTP/1.0",
            b"\r\n",
            b"\n",
            b"\r",
            b":",
            b"Host: a",
            b"Content-Length: ",
            b"Transfer-Encoding: ",
            b"chunked",
            b"5",
            b"%",
            b"%zz",
            b"#",
            b"?",
            b"\xff",
            b"\x00",
            b"Expect: ",
            b"Connection: ",
            b"CONNECT",
            b"OPTIONS",
            b"[::1]",
            b"@",
            b",",
            b"\xb2",
            b"\t",
        ]
    ),
    max_size=20,
).map(b"".join)


@given(OCTETS | GRAMMAR | GRAMMAR.map(lambda more: b"GET / HTTP/1.1\r\nHost: a\r\n" + more))
@example(b"")
@example(b"\r\n\r\n")
def test_any_octets_are_a_request_or_a_refusal(head):
    """No octets make the parser raise anything else, and what it lets through is clean."""
    try:
        request, block = parse(head)
    except PeerError as error:
        refused = error.status[:3]
        assert refused in {"400", "405", "414", "417", "431", "501", "505"}
        return
    assert request.path.startswith("/") or request.path == "*"
    assert block.length >= CHUNKED
    for key, value in request.fields.items():
        assert key.startswith("HTTP_") or key in {"CONTENT_LENGTH", "CONTENT_TYPE"}
        assert not set(value) & set("\r\n\0")
        assert value == value.strip(" \t")


@given(GRAMMAR, GRAMMAR)
def test_memory_changes_no_answer(one, other):
    """A parser that has seen much, and a connection's last block, answer as a new parser does."""

    def answer(parser: HeadParser, head: bytes, before: FieldBlock | None = None):
        try:
            return parser.parse(head, before)
        except PeerError as error:
            return error.status, None

    parser, block = HeadParser(LIMITS), None
    for head in (b"GET / HTTP/1.1\r\n" + one, b"GET / HTTP/1.0\r\n" + one, b"GET / HTTP/1.1\r\n" + other):
        for _ in range(2):
            request, now = answer(parser, head, block)
            assert (request, now) == answer(HeadParser(LIMITS), head)
            block = now or block


def test_no_block_is_known_again_that_was_not_kept():
    """Whatever stands for a block that is too long to be kept, or that a target's host has changed."""
    parser = HeadParser(LIMITS)
    for first in (b"POST http://h/ HTTP/1.1\r\nHost: h", b"POST / HTTP/1.1\r\nHost: h\r\nX: " + b"y" * 4000):
        _, block = parser.parse(first + b"\r\nContent-Length: 5")
        assert b"\r\n\r\n" in block.octets, "a head can have it"
        with pytest.raises(PeerError):
            parser.parse(b"POST / HTTP/1.1\r\n\0", block)
