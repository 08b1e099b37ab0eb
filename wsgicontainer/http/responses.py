"""Renders response heads: an application's status and fields become checked HTTP/1.1 text.

What applications repeat is checked once, as for requests: a bounded memo maps a field that has passed the checks to
its line (`Content-Type: text/html` is the same on every page), and another, new every second, a whole head to its
text. Never remembered: what is long, or differs from reply to reply.
"""

from __future__ import annotations

from collections.abc import Callable
from email.utils import formatdate
from time import time
from typing import Any

from wsgicontainer.errors import ApplicationError
from wsgicontainer.http import headers
from wsgicontainer.messages import Fields, ResponseHead

_PLAIN, _LENGTH, _CONNECTION, _SERVER, _DATE, _HSTS, _FICKLE = range(7)
_KINDS = {"content-length": _LENGTH, "connection": _CONNECTION, "server": _SERVER, "date": _DATE}
_KINDS["strict-transport-security"] = _HSTS
_OURS = frozenset({_SERVER, _DATE, _HSTS})
_KINDS |= dict.fromkeys(("set-cookie", "etag", "last-modified", "location", "expires", "content-range"), _FICKLE)
WITHOUT_CONTENT = frozenset({204, 205, 304})
"""RFC 9110 sections 15.3.5, 15.3.6 and 15.4.5."""
_LAST = ()
"""The key of the head that was looked for last: the same again needs no key at all."""
_UNEQUAL: Any = object()
_NO_HEAD = ResponseHead(0, "", [_UNEQUAL], "", None, False)
"""None has been looked for yet. No application's fields are equal to these: whatever it gives is checked."""
_MEMO_ENTRIES = 1024
_MEMO_OCTETS = 160

_Line = tuple[str, int, int]
"""A line as text, its kind, and the length that it gives if it is a Content-Length."""


class ResponseHeads:
    """Checks and renders. Runs in: any; the memos' operations are atomic and their entries values."""

    def __init__(self, server: str, clock: Callable[[], float] = time, hsts: int | None = None) -> None:
        """`server` names this software in the Server field; `clock` tells the seconds since the epoch.

        `hsts` is how many seconds browsers shall keep to TLS (RFC 6797), for replies that go over it.
        """
        self._server = f"Server: {server}\r\n"
        self._hsts = "" if hsts is None else f"Strict-Transport-Security: max-age={hsts}\r\n"
        self._clock, self._second = clock, -1.0
        self._date = ""
        self._heads: dict[tuple[object, ...], ResponseHead] = {_LAST: _NO_HEAD}
        self._statuses: dict[str, tuple[int, str]] = {}
        self._lines: dict[tuple[str, str], _Line] = {}

    def render(self, status: str, fields: Fields) -> ResponseHead:
        """Return the head of a response; the application's own Server, Date and HSTS stand.

        Raises ApplicationError for what PEP 3333 or RFC 9110 forbids.
        """
        now = self._clock()
        if not 0 <= now - self._second < 1:
            self._tick(int(now))
        heads = self._heads
        last = heads[_LAST]
        if status == last.status and fields == last.fields:  # without a key's hashes: 1,000 instructions
            return last
        if type(fields) is not list:
            raise ApplicationError("response headers must be a list of (name, value) tuples")
        try:
            key = (status, *fields)
            head = heads.get(key)
            if head is None:
                return self._render(key, status, fields)
        except TypeError:  # what can't be looked up is not made of strings: say which part
            headers.status_code(status)
            for pair in fields:
                headers.checked_pair(pair)
            raise
        heads[_LAST] = head  # of this second: a thread that comes late writes where nobody looks any more
        return head

    def _tick(self, second: int) -> None:
        """Begin a new second: every head has a Date (RFC 9110 section 6.6.1)."""
        self._date = f"Date: {formatdate(second, usegmt=True)}\r\n"
        self._heads = {_LAST: _NO_HEAD}
        self._second = float(second)

    def _render(self, key: tuple[object, ...], status: str, fields: Fields) -> ResponseHead:
        heads, date = self._heads, self._date
        own: set[int] | None = None  # what the application gives itself of what we would give
        code, text = self._statuses.get(status) or self._status(status)
        length: int | None = None
        close, lasting = False, True
        for pair in fields:
            line, kind, octets = self._lines.get(pair) or self._line(pair)
            text += line
            if kind == _LENGTH:
                if length is not None and length != octets:
                    raise ApplicationError("two different Content-Length fields")
                length = octets
            elif kind == _CONNECTION:
                close = True
            elif kind in _OURS:
                own = {kind, *(own or ())}
            lasting = lasting and pair in self._lines
        block = text + self._rest(own, date)
        whole = None if close or code in WITHOUT_CONTENT else _framed(block, length)
        head = ResponseHead(code, status, list(fields), block, length, close, whole)
        if lasting and len(heads) < _MEMO_ENTRIES:
            heads[key] = head
        return head

    def _rest(self, own: set[int] | None, date: str) -> str:
        """Return the lines that stand in every response, but for those that the application gives itself."""
        if own is None:
            return self._server + date + self._hsts
        lines = (_SERVER, self._server), (_DATE, date), (_HSTS, self._hsts)
        return "".join(line for kind, line in lines if kind not in own)

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
        if len(name) + len(value) <= _MEMO_OCTETS and kind not in (_FICKLE, _DATE):
            if len(self._lines) >= _MEMO_ENTRIES:
                self._lines.clear()
            self._lines[pair] = entry
        return entry


def _framed(block: str, length: int | None) -> bytes:
    framing = "" if length is None else f"Content-Length: {length}\r\n\r\n"
    return (block + framing).encode("latin-1")


def hints(fields: Fields) -> bytes:
    """Return a 103 response (RFC 8297) with these fields.

    Raises ApplicationError for what RFC 9110 forbids, or has a meaning only for the response itself.
    """
    text = "HTTP/1.1 103 Early Hints\r\n"
    for pair in fields:
        name, value = headers.checked_pair(pair)
        if _KINDS.get(name.lower(), _PLAIN) in (_LENGTH, _CONNECTION):
            raise ApplicationError(f"{name} can't be hinted at: it frames the response itself (RFC 9110 section 15.2)")
        text += f"{name}: {value}\r\n"
    return f"{text}\r\n".encode("latin-1")
