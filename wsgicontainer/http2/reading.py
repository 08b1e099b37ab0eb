"""Takes frames apart and hears what they mean: events go to the requests, to the sender, or end a stream.

The state machine sees what changes a state. GOAWAY and priorities are read here: it would send nothing after the first,
and knows nothing of the others. Runs in: the connection's owner.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wsgicontainer.http2 import frames
from wsgicontainer.http2.frames import Cutter, Fault
from wsgicontainer.http2.head import read_priority
from wsgicontainer.http2.manners import PROVOKED


class Reader:
    """The receiving side of one connection."""

    def __init__(self, home: Any) -> None:
        """`home` is the connection: its `machine`, `manners`, `streams`, `requests`, `sender` and `drop(stream)`."""
        self._home = home
        self._cutter = Cutter(2 * home.site.limits.head)

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun to arrive."""
        return bool(self._cutter.unfinished)

    def read(self, data: bytes, now: float) -> None:
        """Take what has come. Raises Fault."""
        home = self._home
        machine, manners = home.machine, home.manners
        home.site.moment.now = now
        for kind, flags, number, frame in self._cutter.cut(data):
            manners.frame(kind, flags, len(frame) - 9, now)
            if kind >= frames.GOAWAY and kind not in (frames.WINDOW_UPDATE, frames.CONTINUATION):
                self._read_ourselves(kind, number, frame)
                continue
            if kind == frames.RST_STREAM and number > machine.highest:
                raise Fault(frames.PROTOCOL_ERROR, "RST_STREAM of an idle stream")
            events = machine.take_content(number, flags, frame) if kind == frames.DATA else machine.take(frame)
            if not events and kind in (frames.HEADERS, frames.DATA) and number <= machine.highest:
                manners.take(1, now)  # on a stream that is over: nothing but an answer comes of it
            for event in events:
                heed = _HEEDED.get(type(event).__name__)
                if heed is not None:
                    heed(home, event)

    def _read_ourselves(self, kind: int, number: int, frame: bytes) -> None:
        """Take what the state machine does not see: GOAWAY, priorities, and what nobody knows."""
        if kind == frames.GOAWAY:
            if number:
                raise Fault(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
            self._home.peer_leaves = True
        elif kind == frames.PRIORITY_UPDATE:
            if number or len(frame) < 13:
                raise Fault(frames.PROTOCOL_ERROR, "a malformed PRIORITY_UPDATE")
            stream = self._home.streams.get(int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF)
            if stream is not None:
                self._home.sender.change(stream, read_priority(frame[13:]))


def _reset(home: Any, event: Any) -> None:
    """Take the end of a stream that its peer has brought about. Raises Fault."""
    if not event.remote_reset:
        home.manners.take(PROVOKED, home.site.moment.now, "resets that it has provoked")
    stream = home.streams.get(event.stream_id)
    if stream is not None:
        home.drop(stream)


_HEEDED: dict[str, Callable[[Any, Any], None]] = {
    "RequestReceived": lambda home, event: home.requests.received(event),
    "Content": lambda home, event: home.requests.content(event),
    "TrailersReceived": lambda home, event: home.requests.trailers(event),
    "StreamEnded": lambda home, event: home.requests.ended(event),
    "StreamReset": _reset,
    "WindowUpdated": lambda home, event: home.sender.window_opened(event.stream_id),
    "RemoteSettingsChanged": lambda home, _: home.sender.settings_changed(),
}
"""By the names of h2's events, and of the machine's own."""
