"""Renders response heads: an application's status and fields become checked HTTP/1.1 text.

A bounded memo maps a field that has passed the checks to its line, as for requests: `Content-Type: text/html` is the
same on every page. Never remembered: long ones, and those that differ from reply to reply.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from time import time

from wsgicontainer.errors import ApplicationError
from wsgicontainer.http import headers
from wsgicontainer.messages import Fields, ResponseHead

_PLAIN, _LENGTH, _CONNECTION, _SERVER, _DATE = range(5)
_KINDS = {"content-length": _LENGTH, "connection": _CONNECTION, "server": _SERVER, "date": _DATE}
_FICKLE = frozenset({"set-cookie", "date", "etag", "last-modified", "location", "expires", "content-range"})
_MEMO_ENTRIES = 1024
_MEMO_OCTETS = 160

_Line = tuple[str, int, int]
"""A line as text, its kind, and the length that it gives if it is a Content-Length."""


class ResponseHeads:
    """Checks and renders. Runs in: any; the memos' operations are atomic and their entries values."""

    def __init__(self, server: str, clock: Callable[[], float] = time) -> None:
        """`server` names this software in the Server field; `clock` tells the seconds since the epoch."""
        self._server = f"Server: {server}\r\n"
        self._clock, self._until = clock, 0.0
        self._both = ""
        self._statuses: dict[str, tuple[int, str]] = {}
        self._lines: dict[tuple[str, str], _Line] = {}

    def render(self, status: str, fields: Fields) -> ResponseHead:
        """Return the head of a response; the application's own Server and Date stand.

        Raises ApplicationError for what PEP 3333 or RFC 9110 forbids.
        """
        code, text = self._statuses.get(status) or self._status(status)
        length: int | None = None
        ours, close = self._server_and_date(), False
        remembered = self._lines.get
        try:
            for pair in fields if type(fields) is list else headers.checked(fields):
                line, kind, octets = remembered(pair) or self._line(pair)
                text += line
                if kind == _PLAIN:
                    continue
                if kind == _LENGTH:
                    if length is not None and length != octets:
                        raise ApplicationError("two different Content-Length fields")
                    length = octets
                elif kind == _CONNECTION:
                    close = True
                elif kind == _SERVER:
                    ours = ours.replace(self._server, "")
                else:
                    ours = ours.partition("Date: ")[0]
        except TypeError:
            raise ApplicationError(f"response header {pair!r} is not a tuple of two strings") from None
        return ResponseHead(code, status, fields, text + ours, length, close)

    def _server_and_date(self) -> str:
        """Return our two field lines (RFC 9110 sections 6.6.1 and 10.2.4), rendered once a second."""
        now = self._clock()
        if not self._until - 1 <= now < self._until:
            second = int(now)
            self._both = f"{self._server}Date: {formatdate(second, usegmt=True)}\r\n"
            self._until = second + 1.0
        return self._both

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
        length = headers.content_length(value) if kind == _LENGTH else 0
        # These two are framing, which the server writes itself.
        entry = ("" if kind in (_LENGTH, _CONNECTION) else f"{name}: {value}\r\n", kind, length)
        if len(name) + len(value) <= _MEMO_OCTETS and lower not in _FICKLE:
            if len(self._lines) >= _MEMO_ENTRIES:
                self._lines.clear()
            self._lines[pair] = entry
        return entry
