"""RFC 9113, sections 3 to 8, row by row: what a client sends that a server could get wrong, and what ours does.

`python -m tests.conformance.http2rows` prints docs/design/what-we-accept-http2.md, which is made from these rows.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

NO, PROTOCOL, _, FLOW, _, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION, _, CALM = range(12)
NAMES = {
    NO: "NO_ERROR",
    PROTOCOL: "PROTOCOL_ERROR",
    FLOW: "FLOW_CONTROL_ERROR",
    CLOSED: "STREAM_CLOSED",
    SIZE: "FRAME_SIZE_ERROR",
    REFUSED: "REFUSED_STREAM",
    COMPRESSION: "COMPRESSION_ERROR",
    CALM: "ENHANCE_YOUR_CALM",
}
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ASK = [(":method", "POST"), (":scheme", "http"), (":path", "/echo"), (":authority", "h")]
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM = ACK = 1
END_HEADERS, PADDED, PRIORITIZED = 4, 8, 32
WHOLE = END_STREAM | END_HEADERS


class Ends(NamedTuple):
    """The connection ends with GOAWAY, and one of these codes."""

    codes: tuple[int, ...]


class Resets(NamedTuple):
    """Stream 1 is reset with this code; the others go on."""

    code: int


class Replies(NamedTuple):
    """Stream 1 is answered; the others go on."""

    status: int
    content: bytes | None = None


class Row(NamedTuple):
    rule: str
    what: str
    send: Callable[[Any], list[bytes]]
    then: Ends | Resets | Replies
    begin: bool = True
    """Whether preface and SETTINGS go before."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", length: int | None = None) -> bytes:
    size = len(payload) if length is None else length
    return struct.pack(">HBBBL", size >> 8, size & 255, kind, flags, stream) + payload


def head(client: Any, stream: int = 1, fields: Any = None, flags: int = WHOLE) -> bytes:
    return frame(HEADERS, flags, stream, client.encoder.encode(ASK if fields is None else fields))


def of(*more: tuple[str, str], without: str = "") -> list[tuple[str, str]]:
    return [pair for pair in ASK if pair[0] != without] + list(more)


def ends(*codes: int) -> Ends:
    return Ends(codes)


def malformed(rule: str, what: str, fields: list[tuple[str, str]]) -> Row:
    return Row(rule, what, lambda c: [head(c, 1, fields)], Resets(PROTOCOL))


S = frame(SETTINGS, 0, 0)


def setting(number: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, struct.pack(">HL", number, value))


def window(stream: int, octets: int) -> bytes:
    return frame(WINDOW, 0, stream, struct.pack(">L", octets))


def rst(stream: int) -> bytes:
    return frame(RST, 0, stream, struct.pack(">L", 8))


def unfinished(c: Any) -> bytes:
    return head(c, 1, flags=END_HEADERS)


def cut_in_three(client: Any) -> list[bytes]:
    block = client.encoder.encode(ASK)
    return [
        frame(HEADERS, END_STREAM, 1, block[:3]),
        frame(CONTINUATION, 0, 1, block[3:5]),
        frame(CONTINUATION, END_HEADERS, 1, block[5:]),
    ]


