"""Any other Twisted transport (TLS, a PROXY-protocol wrapper, a platform without epoll) seen as a wire.

Two queues meet here. The reactor thread fills `inbox` and rings the connection; its owner empties it. The owner fills
`outbox`; the reactor thread empties it into the transport with one coalesced wake-up, as far as the transport's
producer calls allow. What exceeds the budget goes to disk; while even that has no room, the application thread waits on
a condition that progress, the connection's loss and the deadline each wake.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from twisted.internet.interfaces import IPushProducer, ISSLTransport
from zope.interface import implementer

from wsgicontainer.connections.outgoing import FilePiece, acknowledged, drop, read_first, untaken
from wsgicontainer.connections.overflow import Pace, Room
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import ICarrier
from wsgicontainer.messages import MAPPED

READ_AHEAD = 65536
"""Octets of unread input after which the transport is paused."""
_BLOCK = 65536


class ReactorThreads(Protocol):
    """The part of a reactor that other threads may call."""

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        """Run `call` in the reactor thread."""


@implementer(IPushProducer, ICarrier)
class TransportWire:
    """The bytes of one Twisted transport. Runs in: its owner, unless said otherwise."""

    def __init__(self, transport: Any, reactor: ReactorThreads, room: Room) -> None:
        """Take over a connected transport. Runs in: reactor thread."""
        self._room, self._pace = room, Pace(room)
        self._transport = transport
        self._reactor = reactor
        self._ring: Callable[[], object] = _nobody
        self._inbox: deque[bytes] = deque()
        self._waiting_in = 0
        self._outbox: deque[bytes | memoryview | FilePiece] = deque()
        self._waiting_out = self._handed = 0
        self._called = self._flushing = self._choked = self._paused = False
        self._hung_up = self._lost = self._ended = self._met = False
        self._changed = threading.Condition()
        self.drained = False
        self.secure = ISSLTransport.providedBy(transport)
        self.peer, self.local = _address(transport.getPeer()), _address(transport.getHost())
        transport.registerProducer(self, True)

    def bind(self, ring: Callable[[], object]) -> None:
        """Name the function to call when there is something to receive or room again. Runs in: reactor thread."""
        self._ring = ring

    def hand_over(self, noticed: Callable[[int], None], ready: Callable[[], None]) -> None:
        """Have another connection told of events from now on. Runs in: the owner."""
        self._ring = ready

    # Reading

    def received(self, data: bytes) -> None:
        """Keep what the transport delivered. Runs in: reactor thread."""
        if not self._met:  # a PROXY header has told by now who the peer really is
            self._met = True
            self.peer, self.local = _address(self._transport.getPeer()), _address(self._transport.getHost())
        self._inbox.append(data)
        with self._changed:
            self._waiting_in += len(data)
            if self._waiting_in > READ_AHEAD and not self._paused and not self._lost:
                self._paused = True
                self._transport.pauseProducing()
        self._ring()

    def hung_up(self) -> None:
        """Note that the peer sends no more, though it may still read. Runs in: reactor thread."""
        self._hung_up = True
        self._inbox.append(b"")
        self._ring()

    def lost(self) -> None:
        """Note the end of the connection. Runs in: reactor thread."""
        with self._changed:
            self._lost = True
            self._changed.notify_all()
        self._inbox.append(b"")
        self._ring()

    def receive(self) -> bytes | None:
        """Return what has arrived, None if there is nothing, b"" at the end."""
        try:
            data = self._inbox.popleft()
        except IndexError:
            self.drained = True
            return None
        with self._changed:
            self._waiting_in -= len(data)
            resume = self._paused and self._waiting_in <= READ_AHEAD
        if resume:
            self._reactor.callFromThread(self._resume_reading)
        return data

    def _resume_reading(self) -> None:
        with self._changed:
            if not self._paused or self._waiting_in > READ_AHEAD or self._hung_up or self._lost:
                return
            self._paused = False
        self._transport.resumeProducing()

    def gone(self) -> bool:
        """Tell whether the peer has closed its side, and all before that is read, or the connection is lost."""
        return self.ended_within(0)

    def ended_within(self, octets: int) -> bool:
        """Tell the same though so many octets before the end are unread."""
        return self._lost or (self._hung_up and self._waiting_in <= octets)

    @property
    def suspect(self) -> bool:
        """Tell what `vanished` tells."""
        return self._lost

    def vanished(self) -> bool:
        """Tell whether nobody can read a reply any more."""
        return self._lost

    def look_again(self) -> None:
        """Have the connection rung once more soon, so that others get their turn first."""
        self._reactor.callFromThread(self._ring)

    usual = 0

    def noticed(self, event: int) -> bool:
        """Never asked: a transport is not in the set."""
        return True

    # Writing

    def send(self, data: bytes) -> bool:
        """Hand over to the reactor thread. False: only `flush` tells what was taken. Raises PeerGone."""
        if self._lost:
            raise PeerGone("the connection is lost")
        with self._changed:
            self._outbox.append(data)
            self._waiting_out += len(data)
        self._call_reactor()
        return False

    def send_both(self, head: bytes, content: bytes) -> bool:
        """Hand both over to the reactor thread. Raises PeerGone."""
        return self.send(head + content)

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a piece of a file after what is kept; takes over the descriptor."""
        with self._changed:
            self._outbox.append(FilePiece(descriptor, offset, count))
        self._call_reactor()

    def wait_for_room(self) -> None:
        """Wait until no more than the budget is unsent. Raises PeerGone. Runs in: application thread."""
        with self._changed:
            while self._waiting_out > self._room.budget:
                if self._lost:  # before the wait too: nobody would end it
                    raise PeerGone("the connection is lost")
                self._pace.see(self.progress)
                if self._pace.slow:
                    self._waiting_out -= self._room.disk.relieve(self._outbox)
                    if self._waiting_out <= self._room.budget:
                        return
                began = monotonic()
                self._changed.wait(self._pace.next_wait())
                self._pace.waits(monotonic() - began, 0)  # what Twisted has taken proves nothing of the peer

    @property
    def progress(self) -> int:
        """Grows with every octet that the peer takes; where it begins means nothing.

        What Twisted has taken says little: it may fill the kernel's buffer up as fast as the peer empties it.
        """
        sock = getattr(self._transport, "socket", None)
        if sock is None or self._lost:
            return self._handed
        taken = acknowledged(sock)
        return self._handed - untaken(sock.fileno()) if taken is None else taken

    def flush(self) -> bool:
        """Tell whether all was handed to the transport. Raises PeerGone."""
        if self._lost:
            raise PeerGone("the connection is lost")
        self._flushing = bool(self._outbox)
        return not self._outbox

    def _call_reactor(self) -> None:
        with self._changed:
            if self._called:
                return
            self._called = True
        self._reactor.callFromThread(self._write_out)

    def _write_out(self) -> None:
        """Write until the transport chokes or nothing is left. Runs in: reactor thread."""
        self._called = False
        while not self._choked and not self._lost:
            data = self._next_block()
            if data is None:
                break
            self._transport.write(data)
        if self._flushing and not self._outbox and not self._lost:
            self._flushing = False
            self._ring()

    def _next_block(self) -> bytes | None:
        with self._changed:
            if not self._outbox:
                self._pace.rest()
                return None
            piece = self._outbox[0]
            if isinstance(piece, FilePiece):
                return self._next_of_file()
            block = bytes(piece[:_BLOCK])  # the transport keeps no more than it can use, and tells of each
            if len(piece) > _BLOCK:
                self._outbox[0] = memoryview(piece)[_BLOCK:]
            else:
                self._outbox.popleft()
            self._waiting_out -= len(block)
            self._handed += len(block)
            self._changed.notify_all()
            return block

    def _next_of_file(self) -> bytes | None:
        """Read on in a file. Its piece stays in the outbox till its end: an empty one tells the owner: all is sent.

        The caller holds the lock: the owner may be about to let an overflow grow.
        """
        try:
            block = read_first(self._outbox, _BLOCK)
        except OSError:
            self._transport.abortConnection()
            return None
        self._handed += len(block)
        return block

    def pauseProducing(self) -> None:
        """Stop writing: the transport's buffer is full. Runs in: reactor thread."""
        self._choked = True

    def resumeProducing(self) -> None:
        """Go on writing. Runs in: reactor thread."""
        self._choked = False
        self._write_out()

    def stopProducing(self) -> None:
        """Do nothing: the transport wants no more, and its loss follows. Runs in: reactor thread."""

    # The end

    def end_output(self) -> bool:
        """Tell the peer that nothing more will come, and go on receiving; False where TLS makes both ends one."""
        if self.secure or not hasattr(self._transport, "loseWriteConnection"):
            return False
        self._reactor.callFromThread(self._end_output)
        return True

    def _end_output(self) -> None:
        if not self._lost:
            self._transport.unregisterProducer()
            self._transport.loseWriteConnection()

    def cut(self) -> None:
        """Drop the connection without delay; the owner learns of it as a loss. Runs in: any."""
        self._reactor.callFromThread(self._transport.abortConnection)

    def close(self, reset: bool = False) -> bool:
        """Close after what is kept was sent, at once if `reset`. False: the loss will be told."""
        if not self._ended:
            self._ended = True
            self._reactor.callFromThread(self._end, reset)
        lost = self._lost
        if lost:
            drop(self._outbox)
            self._ring = _nobody  # connection and wire would hold each other for ever
        return lost

    def _end(self, reset: bool) -> None:
        if self._lost:
            return
        self._transport.unregisterProducer()
        if reset:
            self._transport.abortConnection()
        else:
            self._transport.loseConnection()


def _nobody() -> None:
    """Nobody is to be rung."""


def _address(address: object) -> tuple[str, str]:
    host, port = getattr(address, "host", None), getattr(address, "port", None)
    return ("", "") if host is None else (str(host).removeprefix(MAPPED), str(port))
