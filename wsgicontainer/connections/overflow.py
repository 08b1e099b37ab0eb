"""What slow peers have not taken of their replies, beyond memory's budget: temporary files, so that no thread waits.

A thread first waits for a moment: a fast peer needs no disk. All connections share one bound on the disk; beyond it, or
when the disk refuses, a reply stays in memory and its thread waits on, as if there were no disk. A file grows at its
end while its beginning is sent; it is given back when all of it was sent, or when its connection ends. A long one is
followed by another: a reply without end would keep all the room with what its peer has long taken.
"""

from __future__ import annotations

import os
import tempfile
from collections import deque
from math import inf
from threading import Lock
from time import monotonic
from typing import Any

from attrs import Factory, define, frozen

from wsgicontainer.connections.outgoing import FilePiece
from wsgicontainer.errors import PeerGone

FAST = 0.1
"""Seconds that threads wait for a peer, all its replies together, before its replies go to disk; what it takes
meanwhile earns it some of them back.

Divided among all that are slow at a time: a thousand of them hold four threads for a fifth of a second together."""
FAST_RATE = 16 << 20
"""Octets a second at which a peer earns back what threads wait for it: one on a fast network never needs the disk, and
has its thread until its reply ends."""
PROVEN = 1 << 20
"""Octets that a peer has to take in a row at FAST_RATE, while more waits, before the kernel may keep WIDE for it."""
IN_KERNEL = 131072
"""Octets per connection that the kernel takes beyond what it could send: 400 slow readers filled all memory that the
machine has for TCP (1.5 GB), and new clients waited for seconds; with this bound it is 0.1 GB."""
WIDE = 4 << 20
"""The same for a few that have proven fast: fewer and larger pieces, a third of the CPU of a long reply."""
MOST_WIDE = 16
"""Connections that may have it, until they end: who reads fast and then stops keeps no more than 64 MiB together."""
LONG = 16 << 20
"""Octets from which on a file grows no more."""


class Disk:
    """The room on disk that all replies share. Runs in: any."""

    def __init__(self, most: int) -> None:
        """Let the files hold `most` octets together; 0 means that there are none."""
        self._left = most
        self._lock = Lock()
        self.files = 0
        """How many there are: about as many peers are slow."""

    def relieve(self, unsent: deque[Any], most: float = inf) -> int:
        """Move what stands at the end of a wire's queue, in memory, to its file; return how many octets that were.

        Others who wait for the queue get it after `most` octets.
        """
        inside = []
        while unsent and not isinstance(unsent[-1], FilePiece):
            inside.append(unsent.pop())
        moved = 0
        while inside and moved < most:
            piece = inside.pop()
            fits = piece if len(piece) <= most - moved else memoryview(piece)[: int(most) - moved]
            if not self._append(unsent, fits):
                inside.append(piece)
                break
            moved += len(fits)
            if len(fits) < len(piece):
                inside.append(memoryview(piece)[len(fits) :])
        unsent.extend(reversed(inside))
        return moved

    def _append(self, unsent: deque[Any], data: bytes | memoryview) -> bool:
        last = unsent[-1] if unsent else None
        if isinstance(last, Overflow) and last.size < LONG:
            return last.append(data)
        if len(data) > self._left:
            return False
        try:
            with tempfile.TemporaryFile(buffering=0) as file:
                piece = Overflow(os.dup(file.fileno()), 0, 0, self)
        except OSError:
            return False
        with self._lock:
            self.files += 1
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

    def lose(self, octets: int) -> None:
        """Count a file of so many octets out."""
        with self._lock:
            self.files -= 1
            self._left += octets


@frozen(eq=False)
class Room:
    """What all connections share of the bounds on unsent output."""

    budget: int
    """Octets of one connection that may stay in memory; the rest goes to disk."""
    patience: float
    """Seconds without progress after which a peer counts as gone."""
    disk: Disk = Factory(lambda: Disk(0))
    wide: list[None] = Factory(lambda: [None] * MOST_WIDE)
    """Rights to WIDE in the kernel: `pop` takes one, `append` gives it back, both atomic."""
    closing: Lock = Factory(Lock)
    """Held for the moment of a close, so that a cut from another thread can't hit the next owner of the number."""


@define
class Pace:
    """How a peer takes what it is sent. Runs in: application thread, as the owner."""

    room: Room
    waited: float = 0.0
    """Seconds that threads have waited for it, on all its replies, less what it has earned back."""
    _mark: int | None = None
    _since: float = 0.0
    _run: tuple[float, int] = (-inf, 0)
    """When what may become a proof began, and how much it had taken by then."""

    @property
    def slow(self) -> bool:
        """Tell whether its replies go to disk."""
        return self.waited >= self._allowed()

    def next_wait(self) -> float:
        """Return the seconds that a thread may wait now."""
        return self.room.patience if self.slow else self._allowed() - self.waited

    def _allowed(self) -> float:
        return FAST / (1 + max(0, self.room.disk.files))

    def rest(self) -> None:
        """Note that nothing is left to take: the next wait is another one."""
        self._mark = None

    def waits(self, seconds: float, taken: int) -> None:
        """Note that a thread has waited, and how many octets the peer has taken meanwhile."""
        self.waited = max(0.0, self.waited + seconds - taken / FAST_RATE)

    def proves(self, progress: int, now: float) -> bool:
        """Look at what it has taken so far, as more has to wait: whether that has been PROVEN octets in a row, fast."""
        began, before = self._run
        if now - began <= PROVEN / FAST_RATE and progress - before < PROVEN:
            return False
        self._run = now, progress
        return now - began <= PROVEN / FAST_RATE

    def see(self, progress: int) -> None:
        """Look at what it has taken so far. Raises PeerGone if that was nothing for too long."""
        now = monotonic()
        if progress != self._mark:
            self._mark, self._since = progress, now
        elif now - self._since >= self.room.patience:
            raise PeerGone(f"the peer took nothing for {self.room.patience:g} s")


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
        self.disk.lose(self.size)
