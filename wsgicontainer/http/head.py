"""Reads request heads: request line and field lines, strictly as RFC 9112 sections 2, 3 and 5 write them.

What clients repeat is checked once. A connection keeps its last block of field lines: the same octets again need one
comparison (a browser's twelve lines: 39,000 instructions fewer of 106,000 for a whole request). Other blocks are split,
and a bounded memo shared by all maps a line that has passed the checks to its `(environ key, value)`, and a request
line to its parts. Never in the memo: what is secret (Authorization, Cookie) or long. Pure: bytes in, values out,
PeerError for what is wrong. Runs in: any; the memo's entries are values and its operations atomic, so a race costs a
second look-up.
"""

from __future__ import annotations

import re
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from attrs import frozen

from wsgicontainer.errors import PeerError
from wsgicontainer.http import headers
from wsgicontainer.http.forwarding import FIELDS, Proxies
from wsgicontainer.messages import Request

_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21\x22\x24-\x7e]+) HTTP/([0-9])\.([0-9])")
_ABSOLUTE = re.compile(r"https?://([^/?]+)(.*)", re.IGNORECASE)
_CODING = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+([ \t]*;.*)?")
_SECRET = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")
_MEMO_ENTRIES = 4096
"""Lines remembered of each kind: far more than the browsers of a day differ in; full, it starts anew."""
_BLOCK_OCTETS = 512
"""Longest block of fields remembered for all connections: clients that open one for each request send short ones.

With `_BLOCKS` of them the memo stays below 2 MiB."""
_BLOCKS = 512
_MEMO_OCTETS = 256
"""Longest line remembered: with 4,096 entries the memo stays below 2 MiB."""
KEPT = 2048
"""Longest head, or block of fields, that a connection keeps to compare the next one with: browsers send less."""
_NOTHING = b"\r\n\r\n"
"""A block that no head can have: it would have ended there."""

CHUNKED = -1
"""A content length that is not known before the last chunk."""

_K = TypeVar("_K")
_V = TypeVar("_V")
_Line = tuple[str, str, str, str, str, str]


@frozen
class HeadLimits:
    """Bounds on a head, in octets and lines."""

    request_line: int
    fields: int
    field_size: int


@frozen
class FieldBlock:
    """The field lines of one head, read."""

    octets: bytes
    """As they came, to know them again; `_NOTHING` for what is not worth keeping."""
    protocol: str
    fields: dict[str, str]
    """Under their CGI names. Shared by requests: copy before a change."""
    length: int
    """Octets of content, or CHUNKED."""
    persistent: bool
    """Whether the connection may stay after the reply (RFC 9112 section 9.3)."""
    awaits: bool
    """Whether the client waits for 100 Continue."""
    origin: dict[str, str] | None = None
    """What a trusted proxy's fields change in the environ; None if the peer is none."""


class HeadParser:
    """Turns heads into requests. Runs in: whoever owns a connection; shared by all of them."""

    def __init__(self, limits: HeadLimits, proxies: Proxies | None = None) -> None:
        """Start with empty memos; `proxies` reads the forwarding fields, which end here if it is None."""
        self._limits, self._proxies = limits, proxies
        self._kept = FIELDS if proxies is not None else frozenset()
        self._longest = limits.field_size
        self._field_memo: dict[bytes, tuple[str, str]] = {}
        self._line_memo: dict[bytes, _Line] = {}
        self._block_memo: dict[tuple[bytes, str], FieldBlock] = {}

    def parse(self, head: bytes, before: FieldBlock | None = None) -> tuple[Request, FieldBlock]:
        """Return the request and what its fields say about framing.

        `head` is everything before the empty line; `before` is what the same connection's last head returned: clients
        send the same fields again and again. Raises PeerError 400, 405, 414, 417, 431, 501 or 505.
        """
        cut = head.find(b"\r\n")
        first, octets = (head[:cut], head[cut + 2 :]) if cut >= 0 else (head, b"")
        method, target, path, query, protocol, host = self._line_memo.get(first) or self._request_line(first)
        if before is None or before.octets != octets or before.protocol != protocol or host:
            before = (None if host else self._block_memo.get((octets, protocol))) or self._field_block(
                octets, protocol, host
            )
        return Request(method, target, path, query, protocol, before.fields), before

    def check_request_line(self, line: bytes) -> None:
        """Raise PeerError for what no field line can mend: HTTP/0.9 sends nothing but this line, and waits."""
        if line not in self._line_memo:
            self._request_line(line)

    def _field_block(self, octets: bytes, protocol: str, host: str) -> FieldBlock:
        lines = octets.split(b"\r\n") if octets else []
        if len(lines) > self._limits.fields:
            raise PeerError("431 Request Header Fields Too Large", f"more than {self._limits.fields} field lines")
        fields: dict[str, str] = {}
        remembered = self._field_memo.get
        for line in lines:
            key, value = remembered(line) or self._field(line)
            if key in fields and key:
                value = headers.joined(key, fields[key], value)
            fields[key] = value
        fields.pop("", None)
        if protocol == "HTTP/1.1" and "HTTP_HOST" not in fields:
            raise PeerError("400 Bad Request", "Host is missing (RFC 9112 section 3.2)")
        if host:
            fields["HTTP_HOST"] = host
        origin = None if self._proxies is None else self._proxies.origin(fields)
        length = _content_length(fields, protocol)
        awaits = _awaits_continue(fields, protocol)
        persistent = _persistent(fields.pop("HTTP_CONNECTION", ""), protocol)
        kept = octets if len(octets) <= KEPT and not host else _NOTHING
        block = FieldBlock(kept, protocol, fields, length, persistent, awaits, origin)
        if origin is None and kept is octets and len(octets) <= _BLOCK_OCTETS and fields.keys().isdisjoint(_SECRET):
            _remember(self._block_memo, (octets, protocol), block, _BLOCKS)
        return block

    def _field(self, line: bytes) -> tuple[str, str]:
        if len(line) > self._longest:
            raise PeerError("431 Request Header Fields Too Large", f"a field line exceeds {self._longest} octets")
        entry = headers.field(line, self._kept)
        if len(line) <= _MEMO_OCTETS and entry[0] not in _SECRET:
            _remember(self._field_memo, line, entry)
        return entry

    def _request_line(self, line: bytes) -> _Line:
        if len(line) > self._limits.request_line:
            raise PeerError("414 URI Too Long", f"the request line exceeds {self._limits.request_line} octets")
        match = _REQUEST_LINE.fullmatch(line)
        if match is None:
            raise PeerError("400 Bad Request", "malformed request line")
        method, target = match[1].decode("ascii"), match[2].decode("ascii")
        protocol = _protocol(match[3], match[4])
        parts = (method, target, *_target(method, target, protocol))
        if len(line) <= _MEMO_OCTETS:
            _remember(self._line_memo, line, parts)
        return parts


