"""One HTTP/2 connection (RFC 9113) on any wire: its owner, and how it serves; `clocks` and `ending` do the rest.

Strategy: the state machine is touched only by whoever owns the connection. Who replies puts what is to be sent into its
stream and leaves its name in `_news`; then it claims the connection and sends itself, or leaves word, and the present
owner looks anew before it is done (`connections.ownership`). So nobody waits for anybody to send, and no word is lost:
the name is there before the claim. Each pass of an owner reads, hears the news, sends, and sets the next deadline.
Runs in: the holder of the lead, the reactor thread or an application thread, but never in two at once.

    _serve ──▶ ending.part ──▶ … closed
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf
from time import monotonic

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import PeerGone
from wsgicontainer.http.site import Site
from wsgicontainer.http2 import clocks, ending, frames
from wsgicontainer.http2.frames import Fault, goaway
from wsgicontainer.http2.machine import LOST, Machine
from wsgicontainer.http2.manners import Manners
from wsgicontainer.http2.reading import Reader
from wsgicontainer.http2.requests import Requests, Shared
from wsgicontainer.http2.sending import Sender
from wsgicontainer.http2.stream import Stream
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
_SLICE = 32_768
"""Octets that are read before the clock is looked at: frames may be as small as 9."""
_PASSES = 16
"""Passes of one owner while others leave word."""
_NOTICE = 0.5
"""Seconds from the warning to the last word of a drain: requests on their way arrive within a round trip."""


@implementer(ISuccessor)
class Connection:
    """One connection and where it stands."""

    def __init__(
        self, site: Site, wire: IWire, shared: Shared, own: IOwnership | None = None, octets: bytes = b""
    ) -> None:
        """Begin; with `own`, the caller owns it, has received `octets` already and puts it on the roll.

        Runs in: whoever accepts it.
        """
        self.wire, self.site, self.shared, self.room = wire, site, shared, shared.room
        now = monotonic()
        self.deadline = now + site.clocks.header
        self.streams: dict[int, Stream] = {}
        """All that somebody still works for, ended or not."""
        self.peer_leaves = False
        """Whether the peer has said that it opens no more streams."""
        self.manners = Manners(now)
        self.last: float = inf
        """The last stream that is served; infinite until the last word of a drain."""
        self.machine = Machine(shared.streams, site.limits.head)
        self.sender = Sender(self)
        self._own = own or site.new_ownership()
        self.requests = Requests(self)
        self._reader = Reader(self)
        self._news: deque[Stream] = deque()
        self._early = octets
        self.ours = b""
        """Frames that the state machine knows nothing of, and that are not sent yet."""
        self._now: tuple[Stream, bytes] | None = None
        self.rung = self.closed = self._more = self._crowded = False
        self.choked = False
        """Whether something waits for the wire to take it."""
        self._idle = True
        self.mark: int | None = None
        """The wire's progress when it was last looked at; for the clocks since `since`."""
        self.since = self._warned = 0.0
        self.step: Callable[[Connection], None] = Connection._serve
        if own is None:
            site.roll.enter(self)

    # What others tell it

    def noticed(self, event: int) -> None:
        """Take an event of the set. Runs in: the holder of the lead."""
        wire = self.wire
        if event == wire.usual or wire.noticed(event) or self._more:
            self.rung = True
            if self._own.claim():
                self.go_on()

    def ready(self) -> None:
        """Look at a transport that has received, sent or ended. Runs in: reactor thread."""
        self.rung = True
        if self._own.claim():
            self.go_on()

    def heed(self, stream: Stream) -> None:
        """Send what a stream has got, now or as soon as the present owner looks anew. Runs in: any."""
        self._news.append(stream)
        if self._own.claim():
            self.go_on()

    def send_now(self, stream: Stream, data: bytes) -> bool:
        """Send content of a stream that has nothing else to send, if nobody and nothing stands before it. Runs in: any.

        The usual case of a long reply, without the outbox and the turns: a tenth of its CPU. False: nothing was sent.
        """
        if not self._own.seize():
            return False
        before = stream.sent
        if self.step is Connection._serve:
            self._now = stream, data
        self.go_on()
        return stream.sent != before

    def left(self, stream: Stream) -> None:
        """Take a stream off that nobody works for any more. Runs in: any.

        One that was answered to its end has nothing left to send: a whole pass less, unless this is on its way out.
        """
        if stream.closed and not self.peer_leaves and self.last == inf:
            self.strike(stream.number)
        else:
            self.heed(stream)

    def expire(self, now: float) -> None:
        """End waits that took too long, unless somebody has the connection. Runs in: reactor thread."""
        if not self._own.seize():
            return
        if self.deadline == _SOON:
            self.deadline = now + self.site.clocks.keep_alive
        if self.step is not Connection._serve:
            ending.hurry(self, now)
        elif self.streams or self.choked:
            clocks.look(self, now)
        elif self.deadline < now and self.deadline != _BUSY:
            ending.say_goodbye(self)
        self.go_on()

    def leave(self, over: bool) -> None:
        """Warn at first, then tell which stream is the last, and close when all have ended. Runs in: reactor thread."""
        if not self._serves() or not self._own.seize():
            return
        now = monotonic()
        if not self._warned:
            self._warned = now
            self.ours += goaway(frames.ALL, frames.NO_ERROR)
        elif now - self._warned >= _NOTICE:
            ending.say_goodbye(self)
        self.go_on()

    def make_room(self) -> bool:
        """Close if no request runs or comes: newcomers need the place. Runs in: reactor thread."""
        if self.streams or not self._serves() or not self._own.seize():
            return False
        self.rung = self._crowded = True  # after a last look
        self.go_on()
        self._crowded = False
        return not self._serves()

    def _serves(self) -> bool:
        return self.step is Connection._serve and not self.closed

    def cut(self) -> None:
        """End at once, whatever is running. Runs in: any."""
        self.wire.cut()

    def go_on(self) -> None:
        """Take steps until there is nothing to do. Runs in: the owner, who is none when this returns."""
        passes = 0
        while not self.closed:
            passes += 1
            try:
                self.step(self)
            except PeerGone:
                ending.close(self)
            except Exception:  # noqa: BLE001 (a mistake of ours costs this connection, not the thread that reads for all)
                _log.failure("A connection failed")
                ending.close(self, reset=True)
            if not self._has_word(passes):
                return

    def _has_word(self, passes: int) -> bool:
        """Let go; True if word was left and the caller owns it again.

        After some passes it lets go all the same, and has the connection rung: it has other things to do, and who reads
        for all has others to read for.
        """
        if self.closed or not self._own.release():
            return False
        self.rung = True  # word may have been of an event that came to who had the connection before
        if passes < _PASSES:
            return True
        self._look_again()
        while self._own.release():
            pass
        return False

    # The step of one that serves

    def _serve(self) -> None:
        now, self._now = self._now, None
        if now is not None and self._is_free() and self._send_now(*now):
            return
        try:
            self._hear()
        except Fault as fault:
            ending.fail(self, fault)
            ending.part(self)
            return
        self._hear_news()
        self._send_on()
        self._settle()

    def _is_free(self) -> bool:
        """Tell whether nothing waits to be read, heard or sent."""
        return not (self.rung or self._news or self.choked or self.ours or self.sender.busy)

    def _send_now(self, stream: Stream, data: bytes) -> bool:
        machine, number = self.machine, stream.number
        if stream.dead or stream.closed or len(data) > machine.room(number):
            return False
        try:
            machine.send_data(number, data, False)
        except LOST:
            self.drop(stream)
            return True
        self.manners.sent(len(data))
        stream.sent += len(data)
        if not self.wire.send(machine.pending()) and not self.wire.flush():
            self.choked = True
        return True

    def _hear(self) -> None:
        """Take what has come."""
        wire = self.wire
        if self.rung:
            self.rung = self._more = wire.drained = False
        elif wire.drained and not self._early:
            return
        until = 0.0
        for _ in range(_TURN):
            data = self._received()
            if data is None:
                return
            now = monotonic()
            if not until:
                until = now + _TURN_SECONDS
            self._reader.read(data, now)
            if now > until:
                break
        if self._early or not wire.drained:
            self._look_again()

    def _look_again(self) -> None:
        """Go on after others had their turn, whatever the wire thinks of the event.

        It may have taken all, and think nothing of room; or hold what came with more than was read (TLS).
        """
        self._more = True
        self.wire.look_again()

    def _received(self) -> bytes | None:
        data = self._early or (None if self.wire.drained else self.wire.receive())
        if data == b"":
            raise PeerGone("closed")
        self._early = b"" if data is None else data[_SLICE:]
        return data and data[:_SLICE]

    # Streams

    def drop(self, stream: Stream) -> None:
        """End a stream before its time; who still works for it is told, and keeps its place until then."""
        self.sender.forget(stream)
        self.machine.received(stream.number, False)
        if stream.arrival is not None:
            self.requests.lost(stream)
        stream.kill()
        if stream.done:
            self.strike(stream.number)

    def keep(self, stream: Stream) -> None:
        """Count a stream as one that somebody works for."""
        self.streams[stream.number], self.shared.open[stream] = stream, None

    def strike(self, number: int) -> None:
        """Count a stream no more. Runs in: any."""
        stream = self.streams.pop(number, None)
        if stream is not None:
            self.shared.open.pop(stream, None)

    def _hear_news(self) -> None:
        news = self._news
        while news:
            stream = news.popleft()
            if stream.unsent:
                self.sender.offer(stream)
            elif stream.done and (stream.closed or stream.dead):
                self.strike(stream.number)

    def _send_on(self) -> None:
        """Send as much as the wire takes, in turns."""
        wire = self.wire
        if self.choked and not wire.flush():
            return
        self.choked = False
        for _ in range(_TURN):
            more = self.sender.fill()
            octets, self.ours = self.ours + self.machine.pending(), b""
            if not octets:
                return
            if not wire.send(octets) and not wire.flush():
                self.choked = True
                return
            if not more:
                return
        self._look_again()

    def _settle(self) -> None:
        """Set the next deadline, or leave if nothing is left to do."""
        if self.streams or self.choked:
            self._idle, self.deadline = False, _BUSY
            return
        if self._crowded:
            ending.say_goodbye(self)
        if self.peer_leaves or self.last != inf:
            self.step = ending.part
            ending.part(self)
            return
        if not self._idle:
            self._idle, self.deadline = True, _SOON
        if self._reader.unfinished:
            until = monotonic() + self.site.clocks.header
            if self.deadline == _SOON or self.deadline > until:
                self.deadline = until

    def forget(self) -> None:
        """Be closed; the ownership is never let go again, so that nobody touches what is closed."""
        self.closed = True
        del self.requests, self.sender, self._reader  # they and it would hold each other until the collector comes
        self.site.roll.strike(self)
