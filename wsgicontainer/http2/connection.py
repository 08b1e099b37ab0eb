"""One HTTP/2 connection (RFC 9113) on any wire: its owner, its steps, its clocks.

Strategy: the state machine is touched only by whoever owns the connection. Who replies puts what is to be sent into its
stream and leaves its name in `_news`; then it claims the connection and sends itself, or leaves word, and the present
owner looks anew before it is done (`connections.ownership`). So nobody waits for anybody to send, and no word is lost:
the name is there before the claim. Each pass of an owner reads, hears the news, sends, and sets the next deadline.
Runs in: the holder of the lead, the reactor thread or an application thread, but never in two at once.

    _serve ──▶ _part ──▶ _discard ──▶ closed        any of them ──▶ (_await_end) ──▶ closed
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.connections.overflow import Room
from wsgicontainer.errors import PeerGone
from wsgicontainer.http.parting import discard, patience
from wsgicontainer.http.site import Site
from wsgicontainer.http2 import frames
from wsgicontainer.http2.frames import Cutter, Fault, goaway
from wsgicontainer.http2.head import read_priority
from wsgicontainer.http2.machine import LOST, Machine
from wsgicontainer.http2.manners import PROVOKED, SERVED, Manners
from wsgicontainer.http2.requests import Requests, Shared
from wsgicontainer.http2.stream import Stream
from wsgicontainer.http2.turns import Turns
from wsgicontainer.interfaces import IOwnership, ISuccessor, IWire

_log = Logger()
_SOON = 0.0
"""The deadline of a connection that idles since the last sweep: the next one begins its keep-alive clock."""
_BUSY = 1e-9
"""The deadline of one that has streams: every sweep looks at their clocks."""
_TURN = 16
"""Receives, or batches sent, in one turn, so that one busy peer lets the others have theirs."""
_TURN_SECONDS = 0.002
"""The same in seconds, for receives."""
_BATCH = 65_536
"""Octets put together before the wire is asked to take them: what may wait in memory behind a wire that chokes."""
_NOTICE = 0.1
"""Seconds from the warning to the last word of a drain: requests on their way arrive within a round trip."""
_FIRST_LINE = b"PRI * HTTP/2.0\r\n"
_STEP = 1024
"""Octets that a stream has to take within --send-timeout, or all there are: a window that drips is no progress."""


@implementer(ISuccessor)
class Connection:
    """One connection and where it stands."""

    def __init__(
        self, site: Site, wire: IWire, shared: Shared, own: IOwnership | None = None, octets: bytes = b""
    ) -> None:
        """Begin; with `own`, the caller owns it and has received `octets` already. Runs in: whoever accepts it."""
        self.wire, self.site, self.shared, self.room = wire, site, shared, shared.room
        now = monotonic()
        self.deadline = now + site.clocks.header
        self.streams: dict[int, Stream] = {}
        """All that somebody still works for, ended or not: their number is what --max-concurrent-streams bounds."""
        self.manners = Manners(now)
        self.last: float = inf
        """The last stream that is served; infinite until the last word of a drain."""
        self.machine = Machine(shared.streams, site.limits.head)
        self._own = own or site.new_ownership()
        self._requests = Requests(self)
        self._cutter = Cutter(2 * site.limits.head)
        self._turns, self._blocked = Turns(), dict[int, Stream]()
        self._news: deque[Stream] = deque()
        self._early, self._ours = octets, b""
        self._rung = self._choked = self._closed = self._peer_leaves = self._crowded = False
        self._idle = True
        self._mark: int | None = None
        self._since = self._warned = 0.0
        self._step: Callable[[Connection], None] = Connection._serve
        site.roll.enter(self)

    # What others tell it

    def noticed(self, event: int) -> None:
        """Take an event of the set. Runs in: the holder of the lead."""
        wire = self.wire
        if event == wire.usual or wire.noticed(event):
            self._rung = True
            if self._own.claim():
                self.go_on()

    def ready(self) -> None:
        """Look at a transport that has received, sent or ended. Runs in: reactor thread."""
        self._rung = True
        if self._own.claim():
            self.go_on()

    def heed(self, stream: Stream) -> None:
        """Send what a stream has got, now or as soon as the present owner looks anew. Runs in: any."""
        self._news.append(stream)
        if self._own.claim():
            self.go_on()

    def expire(self, now: float) -> None:
        """End waits that took too long, unless somebody has the connection. Runs in: reactor thread."""
        if not self._own.seize():
            return
        if self.deadline == _SOON:
            self.deadline = now + self.site.clocks.keep_alive
        if self._step is not Connection._serve:
            self._hurry(now)
        elif self.streams:
            self._look_at_clocks(now)
        elif self.deadline < now:
            self._say_goodbye()
        self.go_on()

    def leave(self) -> None:
        """Warn at first, then tell which stream is the last, and close when all have ended. Runs in: reactor thread."""
        if self._step is not Connection._serve or not self._own.seize():
            return
        now = monotonic()
        if not self._warned:
            self._warned = now
            self._ours += goaway(frames.ALL, frames.NO_ERROR)
        elif now - self._warned >= _NOTICE and self.last == inf:
            self.last = self.machine.highest
            self._ours += goaway(self.machine.highest, frames.NO_ERROR)
        self.go_on()

    def make_room(self) -> bool:
        """Close if no request runs or comes: newcomers need the place. Runs in: reactor thread."""
        if self.streams or self._step is not Connection._serve or not self._own.seize():
            return False
        self._rung = self._crowded = True  # after a last look
        self.go_on()
        self._crowded = False
        return self._step is not Connection._serve or self._closed

    def cut(self) -> None:
        """End at once, whatever is running. Runs in: any."""
        self.wire.cut()

    def go_on(self) -> None:
        """Take steps until there is nothing to do. Runs in: the owner, who is none when this returns."""
        while not self._closed:
            try:
                self._step(self)
            except PeerGone:
                self._close()
            except Exception:  # noqa: BLE001 (a mistake of ours costs this connection, not the thread that reads for all)
                _log.failure("A connection failed")
                self._close(reset=True)
            if self._closed or not self._own.release():
                return

    # The steps

    def _serve(self) -> None:
        try:
            self._hear()
        except Fault as fault:
            self.end(fault)
            self._part()
            return
        self._hear_news()
        self._send_on()
        self._settle()

    def _hear(self) -> None:
        """Take what has come."""
        wire = self.wire
        if self._rung:
            self._rung = wire.drained = False
        until = 0.0
        for _ in range(_TURN):
            data, self._early = self._early, b""
            if not data:
                received = None if wire.drained else wire.receive()
                if received is None:
                    return
                if not received:
                    raise PeerGone("closed")
                data = received
            now = monotonic()
            until = until or now + _TURN_SECONDS
            self._read(data, now)
            if now > until:
                break
        if not wire.drained:
            wire.look_again()

    def _read(self, data: bytes, now: float) -> None:
        machine, manners = self.machine, self.manners
        self.site.moment.now = now
        for kind, flags, number, frame in self._cutter.cut(data):
            manners.frame(kind, flags, len(frame) - 9, now)
            if kind >= frames.GOAWAY and kind not in (frames.WINDOW_UPDATE, frames.CONTINUATION):
                self._read_ourselves(kind, number, frame)
                continue
            if kind == frames.RST_STREAM and number > machine.highest:
                raise Fault(frames.PROTOCOL_ERROR, "RST_STREAM of an idle stream")
            for event in machine.take(frame):
                heed = _HEEDED.get(type(event).__name__)
                if heed is not None:
                    heed(self, event)

    def _read_ourselves(self, kind: int, number: int, frame: bytes) -> None:
        """Take what the state machine does not see: GOAWAY, priorities, and what nobody knows."""
        if kind == frames.GOAWAY:
            if number:
                raise Fault(frames.PROTOCOL_ERROR, "GOAWAY on a stream")
            self._peer_leaves = True
        elif kind == frames.PRIORITY_UPDATE:
            if number or len(frame) < 13:
                raise Fault(frames.PROTOCOL_ERROR, "a malformed PRIORITY_UPDATE")
            stream = self.streams.get(int.from_bytes(frame[9:13], "big") & 0x7FFFFFFF)
            if stream is not None:
                self._turns.change(stream, read_priority(frame[13:]))

    # Events

    def _window_opened(self, event: Any) -> None:
        if not event.stream_id:
            self._unblock()
        elif stream := self._blocked.pop(event.stream_id, None):
            self._turns.add(stream)

    def _settings_changed(self, event: Any) -> None:
        self.machine.bound_table()
        self._unblock()

    def _unblock(self) -> None:
        for stream in self._blocked.values():
            self._turns.add(stream)
        self._blocked.clear()

    def _stream_reset(self, event: Any) -> None:
        if not event.remote_reset:
            self.manners.take(PROVOKED, self.site.moment.now, "resets that it has provoked")
        stream = self.streams.get(event.stream_id)
        if stream is not None:
            self.drop(stream)

    def drop(self, stream: Stream) -> None:
        """End a stream before its time; who still works for it is told, and keeps its place until then."""
        self._turns.leave(stream)
        self._blocked.pop(stream.number, None)
        if stream.arrival is not None:
            self._requests.lost(stream)
        stream.kill()
        if stream.done:
            self.streams.pop(stream.number, None)

    # Sending

    def _hear_news(self) -> None:
        news = self._news
        while news:
            stream = news.popleft()
            if stream.unsent:
                if stream.number not in self._blocked:
                    self._turns.add(stream)
            elif stream.done and (stream.closed or stream.dead):
                self.streams.pop(stream.number, None)

    def _send_on(self) -> None:
        """Send as much as the wire takes, in turns."""
        wire = self.wire
        if self._choked and not wire.flush():
            return
        self._choked = False
        for _ in range(_TURN):
            filled, left = 0, True
            while left and filled < _BATCH:
                stream = self._turns.next()
                left = stream is not None
                if stream is not None:
                    try:
                        filled += self._give(stream)
                    except LOST:
                        self.drop(stream)
            octets, self._ours = self._ours + self.machine.pending(), b""
            if not octets:
                return
            if not wire.send(octets) and not wire.flush():
                self._choked = True
                return
            if not left:
                return
        wire.look_again()

    def _give(self, stream: Stream) -> int:
        """Put the next frame of a stream into the state machine; return how many octets that were."""
        machine, number = self.machine, stream.number
        fields, last = stream.next_head()
        if fields is not None:
            machine.send_head(number, fields, last and not stream.broken)
            if last:
                self._finish(stream)
            return 100
        if last:
            if not stream.broken:
                machine.send_data(number, b"", True)
            self._finish(stream)
            return 9
        if not stream.has_content():
            self._turns.leave(stream)
            return 0
        room = machine.room(number)
        if room <= 0:
            self._turns.leave(stream)
            self._blocked[number] = stream
            return 0
        try:
            data, last = stream.next_content(room)
        except OSError:
            stream.broken = True
            self._finish(stream)
            return 0
        machine.send_data(number, data, last and not stream.broken)
        self.manners.sent(len(data))
        if last:
            self._finish(stream)
        return len(data)

    def _finish(self, stream: Stream) -> None:
        """Take leave of a stream whose reply has ended, well or not."""
        stream.closed = True
        self._turns.leave(stream)
        if stream.broken:
            self.machine.reset(stream.number, frames.INTERNAL_ERROR)
            stream.kill()
        else:
            self.manners.earn(SERVED)
            if not stream.whole:  # nobody wants the rest of the request (RFC 9113 section 8.1)
                self.machine.reset(stream.number, frames.NO_ERROR)
        if stream.done:
            self.streams.pop(stream.number, None)

    def _settle(self) -> None:
        """Set the next deadline, or leave if nothing is left to do."""
        if self.streams:
            self._idle, self.deadline = False, _BUSY
            return
        if self._crowded:
            self._say_goodbye()
        if self._peer_leaves or self.last != inf:
            self._step = Connection._part
            self._part()
            return
        if not self._idle:
            self._idle, self.deadline = True, _SOON
        if self._cutter.unfinished:
            until = monotonic() + self.site.clocks.header
            if self.deadline == _SOON or self.deadline > until:
                self.deadline = until

    # Clocks

    def _look_at_clocks(self, now: float) -> None:
        """End streams whose peer lets them wait, and the connection if all of them do."""
        patient = self.site.clocks.send
        stuck, waiting = [], 0
        for stream in list(self.streams.values()):
            if stream.arrival is not None:
                if stream.until < now:
                    self._requests.time_out(stream)
            elif stream.unsent:
                waiting += 1
                if stream.number not in self._blocked or not stream.since or stream.sent - stream.mark >= _STEP:
                    stream.mark, stream.since = stream.sent, now
                elif now - stream.since > patient:
                    stuck.append(stream)
        if self._choked and self.wire.progress != self._mark:
            self._mark, self._since = self.wire.progress, now
        elif self._choked and now - self._since > patient:
            self._close(reset=True)
            return
        if stuck and len(stuck) == waiting:
            self.end(Fault(frames.ENHANCE_YOUR_CALM, f"its windows took nothing for {patient:g} s"))
            return
        for stream in stuck:
            self.machine.reset(stream.number, frames.CANCEL)
            self.drop(stream)

    def _hurry(self, now: float) -> None:
        """Go on with the end of a connection whose peer takes too long."""
        if self.deadline >= now:
            return
        if self._step is Connection._await_end:
            self.wire.cut()
            self.deadline = now + self.site.clocks.send
        elif self._step is Connection._part and self.wire.progress != self._mark:
            self._mark, self.deadline = self.wire.progress, now + self.site.clocks.send
        else:
            self._close()

    # The ends

    def end(self, fault: Fault) -> None:
        """Close with a GOAWAY that tells why; nothing more is read, and no work is left."""
        self.shared.tell(fault, self.wire.peer[0], len(self.streams))
        self._drop_all()
        self.machine.pending()
        self._ours += goaway(self.machine.highest, fault.code)
        self._step, self._mark = Connection._part, None
        self.deadline = monotonic() + self.site.clocks.send

    def _say_goodbye(self) -> None:
        if self.last == inf:
            self.last = self.machine.highest
            self._ours += goaway(self.machine.highest, frames.NO_ERROR)

    def _drop_all(self) -> None:
        for stream in list(self.streams.values()):
            self.drop(stream)
        self.streams.clear()

    def _part(self) -> None:
        """Send what is left, then nothing more."""
        wire = self.wire
        octets, self._ours = self._ours + self.machine.pending(), b""
        self.deadline = max(self.deadline, monotonic() + patience(self.site.draining))
        if octets:
            wire.send(octets)
        if not wire.flush():
            return
        if not wire.end_output():
            self._close()
            return
        self.deadline = monotonic() + patience(self.site.draining)
        self._step = Connection._discard
        self._rung = True
        self._discard()

    def _discard(self) -> None:
        if self._rung:
            self._rung = self.wire.drained = False
        if not self.wire.drained and discard(self.wire, _TURN):
            self._close()

    def _await_end(self) -> None:
        self._close()

    def _close(self, reset: bool = False) -> None:
        """Close; the ownership is never let go again, so that nobody touches what is closed."""
        if self._closed:
            return
        self._drop_all()
        if self.wire.close(reset):
            self._closed = True
            self.site.roll.strike(self)
            return
        if self._step is not Connection._await_end:
            self.deadline = monotonic() + self.site.clocks.send
            self._step = Connection._await_end


def successor(shared: Shared) -> Callable[[Site, IWire, IOwnership, bytes], Connection | None]:
    """Return who decides whether a connection that begins with `octets` goes on as HTTP/2 (RFC 9113 section 3.3).

    On TLS the client has asked for it (ALPN). Without, anybody could have sent these octets through a proxy that takes
    them for something else: only who may speak for clients is believed to mean them.
    """

    def succeed(site: Site, wire: IWire, own: IOwnership, octets: bytes) -> Connection | None:
        if len(octets) < len(_FIRST_LINE) or not frames.PREFACE.startswith(octets[: len(frames.PREFACE)]):
            return None
        protocol = getattr(wire, "protocol", "")
        if protocol != "h2" and (protocol or wire.secure or not site.trusts(wire)):
            return None
        return Connection(site, wire, shared, own, octets)

    return succeed


_HEEDED: dict[str, Callable[[Connection, Any], None]] = {
    "RequestReceived": lambda self, event: self._requests.received(event),  # noqa: SLF001
    "DataReceived": lambda self, event: self._requests.content(event),  # noqa: SLF001
    "TrailersReceived": lambda self, event: self._requests.trailers(event),  # noqa: SLF001
    "StreamEnded": lambda self, event: self._requests.ended(event),  # noqa: SLF001
    "StreamReset": Connection._stream_reset,  # noqa: SLF001
    "WindowUpdated": Connection._window_opened,  # noqa: SLF001
    "RemoteSettingsChanged": Connection._settings_changed,  # noqa: SLF001
}