OK = Replies(200)
OVERRUN = Replies(413)
SLEEP = [(":method", "GET"), (":scheme", "http"), (":path", "/sleep?seconds=0.3"), (":authority", "h")]
ROWS = [
    # 3. Starting
    Row("3.4", "a wrong preface after its first line", lambda c: [PREFACE[:20] + b"XX\r\n\r\n"], ends(PROTOCOL), False),
    Row("3.4", "a preface without SETTINGS", lambda c: [PREFACE, head(c)], ends(PROTOCOL), False),
    Row("3.4", "an acknowledgment first", lambda c: [PREFACE, frame(SETTINGS, ACK, 0)], ends(PROTOCOL), False),
    Row("3.4", "preface, SETTINGS and request at once", lambda c: [PREFACE + S + head(c)], OK, False),
    # 4. Frames
    Row("4.1", "a frame of an unknown type", lambda c: [frame(0x42, 0xFF, 1, b"abc"), head(c)], OK),
    Row("4.1", "flags that mean nothing", lambda c: [frame(PING, 0x16, 0, bytes(8)), head(c)], OK),
    Row("4.1", "the reserved bit of a stream's number", lambda c: [head(c, 1 | 1 << 31)], OK),
    Row("4.2", "a frame of 16,384 octets", lambda c: [unfinished(c), frame(DATA, 1, 1, bytes(16384))], OK),
    Row("4.2", "DATA of 16,385 octets", lambda c: [unfinished(c), frame(DATA, 1, 1, b"", 16385)], ends(SIZE)),
    Row("4.2", "HEADERS of 16,385 octets", lambda c: [frame(HEADERS, WHOLE, 1, b"", 16385)], ends(SIZE)),
    Row("4.2", "an unknown frame of 16 MiB", lambda c: [frame(0x42, 0, 0, b"", (1 << 24) - 1)], ends(SIZE)),
    Row(
        "4.3",
        "a field section that HPACK can't decode",
        lambda c: [frame(HEADERS, WHOLE, 1, b"\xff" * 9)],
        ends(COMPRESSION, PROTOCOL),
    ),
    Row(
        "4.3",
        "another frame in a field section",
        lambda c: [head(c, 1, flags=1), frame(PING, 0, 0, bytes(8))],
        ends(PROTOCOL),
    ),
    Row(
        "4.3", "an unknown frame in a field section", lambda c: [head(c, 1, flags=1), frame(0x42, 0, 1)], ends(PROTOCOL)
    ),
    Row(
        "4.3",
        "another stream's HEADERS in a field section",
        lambda c: [head(c, 1, flags=1), head(c, 3)],
        ends(PROTOCOL),
    ),
    Row(
        "4.3",
        "a table size update beyond what was agreed",
        lambda c: [frame(HEADERS, WHOLE, 1, b"\x3f\xe2\xff\x03")],
        ends(COMPRESSION, PROTOCOL),
    ),
    # 5. Streams
    Row("5.1", "DATA on an idle stream", lambda c: [frame(DATA, 1, 1, b"a")], ends(PROTOCOL)),
    Row("5.1", "RST_STREAM on an idle stream", lambda c: [rst(1)], ends(PROTOCOL)),
    Row("5.1", "WINDOW_UPDATE on an idle stream", lambda c: [window(1, 1)], ends(PROTOCOL)),
    Row("5.1", "PRIORITY on an idle stream", lambda c: [frame(PRIORITY, 0, 9, bytes(4) + b"\1"), head(c)], OK),
    Row("5.1", "CONTINUATION of nothing", lambda c: [frame(CONTINUATION, 4, 1)], ends(PROTOCOL)),
    Row(
        "5.1",
        "DATA after the end of the request",
        lambda c: [head(c, 1, SLEEP), frame(DATA, 1, 1, b"a")],
        Resets(CLOSED),
    ),
    Row(
        "5.1",
        "HEADERS after the end of the request",
        lambda c: [head(c, 1, SLEEP), head(c, 1, SLEEP)],
        Resets(CLOSED),
    ),
    Row(
        "5.1",
        "DATA after the client's own RST_STREAM",
        lambda c: [head(c, 3, flags=4), rst(3), frame(DATA, 1, 3, b"a"), head(c, 5)],
        Replies(0),
    ),
    Row(
        "5.1",
        "WINDOW_UPDATE after the client's own RST_STREAM",
        lambda c: [head(c, 3, flags=4), rst(3), window(3, 9)],
        Replies(0),
    ),
    Row("5.1.1", "a stream of an even number", lambda c: [head(c, 2)], ends(PROTOCOL)),
    Row("5.1.1", "stream 0 for a request", lambda c: [head(c, 0)], ends(PROTOCOL)),
    Row("5.1.1", "a number lower than the last", lambda c: [head(c, 5), head(c, 3)], ends(PROTOCOL, CLOSED)),
    Row(
        "5.1.2",
        "more streams than agreed",
        lambda c: [head(c, 1 + 2 * n, SLEEP) for n in range(1, 11)] + [head(c, 1 + 2 * 11), b""],
        Replies(0),
    ),
    Row(
        "5.3.1",
        "a stream that depends on itself",
        lambda c: [frame(PRIORITY, 0, 1, struct.pack(">LB", 1, 1))],
        ends(PROTOCOL),
    ),
    Row("5.4.1", "after GOAWAY nothing is served", lambda c: [frame(PING, 0, 1, bytes(8)), head(c, 1)], ends(PROTOCOL)),
    Row("5.5", "a setting that nobody knows", lambda c: [setting(0x99, 7), head(c)], OK),
    # 6. Frames
    Row("6.1", "DATA on stream 0", lambda c: [frame(DATA, 0, 0, b"a")], ends(PROTOCOL)),
    Row("6.1", "DATA with padding", lambda c: [unfinished(c), frame(DATA, 9, 1, b"\2abc\0\0")], Replies(200, b"abc")),
    Row(
        "6.1",
        "padding as long as the frame",
        lambda c: [unfinished(c), frame(DATA, 9, 1, b"\6abc\0\0")],
        ends(PROTOCOL),
    ),
    Row(
        "6.1", "padding of a length that is missing", lambda c: [unfinished(c), frame(DATA, 9, 1)], ends(PROTOCOL, SIZE)
    ),
    Row(
        "6.2",
        "HEADERS with padding and priority",
        lambda c: [
            frame(HEADERS, WHOLE | PADDED | PRIORITIZED, 1, b"\1" + bytes(4) + b"\7" + c.encoder.encode(ASK) + b"\0")
        ],
        OK,
    ),
    Row(
        "6.2",
        "padding longer than HEADERS",
        lambda c: [frame(HEADERS, WHOLE | PADDED, 1, b"\xff" + c.encoder.encode(ASK))],
        ends(PROTOCOL),
    ),
    Row("6.3", "PRIORITY on stream 0", lambda c: [frame(PRIORITY, 0, 0, bytes(5))], ends(PROTOCOL)),
    Row("6.3", "PRIORITY of 4 octets", lambda c: [frame(PRIORITY, 0, 1, bytes(4))], ends(SIZE)),
    Row("6.4", "RST_STREAM on stream 0", lambda c: [rst(0)], ends(PROTOCOL)),
    Row("6.4", "RST_STREAM of 3 octets", lambda c: [unfinished(c), frame(RST, 0, 1, bytes(3))], ends(SIZE)),
    Row("6.5", "SETTINGS on a stream", lambda c: [frame(SETTINGS, 0, 1)], ends(PROTOCOL)),
    Row("6.5", "SETTINGS of 5 octets", lambda c: [frame(SETTINGS, 0, 0, bytes(5))], ends(SIZE)),
    Row("6.5", "an acknowledgment with a payload", lambda c: [frame(SETTINGS, ACK, 0, bytes(6))], ends(SIZE)),
    Row("6.5.2", "ENABLE_PUSH of 2", lambda c: [setting(2, 2)], ends(PROTOCOL)),
    Row("6.5.2", "INITIAL_WINDOW_SIZE beyond 2³¹-1", lambda c: [setting(4, 1 << 31)], ends(FLOW)),
    Row("6.5.2", "MAX_FRAME_SIZE of 16,383", lambda c: [setting(5, 16383)], ends(PROTOCOL)),
    Row("6.5.2", "MAX_FRAME_SIZE of 2²⁴", lambda c: [setting(5, 1 << 24)], ends(PROTOCOL)),
    Row(
        "6.5.3",
        "the last of a setting's values counts",
        lambda c: [frame(SETTINGS, 0, 0, struct.pack(">HLHL", 5, 16384, 5, 32768)), head(c)],
        OK,
    ),
    Row(
        "6.6",
        "PUSH_PROMISE from a client",
        lambda c: [unfinished(c), frame(PUSH, 4, 1, struct.pack(">L", 2) + c.encoder.encode(ASK))],
        ends(PROTOCOL),
    ),
    Row("6.7", "PING on a stream", lambda c: [frame(PING, 0, 1, bytes(8))], ends(PROTOCOL)),
    Row("6.7", "PING of 7 octets", lambda c: [frame(PING, 0, 0, bytes(7))], ends(SIZE)),
    Row(
        "6.7", "an acknowledgment of a PING that was never sent", lambda c: [frame(PING, ACK, 0, bytes(8)), head(c)], OK
    ),
    Row("6.8", "GOAWAY on a stream", lambda c: [frame(GOAWAY, 0, 1, bytes(8))], ends(PROTOCOL)),
    Row("6.8", "GOAWAY of 7 octets", lambda c: [frame(GOAWAY, 0, 0, bytes(7))], ends(SIZE)),
    Row("6.9", "WINDOW_UPDATE of 0 on a stream", lambda c: [unfinished(c), window(1, 0)], ends(PROTOCOL)),
    Row("6.9", "WINDOW_UPDATE of 0 on the connection", lambda c: [window(0, 0)], ends(PROTOCOL)),
    Row("6.9", "WINDOW_UPDATE of 3 octets", lambda c: [frame(WINDOW, 0, 0, bytes(3))], ends(SIZE)),
    Row("6.9.1", "a stream's window beyond 2³¹-1", lambda c: [unfinished(c), window(1, (1 << 31) - 1)], Resets(FLOW)),
    Row("6.9.1", "the connection's window beyond 2³¹-1", lambda c: [window(0, (1 << 31) - 1)], ends(FLOW)),
    Row(
        "6.9.2",
        "settings that open a stream's window beyond 2³¹-1",
        lambda c: [unfinished(c), window(1, 1 << 30), setting(4, (1 << 31) - 1)],
        ends(FLOW),
    ),
    Row(
        "6.9.1",
        "more content at once than the windows allow",
        lambda c: [unfinished(c), frame(DATA, 0, 1, bytes(16384)) * 100],
        OVERRUN,
    ),
    Row("6.10", "a field section in three frames", cut_in_three, OK),
    Row("6.10", "CONTINUATION on stream 0", lambda c: [head(c, 1, flags=1), frame(CONTINUATION, 4, 0)], ends(PROTOCOL)),
    Row(
        "6.10",
        "CONTINUATION on another stream",
        lambda c: [head(c, 1, flags=1), frame(CONTINUATION, 4, 3)],
        ends(PROTOCOL),
    ),
    Row("6.10", "CONTINUATION after the section's end", lambda c: [head(c), frame(CONTINUATION, 4, 1)], ends(PROTOCOL)),
    Row(
        "6.10",
        "CONTINUATION after DATA",
        lambda c: [unfinished(c), frame(DATA, 0, 1, b"a"), frame(CONTINUATION, 4, 1)],
        ends(PROTOCOL),
    ),
    # 8. HTTP
    Row(
        "8.1",
        "content in several frames",
        lambda c: [unfinished(c), frame(DATA, 0, 1, b"ab"), frame(DATA, 0, 1), frame(DATA, 1, 1, b"c")],
        Replies(200, b"abc"),
    ),
    Row(
        "8.1",
        "trailers: read and dropped",
        lambda c: [unfinished(c), frame(DATA, 0, 1, b"ab"), head(c, 1, [("x-sum", "1")])],
        Replies(200, b"ab"),
    ),
    Row(
        "8.1",
        "trailers without the end of the stream",
        lambda c: [unfinished(c), frame(DATA, 0, 1, b"ab"), head(c, 1, [("x-sum", "1")], 4)],
        ends(PROTOCOL),
    ),
    Row(
        "8.1",
        "a pseudo-header field in trailers",
        lambda c: [unfinished(c), head(c, 1, [(":path", "/b")])],
        Resets(PROTOCOL),
    ),
    Row(
        "8.1.1",
        "content-length greater than the content",
        lambda c: [head(c, 1, of(("content-length", "3")), 4), frame(DATA, 1, 1, b"ab")],
        Resets(PROTOCOL),
    ),
    Row(
        "8.1.1",
        "content-length less than the content",
        lambda c: [head(c, 1, of(("content-length", "1")), 4), frame(DATA, 1, 1, b"ab")],
        Resets(PROTOCOL),
    ),
    Row(
        "8.1.1", "content-length, and no content", lambda c: [head(c, 1, of(("content-length", "1")))], Resets(PROTOCOL)
    ),
    Row(
        "8.1.1",
        "content-length that fits",
        lambda c: [head(c, 1, of(("content-length", "2")), 4), frame(DATA, 1, 1, b"ab")],
        Replies(200, b"ab"),
    ),
    Row(
        "8.1.1", "content-length that is no number", lambda c: [head(c, 1, of(("content-length", "+2")))], Replies(400)
    ),
    Row(
        "8.1.1",
        "two content-length",
        lambda c: [head(c, 1, of(("content-length", "0"), ("content-length", "0")))],
        Replies(400),
    ),
    malformed("8.2.1", "a name in upper case", of(("X-Y", "z"))),
    malformed("8.2.1", "an empty name", of(("", "z"))),
    malformed("8.2.1", "a name with a space", of(("x y", "z"))),
    malformed("8.2.1", "a name with a colon in it", of(("x:y", "z"))),
    malformed("8.2.1", "a value with NUL", of(("x", "a\0b"))),
    malformed("8.2.1", "a value with LF", of(("x", "a\nb"))),
    malformed("8.2.1", "a value with CR", of(("x", "a\rb"))),
    malformed("8.2.1", "a value that begins with a space", of(("x", " a"))),
    malformed("8.2.1", "a value that ends with a tab", of(("x", "a\t"))),
    malformed("8.2.2", "connection", of(("connection", "close"))),
    malformed("8.2.2", "keep-alive", of(("keep-alive", "1"))),
    malformed("8.2.2", "proxy-connection", of(("proxy-connection", "close"))),
    malformed("8.2.2", "transfer-encoding", of(("transfer-encoding", "chunked"))),
    malformed("8.2.2", "upgrade", of(("upgrade", "websocket"))),
    malformed("8.2.2", "te that is not trailers", of(("te", "gzip"))),
    Row("8.2.2", "te: trailers", lambda c: [head(c, 1, of(("te", "trailers")))], OK),
    Row("8.2.3", "cookie in crumbs", lambda c: [head(c, 1, of(("cookie", "a=b"), ("cookie", "c=d")))], OK),
    malformed("8.3", "a pseudo-header field after others", [("x", "y"), *ASK]),
    malformed("8.3", "a pseudo-header field that is unknown", of((":version", "2"))),
    malformed("8.3", "a response's pseudo-header field", of((":status", "200"))),
    malformed("8.3", "a pseudo-header field twice", of((":path", "/"))),
    malformed("8.3.1", "no :method", of(without=":method")),
    malformed("8.3.1", "no :scheme", of(without=":scheme")),
    malformed("8.3.1", "no :path", of(without=":path")),
    malformed("8.3.1", "an empty :path", of((":path", ""), without=":path")),
    malformed("8.3.1", "a :path that is a whole URI", of((":path", "http://h/"), without=":path")),
    malformed("8.3.1", "an empty :authority", of((":authority", ""), without=":authority")),
    Row("8.3.1", "no :authority, but host", lambda c: [head(c, 1, of(("host", "h"), without=":authority"))], OK),
    Row("8.3.1", "neither :authority nor host", lambda c: [head(c, 1, of(without=":authority"))], Replies(400)),
    Row("8.3.1", ":authority and host that differ", lambda c: [head(c, 1, of(("host", "other")))], Replies(400)),
    Row("8.3.1", ":authority and host that are the same", lambda c: [head(c, 1, of(("host", "H")))], OK),
    Row(
        "8.3.1",
        ":authority with user information",
        lambda c: [head(c, 1, of((":authority", "u@h"), without=":authority"))],
        Replies(400),
    ),
    Row(
        "8.3.1",
        "OPTIONS *",
        lambda c: [head(c, 1, [(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "h")])],
        OK,
    ),
    Row("8.3.1", "* with another method", lambda c: [head(c, 1, of((":path", "*"), without=":path"))], Replies(405)),
    Row("8.5", "CONNECT", lambda c: [head(c, 1, [(":method", "CONNECT"), (":authority", "h:1")])], Replies(501)),
    Row(
        "8.7",
        "more fields than the limit",
        lambda c: [head(c, 1, of(*((f"x{n}", "") for n in range(101))))],
        Replies(431),
    ),
    Row("8.7", "a field longer than the limit", lambda c: [head(c, 1, of(("x", "y" * 9000)))], Replies(431)),
    Row(
        "8.7",
        "a path longer than the limit",
        lambda c: [head(c, 1, of((":path", "/" + "y" * 9000), without=":path"))],
        Replies(414),
    ),
    Row(
        "8.7",
        "content longer than the limit",
        lambda c: [head(c, 1, of(("content-length", "9999999")), 4)],
        Replies(413),
    ),
]


