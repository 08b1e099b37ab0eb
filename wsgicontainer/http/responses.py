"""Renders response heads: an application's status and fields become checked HTTP/1.1 text.

A bounded memo maps a field that has passed the checks to its line, as for requests: `Content-Type: text/html` is the
same on every page. Never remembered: long ones, and those that differ from reply to reply. Pure.
"""

from __future__ import annotations

from wsgicontainer.errors import ApplicationError
from wsgicontainer.http import headers
from wsgicontainer.messages import Fields, ResponseHead

_PLAIN, _LENGTH, _CONNECTION, _SERVER = range(4)
_KINDS = {"content-length": _LENGTH, "connection": _CONNECTION, "server": _SERVER}
_FICKLE = frozenset({"set-cookie", "date", "etag", "last-modified", "location", "expires", "content-range"})
_SPELLED = {"date": "Date"}
"""Names that others look for in a rendered block."""
_MEMO_ENTRIES = 1024
_MEMO_OCTETS = 160

_Line = tuple[str, int]


class ResponseHeads:
    """Checks and renders. Runs in: any; the memos' operations are atomic and their entries values."""

    def __init__(self, server: str) -> None:
        """`server` names this software in the Server field unless an application gives its own."""
        self._server = f"Server: {server}\r\n"
        self._statuses: dict[str, tuple[int, str]] = {}
        self._lines: dict[tuple[str, str], _Line] = {}

    def render(self, status: str, fields: Fields) -> ResponseHead:
        """Return the head of a response. Raises ApplicationError for what PEP 3333 or RFC 9110 forbids."""
        code, text = self._statuses.get(status) or self._status(status)
        length: int | None = None
        close = named = False
        remembered = self._lines.get
        try:
            for pair in headers.checked(fields):
                line, kind = remembered(pair) or self._line(pair)
                text += line
                if kind == _PLAIN:
                    continue
                if kind == _LENGTH:
                    length = _the_same(int(pair[1]), length)
                elif kind == _CONNECTION:
                    close = True
                else:
                    named = True
        except TypeError:
            raise ApplicationError(f"response header {pair!r} is not a tuple of two strings") from None
        return ResponseHead(code, status, fields, text if named else text + self._server, length, close)

    def _status(self, status: object) -> tuple[int, str]:
        code = headers.status_code(status)
        entry = (code, f"HTTP/1.1 {status}\r\n" if " " in str(status) else f"HTTP/1.1 {status} \r\n")
        if len(self._statuses) < _MEMO_ENTRIES:
            self._statuses[str(status)] = entry
        return entry

    def _line(self, pair: tuple[str, str]) -> _Line:
        name, value = headers.checked_pair(pair)
        lower = name.lower()
        kind = _KINDS.get(lower, _PLAIN)
        if kind == _CONNECTION and value.strip().lower() != "close":
            raise ApplicationError(f"Connection: {value} is hop-by-hop and belongs to the server (PEP 3333)")
        if kind == _LENGTH:
            headers.content_length(value)
        # These two are framing, which the server writes itself.
        entry = ("" if kind in (_LENGTH, _CONNECTION) else f"{_SPELLED.get(lower, name)}: {value}\r\n", kind)
        if len(name) + len(value) <= _MEMO_OCTETS and lower not in _FICKLE:
            if len(self._lines) >= _MEMO_ENTRIES:
                self._lines.clear()
            self._lines[pair] = entry
        return entry


def _the_same(length: int, before: int | None) -> int:
    if before is not None and before != length:
        raise ApplicationError("two different Content-Length fields")
    return length
