"""Puts replies into frames: whose turn it is, as far as windows and the wire have room.

A stream whose window is closed leaves the turns until it opens: the others go on. Runs in: the connection's owner.
"""

from __future__ import annotations

from typing import Any

from wsgicontainer.http2.frames import INTERNAL_ERROR, NO_ERROR
from wsgicontainer.http2.machine import LOST
from wsgicontainer.http2.manners import SERVED
from wsgicontainer.http2.stream import Stream
from wsgicontainer.http2.turns import Turns

_BATCH = 65_536
"""Octets put together before the wire is asked to take them: what may wait in memory behind a wire that chokes."""
_STEP = 1024
"""Octets that a stream has to take within --send-timeout, or all there are: a window that drips is no progress."""
_HEAD = 100
"""What a head counts in a batch, about."""


class Sender:
    """The sending side of one connection."""

    def __init__(self, home: Any) -> None:
        """`home` is the connection: `machine`, `manners`, `drop(stream)` and `strike(number)`."""
        self._home = home
        self._turns: Turns[Stream] = Turns()
        self._blocked: dict[int, Stream] = {}

    def offer(self, stream: Stream) -> None:
        """Let a stream that has got something take part."""
        if stream.number not in self._blocked:
            self._turns.add(stream)

    def forget(self, stream: Stream) -> None:
        """Let a stream take part no more."""
        self._turns.leave(stream)
        self._blocked.pop(stream.number, None)

    def change(self, stream: Stream, priority: tuple[int, bool]) -> None:
        """Give a stream another priority."""
        self._turns.change(stream, priority)

    @property
    def busy(self) -> bool:
        """Whether a stream waits for its turn."""
        return bool(self._turns)

    def is_blocked(self, stream: Stream) -> bool:
        """Tell whether a stream waits for its peer to open a window."""
        return stream.number in self._blocked

    def is_stuck(self, stream: Stream, now: float, patience: float) -> bool:
        """Tell whether a stream's peer has opened no window worth the name for so many seconds."""
        if not self.is_blocked(stream) or not stream.since or stream.sent - stream.mark >= _STEP:
            stream.mark, stream.since = stream.sent, now
        return now - stream.since > patience

    def window_opened(self, number: int) -> None:
        """Let who waited for a window take part again; 0 is the connection's."""
        if not number:
            self._unblock()
        elif stream := self._blocked.pop(number, None):
            self._turns.add(stream)

    def settings_changed(self) -> None:
        """Heed the peer's settings: any window may be open now."""
        self._unblock()

    def _unblock(self) -> None:
        for stream in self._blocked.values():
            self._turns.add(stream)
        self._blocked.clear()

    def fill(self) -> bool:
        """Put a batch of frames into the state machine; True if more is left."""
        filled = 0
        while filled < _BATCH:
            stream = self._turns.next()
            if stream is None:
                return False
            try:
                filled += self._give(stream)
            except LOST:
                self._home.drop(stream)
        return bool(self._turns)

    def _give(self, stream: Stream) -> int:
        """Put a stream's next frames into the state machine; return how many octets that were."""
        machine, number = self._home.machine, stream.number
        fields, last = stream.next_head()
        if fields is not None:
            machine.send_head(number, fields, last and not stream.broken)
            if last:
                self._finish(stream)
            return _HEAD
        if last:
            if not stream.broken:
                machine.send_data(number, b"", True)
            self._finish(stream)
            return _HEAD
        return self._give_content(stream)

    def _give_content(self, stream: Stream) -> int:
        machine, number = self._home.machine, stream.number
        room = machine.room(number)
        if room <= 0 or not stream.has_content():
            self._turns.leave(stream)
            if stream.has_content():
                self._blocked[number] = stream
            return 0
        data, last = stream.next_content(room)
        machine.send_data(number, data, last and not stream.broken)
        self._home.manners.sent(len(data))
        if last:
            self._finish(stream)
        elif not stream.unsent:
            self._turns.leave(stream)
        return len(data)

    def _finish(self, stream: Stream) -> None:
        """Take leave of a stream whose reply has ended, well or not."""
        stream.closed = True
        self._turns.leave(stream)
        if stream.broken:
            self._home.machine.reset(stream.number, INTERNAL_ERROR)
            stream.kill()
        else:
            self._home.manners.earn(SERVED)
            if not stream.whole:  # nobody wants the rest of the request (RFC 9113 section 8.1)
                self._home.machine.reset(stream.number, NO_ERROR)
        if stream.done:
            self._home.strike(stream.number)