_PAGE = """\
# What we accept in HTTP/2

[RFC 9113](https://www.rfc-editor.org/rfc/rfc9113), sections 3 to 8: each row is what a client may send and a server
may get wrong, frame by frame, tested over a socket on both transports (`tests/conformance/test_http2.py`); this page is
made from the rows. The fields themselves are judged as in HTTP/1.1, by the same code:
[what we accept](what-we-accept.md).

"GOAWAY" ends the connection, and nothing after it is read. All other rows leave it usable, which is tested with one
more request. What is malformed (section 8.1.1) resets its stream; where the request could be read all the same, a
status tells what is wrong. A server may end the connection for a stream's error (section 5.4.1): the rows say where
ours does.

| RFC 9113 | Sent | Answer |
|---|---|---|
"""


def page() -> str:
    return _PAGE + "".join(f"| {_rule(row.rule)} | {row.what} | {_then(row.then)} |\n" for row in ROWS)


def _rule(rule: str) -> str:
    return f"[§{rule}](https://www.rfc-editor.org/rfc/rfc9113#section-{rule})"


def _then(then: Ends | Resets | Replies) -> str:
    if isinstance(then, Ends):
        return "GOAWAY " + " or ".join(NAMES[code] for code in then.codes)
    if isinstance(then, Resets):
        return f"RST_STREAM {NAMES[then.code]}"
    return {200: "served", 0: "the stream ends, others are served"}.get(then.status, str(then.status))


if __name__ == "__main__":
    sys.stdout.write(page())
