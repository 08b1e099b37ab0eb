"""Turns a field section (RFC 9113 section 8) into the head that `http.head` reads, so that one policy holds for both.

What is malformed by HTTP/2's own rules is found here; limits, names that never reach an application, Host, lengths,
expectations and what proxies say are judged there, by the same code and with the same memos. No value gets there that
could be taken for two lines. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from wsgicontainer.errors import PeerError

_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
_VALUE = re.compile(rb"(?![ \t])[^\0\r\n]*(?<![ \t])")
_PSEUDO = frozenset({b":method", b":scheme", b":path", b":authority"})
_CONNECTION = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade"})
"""RFC 9113 section 8.2.2."""
_TARGET = re.compile(rb"/[^ ]*|\*")
_URGENCY = re.compile(rb"(?:^|,)[ \t]*u=([0-7])[ \t]*(?:[,;]|$)")
_INCREMENTAL = re.compile(rb"(?:^|,)[ \t]*i(=\?1)?[ \t]*(?:[,;]|$)")
_SECRET = (b"cookie", b"authorization")
_MEMO_ENTRIES = 4096
_MEMO_OCTETS = 256
_USUAL = (3, True)
"""Urgency, and whether it takes turns with others: what has no priority field does, so that nobody waits for another.

RFC 9218 section 4 would have them one after the other, but leaves it to the server."""

Field = tuple[bytes, bytes]


class Malformed(PeerError):
    """A request that is none (RFC 9113 section 8.1.1): its stream is reset."""

    def __init__(self, reason: str) -> None:
        """Take a reason for the log."""
        super().__init__("400 Bad Request", reason)


@frozen
class Head:
    """What a field section says, in the words of HTTP/1.1."""

    octets: bytes
    """Request line and field lines, without an empty line."""
    priority: tuple[int, bool]
    """Urgency, and whether it takes turns with others (RFC 9218 section 4)."""


class Heads:
    """Reads field sections. Runs in: whoever owns a connection; shared by all of them."""

    def __init__(self) -> None:
        """Start with an empty memo: of fields that were found sound, and their lines."""
        self._lines: dict[Field, bytes] = {}

    def read(self, fields: Iterable[Field]) -> Head:
        """Return a head. Raises Malformed, and PeerError 400."""
        pseudo: dict[bytes, bytes] = {}
        lines: list[bytes] = []
        remembered = self._lines.get
        host = None
        priority = _USUAL
        for pair in fields:
            line = remembered(pair)
            if line is None:
                name, value = pair
                if name[:1] == b":":
                    if lines or host is not None or name not in _PSEUDO or name in pseudo:
                        raise Malformed("pseudo-header fields that are unknown, repeated or late")
                    pseudo[name] = value
                    continue
                line = self._line(name, value)
                if name == b"host":
                    host = _only(host, value)
                    continue
                if name == b"priority":
                    priority = read_priority(value)
            lines.append(line)
        return Head(_first(pseudo, host) + b"".join(lines), priority)

    def _line(self, name: bytes, value: bytes) -> bytes:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Malformed("a malformed field")
        if name in _CONNECTION or (name == b"te" and value.lower() != b"trailers"):
            raise Malformed("a field that belongs to HTTP/1.1 connections")
        line = b"\r\n%b: %b" % (name, value)
        if len(line) <= _MEMO_OCTETS and name not in _SECRET and name not in (b"host", b"priority"):
            if len(self._lines) >= _MEMO_ENTRIES:
                self._lines.clear()
            self._lines[name, value] = line
        return line

    def check_trailers(self, fields: Iterable[Field]) -> None:
        """Look at a trailer section, which is dropped. Raises Malformed."""
        for name, value in fields:
            self._line(name, value)


def _only(host: bytes | None, value: bytes) -> bytes:
    if host is not None:
        raise PeerError("400 Bad Request", "Host sent twice")
    return value


def _first(pseudo: dict[bytes, bytes], host: bytes | None) -> bytes:
    """Word the request line and Host (RFC 9113 section 8.3.1)."""
    method, path, authority = pseudo.get(b":method"), pseudo.get(b":path"), pseudo.get(b":authority")
    if method == b"CONNECT" and path is None:
        raise PeerError("501 Not Implemented", "CONNECT is for proxies")
    if method is None or path is None or b":scheme" not in pseudo:
        raise Malformed("a pseudo-header field is missing")
    if not _TARGET.fullmatch(path) or authority == b"" or not all(map(_VALUE.fullmatch, pseudo.values())):
        raise Malformed("a malformed pseudo-header field")
    if authority is None:
        authority = host
    elif host is not None and host.lower() != authority.lower():
        raise PeerError("400 Bad Request", ":authority and Host differ (RFC 9113 section 8.3.1)")
    line = b"%b %b HTTP/1.1" % (method, path)
    return line if authority is None else b"%b\r\nhost: %b" % (line, authority)


def read_priority(value: bytes) -> tuple[int, bool]:
    """Read a priority field's value (RFC 9218 section 4); what can't be read is as if it were not there."""
    urgency = _URGENCY.search(value)
    return (int(urgency[1]) if urgency else _USUAL[0]), _INCREMENTAL.search(value) is not None


def request_line(fields: Iterable[Field]) -> tuple[bytes, bytes]:
    """Say which method and target a request has that could not be read, for the log."""
    said = dict(fields)
    return said.get(b":method", b"-"), said.get(b":path", b"-")
