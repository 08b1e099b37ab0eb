"""One stream: its request on the way in, and what waits to be sent of its reply.

To an Exchange it is both connection and wire. Whoever replies puts frames' contents in here, says so (`heed`), and goes
on; whoever owns the connection takes them out. Beyond --output-buffer the replier waits for a moment, then the rest
goes to disk, or it waits on while the disk has no room: progress, a reset, the connection's loss and --send-timeout
each wake it. The lock is held for moments only, by the replier and the connection's owner.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from time import monotonic
from typing import Any

from wsgicontainer.connections.outgoing import FilePiece, drop, read_first
from wsgicontainer.connections.overflow import Pace
from wsgicontainer.errors import PeerError, PeerGone
from wsgicontainer.http.arrival import Arrival
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http2.head import Malformed
from wsgicontainer.http2.packing import Packed

_PART = 1 << 20
"""Octets that go to disk before the connection's owner gets the lock."""
_BREATH = 0.001
"""Seconds that it has for that: a lock that is taken again at once wakes nobody."""


class Unframed:
    """Content whose end a frame tells, of at most `most` octets (0: any); reads as `http.framing`'s readers do."""

    __slots__ = ("ended", "_length", "_most", "_total")

    def __init__(self, length: int | None, most: int) -> None:
        """Expect `length` octets, None if the request does not say."""
        self.ended = False
        self._length, self._most, self._total = length, most, 0

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return content, and nothing behind it once it has ended. Raises Malformed, PeerError 413."""
        self._total += len(data)
        if self._length is not None and (self._total > self._length or (self.ended and self._total < self._length)):
            raise Malformed("the content's length is not its Content-Length (RFC 9113 section 8.1.1)")
        if self._most and self._total > self._most:
            raise PeerError("413 Content Too Large", f"content exceeds {self._most} octets")
        return data, b"" if self.ended else None


class Stream:
    """What one stream has still to do. Runs in: any, as far as it says so; otherwise the connection's owner."""

    __slots__ = (
        "home", "number", "priority", "exchange", "route", "arrival", "reader", "until", "whole",  # the request
        "done", "broken", "dead", "closed",  # how far it is
        "sent", "mark", "since",  # how its peer takes it
        "_template", "_lock", "_changed", "_heads", "_outbox", "_kept", "_ended", "_pace",
    )  # fmt: skip

    def __init__(self, home: Any, number: int, priority: tuple[int, bool], template: dict[str, object]) -> None:
        """Begin with nothing to send. `home` is the connection: `site`, `room` and `heed(stream)`."""
        self.home, self.number, self.priority, self._template = home, number, priority, template
        self.exchange: Exchange | None = None
        self.route: Any = None
        self.arrival: Arrival | None = None
        self.reader: Unframed | None = None
        self.until = 0.0
        self.whole = False
        """Whether the peer has sent all of its request."""
        self.done = self.broken = False
        """Whether nobody replies any more; whether the reply is not whole."""
        self.dead = self.closed = False
        """Whether it was ended before its time; whether its end was sent."""
        self.sent = self.mark = 0
        self.since = 0.0
        self._lock = threading.Lock()
        self._changed: threading.Condition | None = None
        self._heads: deque[Packed] = deque()
        self._outbox: deque[Any] = deque()
        self._kept = 0
        self._ended = False
        self._pace: Pace | None = None

    # What an exchange knows as its connection. Runs in: any

    @property
    def site(self) -> Any:
        """What all connections share."""
        return self.home.site

    @property
    def wire(self) -> Stream:
        """Itself."""
        return self

    @property
    def template(self) -> dict[str, object]:
        """The connection's part of a WSGI environ, where only this stream's end counts as the client's."""
        return {**self._template, "wsgicontainer.disconnected": self.gone}

    def of_proxy(self, template: dict[str, object]) -> None:
        """Let a trusted proxy's words about the client count. Runs in: the connection's owner."""
        self._template = template

    def completed(self, exchange: Exchange) -> None:
        """Take note that the exchange is over. Runs in: application thread."""
        with self._lock:
            self.broken = exchange.broken
            self._ended = self.done = True
        self.home.left(self)

    # What it knows as its wire. Runs in: any

    @property
    def suspect(self) -> bool:
        """Tell what `vanished` tells."""
        return self.dead

    def vanished(self) -> bool:
        """Tell whether nobody can read a reply any more."""
        return self.dead

    def gone(self) -> bool:
        """Tell whether the client has reset the stream or left."""
        return self.dead

    def put(self, opening: Packed | None, data: bytes, last: bool) -> None:
        """Have a head and content sent; `last` if nothing follows. Raises PeerGone."""
        if not (opening or last or self._kept or self._heads or self._outbox) and self.home.send_now(self, data):
            return
        with self._lock:
            if self.dead:
                raise PeerGone("the stream was reset")
            if opening:
                self._heads.append(opening)
            if data:
                self._outbox.append(data)
                self._kept += len(data)
            self._ended = self._ended or last
        self.home.heed(self)

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Have a piece of a file sent as the last content; takes over the descriptor. Raises PeerGone."""
        with self._lock:
            if self.dead:
                os.close(descriptor)
                raise PeerGone("the stream was reset")
            self._outbox.append(FilePiece(descriptor, offset, count))
            self._ended = True
        self.home.heed(self)

    def wait_for_room(self) -> None:
        """Wait until no more than the budget is unsent. Raises PeerGone. Runs in: application thread."""
        room = self.home.room
        if self._kept <= room.budget:
            return
        with self._lock:
            pace = self._pace = self._pace or Pace(room)
            changed = self._changed = self._changed or threading.Condition(self._lock)
            while self._kept > room.budget:
                before = self.sent
                pace.see(before)
                if pace.slow:
                    moved = room.disk.relieve(self._outbox, _PART)
                    self._kept -= moved
                    if moved:  # whoever reads for all may wait for the lock
                        changed.wait(_BREATH)
                        continue
                began = monotonic()
                changed.wait(pace.next_wait())
                pace.waits(monotonic() - began, self.sent - before)
            if self.dead:  # and nothing is kept any more
                raise PeerGone("the stream was reset")

    # What its connection's owner takes out

    @property
    def unsent(self) -> bool:
        """Whether it has something to send, if only its end."""
        return bool(self._heads or self._outbox or self._kept or self._ended) and not (self.closed or self.dead)

    def next_head(self) -> tuple[Packed | None, bool]:
        """Return a head that has to go out before all content, and whether nothing follows."""
        if self._outbox and not self._heads:
            return None, False
        with self._lock:
            fields = self._heads.popleft() if self._heads else None
            return fields, self._at_end()

    def has_content(self) -> bool:
        """Tell whether there is content to send; also while it moves to disk, and stands in no queue for a moment."""
        return bool(self._outbox or self._kept)

    def next_content(self, most: int) -> tuple[bytes, bool]:
        """Return up to `most` octets of content, and whether nothing follows; none of a file that fails."""
        with self._lock:
            pieces: list[Any] = []
            left = most
            try:
                while left and self._outbox:
                    piece = self._next_piece(self._outbox[0], left)
                    pieces.append(piece)
                    left -= len(piece)
            except OSError:
                self.broken = self._ended = True
                self._drop_outbox()
            self.sent += most - left
            if self._pace is not None and not self._outbox:
                self._pace.rest()
            if self._changed is not None:
                self._changed.notify()
            return (pieces[0] if len(pieces) == 1 and type(pieces[0]) is bytes else b"".join(pieces)), self._at_end()

    def _at_end(self) -> bool:
        return self._ended and not self._heads and not self._outbox

    def _next_piece(self, piece: Any, most: int) -> Any:
        if isinstance(piece, FilePiece):
            return read_first(self._outbox, most)
        if len(piece) <= most:
            self._outbox.popleft()
        else:
            piece = memoryview(piece)
            self._outbox[0] = piece[most:]
            piece = piece[:most]
        self._kept -= len(piece)
        return piece

    def _drop_outbox(self) -> None:
        drop(self._outbox)
        self._kept = 0

    def kill(self) -> None:
        """End it before its time: what waits is dropped, who waits is woken, who comes is told."""
        with self._lock:
            self.dead = True
            self._heads.clear()
            self._drop_outbox()
            if self._changed is not None:
                self._changed.notify()
        if self.arrival is not None:
            self.arrival.drop()
