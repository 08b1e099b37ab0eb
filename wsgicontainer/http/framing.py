"""Reads request content: of a known length, or chunked (RFC 9112 sections 6.2 and 7.1). Pure.

Each reader is fed the octets as they come and returns the content in them and, once complete, what follows it.
Whatever is not exactly the grammar is PeerError 400; more content than the limit is 413. Chunk extensions and trailer
fields are bounded, checked and dropped.
"""

from __future__ import annotations

import re

from wsgicontainer.errors import PeerError

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_EXTENSION = rb"[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?"
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _EXTENSION + rb")*")
_TRAILER = re.compile(_TOKEN + rb":[\t\x20-\x7e\x80-\xff]*")
LONGEST_SIZE_LINE = 1024
"""Octets of a chunk's size and extensions: nobody uses extensions, and they are a way to hide work."""
LONGEST_TRAILER = 8192
"""Octets of a whole trailer section."""


class Sized:
    """Content of a known length."""

    __slots__ = ("_left",)

    def __init__(self, length: int) -> None:
        """Expect `length` octets."""
        self._left = length

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return content and, when it is complete, what follows; None as long as more has to come."""
        if len(data) < self._left:
            self._left -= len(data)
            return data, None
        return data[: self._left], data[self._left :]


class Chunked:
    """Content in chunks, at most `limit` octets of it (0: any).

    Reads on from a position instead of cutting the buffer: cutting would cost the square of many small chunks.
    """

    __slots__ = ("_at", "_buffer", "_left", "_limit", "_step", "_total", "_trailer")

    def __init__(self, limit: int) -> None:
        """Expect a chunk."""
        self._buffer = b""
        self._limit = limit
        self._at = self._left = self._total = self._trailer = 0
        self._step = Chunked._size

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return content and, when it is complete, what follows; None as long as more has to come."""
        self._buffer, self._at = self._buffer[self._at :] + data, 0
        content: list[bytes] = []
        go_on: bool | None = True
        while go_on:
            go_on = self._step(self, content)
        return b"".join(content), None if go_on is None else self._buffer[self._at :]

    # Each step reads on and tells: True go on, False complete, None more has to come.

    def _size(self, content: list[bytes]) -> bool | None:
        line = self._line(LONGEST_SIZE_LINE)
        if line is None:
            return None
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise PeerError("400 Bad Request", "malformed chunk size")
        self._left = int(match[1], 16)
        self._total += self._left
        if self._limit and self._total > self._limit:
            raise PeerError("413 Content Too Large", f"content exceeds {self._limit} octets")
        self._step = Chunked._data if self._left else Chunked._trailers
        return True

    def _data(self, content: list[bytes]) -> bool | None:
        part = self._buffer[self._at : self._at + self._left]
        content.append(part)
        self._at += len(part)
        self._left -= len(part)
        if self._left:
            return None
        self._step = Chunked._end_of_data
        return True

    def _end_of_data(self, content: list[bytes]) -> bool | None:
        end = self._buffer[self._at : self._at + 2]
        if not b"\r\n".startswith(end):
            raise PeerError("400 Bad Request", "a chunk does not end with CRLF")
        if len(end) < 2:
            return None
        self._at += 2
        self._step = Chunked._size
        return True

    def _trailers(self, content: list[bytes]) -> bool | None:
        line = self._line(LONGEST_TRAILER)
        if not line:
            return None if line is None else False
        self._trailer += len(line)
        if self._trailer > LONGEST_TRAILER or not _TRAILER.fullmatch(line):
            raise PeerError("400 Bad Request", "malformed or too long trailer section")
        return True

    def _line(self, longest: int) -> bytes | None:
        end = self._buffer.find(b"\n", self._at, self._at + longest + 2)
        if end < 0:
            if len(self._buffer) - self._at > longest + 1:
                raise PeerError("400 Bad Request", "a chunk's size line or a trailer field is too long")
            return None
        line, self._at = self._buffer[self._at : end], end + 1
        if not line.endswith(b"\r"):
            raise PeerError("400 Bad Request", "bare LF in chunked content")
        return line[:-1]
