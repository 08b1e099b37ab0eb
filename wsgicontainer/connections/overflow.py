"""What slow peers have not taken of their replies, beyond memory's budget: temporary files, so that no thread waits.

A thread first waits for a moment: a fast peer needs no disk. All connections share one bound on the disk; beyond it, or
when the disk refuses, a reply stays in memory and its thread waits on, as if there were no disk. A file grows at its
end while its beginning is sent; it is given back when all of it was sent, or when its connection ends.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from threading import Lock
from typing import Any

from attrs import define

from wsgicontainer.connections.outgoing import FilePiece

FAST = 0.1
"""Seconds that threads have waited for a peer, all its replies together, from which on its replies go to disk."""


class Disk:
    """The room on disk that all replies share. Runs in: any."""

    def __init__(self, most: int) -> None:
        """Let the files hold `most` octets together; 0 means that there are none."""
        self._left = most
        self._lock = Lock()

    def relieve(self, unsent: deque[Any]) -> int:
        """Move what stands at the end of a wire's queue, in memory, to its file; return how many octets that were."""
        inside = []
        while unsent and not isinstance(unsent[-1], FilePiece):
            inside.append(unsent.pop())
        moved = 0
        while inside and self._append(unsent, inside[-1]):
            moved += len(inside.pop())
        unsent.extend(reversed(inside))
        return moved

    def _append(self, unsent: deque[Any], data: bytes | memoryview) -> bool:
        last = unsent[-1] if unsent else None
        if isinstance(last, Overflow):
            return last.append(data)
        if len(data) > self._left:
            return False
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                piece = Overflow(os.dup(file.fileno()), 0, 0, self)
        except OSError:
            return False
        if not piece.append(data):
            piece.close()
            return False
        unsent.append(piece)
        return True

    def take(self, octets: int) -> bool:
        """Take room; False if there is not so much."""
        with self._lock:
            if octets > self._left:
                return False
            self._left -= octets
            return True

    def give(self, octets: int) -> None:
        """Give room back."""
        with self._lock:
            self._left += octets


NO_DISK = Disk(0)


@define(eq=False)
class Overflow(FilePiece):
    """The unsent end of one reply. Runs in: the wire's owner, or under the wire's lock."""

    disk: Disk
    size: int = 0
    """Octets that were put into it, sent or not."""

    def append(self, data: bytes | memoryview) -> bool:
        """Put octets at the end; False if there is no room for them."""
        if not self.disk.take(len(data)):
            return False
        rest, end = memoryview(data), self.size
        try:
            while rest:
                written = os.pwrite(self.descriptor, rest, end)
                rest, end = rest[written:], end + written
        except OSError:
            self.disk.give(len(data))
            return False
        self.size = end
        self.count += len(data)
        return True

    def close(self) -> None:
        """Give descriptor and room back."""
        FilePiece.close(self)
        self.disk.give(self.size)
