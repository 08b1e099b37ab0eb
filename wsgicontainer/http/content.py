"""Where a request's content waits until it is whole: in memory, then in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BytesIO, UnsupportedOperation
from typing import BinaryIO


class _Nothing(BytesIO):
    """The content of requests that have none: one for all, so nobody may fill, move or close it."""

    def close(self) -> None:
        """Stay open for the next request."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Stay at 0: the next request's content begins there."""
        return 0

    def write(self, data: object) -> int:
        """Refuse. Raises UnsupportedOperation."""
        raise UnsupportedOperation("a request's content is read, not written")

    def writelines(self, lines: object) -> None:
        """Refuse. Raises UnsupportedOperation."""
        self.write(lines)

    def truncate(self, size: int | None = None) -> int:
        """Refuse. Raises UnsupportedOperation."""
        raise UnsupportedOperation("a request's content is read, not written")


NOTHING: BinaryIO = _Nothing()
"""Shared by all threads; a BytesIO for each request costs 900 instructions."""


_PIECES = 64
"""Pieces kept apart: joined once they are copied once, but each small one costs more than its octets."""


class Spool:
    """Content as it comes. Runs in: the connection's owner."""

    __slots__ = ("_file", "_in_memory", "_open", "_pieces", "size")

    def __init__(self, in_memory: int, open_file: Callable[[], BinaryIO] = tempfile.TemporaryFile) -> None:
        """Keep up to `in_memory` octets in memory; `open_file` opens what the rest goes to."""
        self._pieces: list[bytes] = []
        self._file: BinaryIO | None = None
        self._in_memory, self._open, self.size = in_memory, open_file, 0

    def write(self, data: bytes) -> None:
        """Add content. Raises OSError when the disk refuses it."""
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._pieces.append(data)
        if self.size > self._in_memory:
            self._file = self._open()
            self._file.write(self._joined())
        elif len(self._pieces) > _PIECES:
            self._pieces = [self._joined()]

    def rewound(self) -> BinaryIO:
        """Return the content as a file at position 0; it belongs to the caller now."""
        if self._file is None:
            return BytesIO(self._joined())  # shares the octets, as does reading all of them
        self._file.seek(0)
        return self._file

    def close(self) -> None:
        """Drop the content, also what a full disk has not taken."""
        self._pieces = []
        if self._file is not None:
            with suppress(OSError):
                self._file.close()

    def _joined(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