def _remember(memo: dict[_K, _V], key: _K, entry: _V, most: int = _MEMO_ENTRIES) -> None:
    if len(memo) >= most:
        memo.clear()
    memo[key] = entry


def _protocol(major: bytes, minor: bytes) -> str:
    """RFC 9112 section 2.3 and RFC 9110 section 2.5: any HTTP/1.x above 1.1 is read as 1.1."""
    if major != b"1":
        raise PeerError(
            "505 HTTP Version Not Supported",
            "HTTP/1.1 is spoken here; HTTP/2 over TLS, or by prior knowledge from --forwarded-allow-ips",
        )
    return "HTTP/1.0" if minor == b"0" else "HTTP/1.1"


def _target(method: str, target: str, protocol: str) -> tuple[str, str, str, str]:
    """Return path, query, protocol and host of a request target (RFC 9112 section 3.2)."""
    host = ""
    if method == "CONNECT":
        raise PeerError("501 Not Implemented", "CONNECT is for proxies")
    if target == "*":
        if method != "OPTIONS":
            raise PeerError("405 Method Not Allowed", "* is a target for OPTIONS only")
        return "*", "", protocol, host
    rest = target
    if target[0] != "/":
        match = _ABSOLUTE.fullmatch(target)
        if match is None or match[1].startswith(":") or not headers.is_host(match[1]):
            raise PeerError("400 Bad Request", "malformed request target")
        host, rest = match[1], match[2]
        if not rest.startswith("/"):
            rest = "/" + rest
    path, _, query = rest.partition("?")
    if "%" in path:
        path = unquote_to_bytes(path).decode("latin-1")
    return path, query, protocol, host


def _content_length(fields: dict[str, str], protocol: str) -> int:
    """RFC 9112 section 6: what cannot be framed beyond doubt is refused."""
    coding = fields.pop("HTTP_TRANSFER_ENCODING", None)
    given = fields.get("CONTENT_LENGTH")
    if coding is not None:
        _check_coding(coding, given, protocol)
        return CHUNKED
    if given is None:
        return 0
    if not given.isascii() or not given.isdecimal() or len(given) > 18:
        raise PeerError("400 Bad Request", "malformed Content-Length")
    return int(given)


def _check_coding(coding: str, given: str | None, protocol: str) -> None:
    if given is not None:
        raise PeerError("400 Bad Request", "both Transfer-Encoding and Content-Length")
    if protocol == "HTTP/1.0":
        raise PeerError("400 Bad Request", "Transfer-Encoding in HTTP/1.0")
    if coding.lower() == "chunked":
        return
    codings = [part.strip(" \t").lower() for part in coding.split(",")]
    if not all(_CODING.fullmatch(part) for part in codings):
        raise PeerError("400 Bad Request", "malformed Transfer-Encoding")
    if codings[-1] != "chunked" or codings.count("chunked") > 1:
        raise PeerError("400 Bad Request", "chunked is not the last transfer coding, once")
    raise PeerError("501 Not Implemented", "the only transfer coding spoken here is chunked")


def _awaits_continue(fields: dict[str, str], protocol: str) -> bool:
    """RFC 9110 section 10.1.1."""
    expectation = fields.pop("HTTP_EXPECT", None)
    if expectation is None or protocol == "HTTP/1.0":
        return False
    if expectation.lower() != "100-continue":
        raise PeerError("417 Expectation Failed", "the only expectation met here is 100-continue")
    return True


def _persistent(connection: str, protocol: str) -> bool:
    """RFC 9112 section 9.3."""
    if not connection:
        return protocol == "HTTP/1.1"
    options = [option.strip(" \t") for option in connection.lower().split(",")]
    if "close" in options:
        return False
    return protocol == "HTTP/1.1" or "keep-alive" in options
