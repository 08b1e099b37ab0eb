"""One plain socket (TCP or unix) in the nest, read and written by whoever owns the connection, without the reactor.

Sending tries the kernel first. What it does not take is kept in order, memory and pieces of files alike, and goes out
when the set reports room. While more than the budget is kept, the application thread waits in `poll` on this one
socket, for a moment before it is put on disk, for long if that has no room: room, the peer's leaving, a cut and the
deadline each wake it. Edge-triggered: after a short read there is nothing more until the next event, so no read is
spent on finding that out.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic

from zope.interface import implementer

from wsgicontainer.connections.nest import POSSIBLE, Nest
from wsgicontainer.connections.outgoing import FilePiece, drop, untaken
from wsgicontainer.connections.overflow import IN_KERNEL, WIDE, Pace, Room
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import ICarrier
from wsgicontainer.messages import MAPPED

RECEIVE = 131072
"""Octets per recv: an upload of 64 KiB and its head come at once, and are copied once (18 % of such a request)."""
_SENDFILE = 1 << 20
_TURN = 16
"""Pieces sent in one go before others have their turn: 16 MiB of a file at most."""
_IN, _OUT = (select.EPOLLIN, select.EPOLLOUT) if POSSIBLE else (0, 0)
_VANISHED = select.EPOLLHUP | select.EPOLLERR if POSSIBLE else 0
_HUNG_UP = _VANISHED | (select.EPOLLRDHUP if POSSIBLE else 0)
_NOTHING: deque[memoryview | FilePiece] = deque(maxlen=0)
_RESET = struct.pack("ii", 1, 0)


@implementer(ICarrier)
class SocketWire:
    """The bytes of one plain connection. Runs in: its owner, unless said otherwise."""

    __slots__ = (
        "_room",
        "_nest",
        "_pace",
        "_wide",
        "_send",
        "_recv",
        "_socket",
        "_unsent",
        "_kept",
        "_sent",
        "_fd",
        "drained",
        "hung_up",
        "suspect",
        "peer",
        "local",
        "secure",
    )

    def __init__(
        self, sock: socket.SocketType, nest: Nest, room: Room, names: tuple[object, object] | None = None
    ) -> None:
        """Take over a connected, non-blocking socket.

        `names` are what getpeername and getsockname would tell, as far as known, of a socket that has TCP_NODELAY
        already.
        """
        self._socket, self._nest, self._room = sock, nest, room
        self._fd = sock.fileno()
        self._recv, self._send = sock.recv, sock.send
        self._unsent: deque[memoryview | FilePiece] = _NOTHING  # most never need a queue
        self._pace: Pace | None = None
        self._kept = self._sent = 0
        self.drained = self.hung_up = self.suspect = self.secure = self._wide = False
        if names is None:
            names = _name(sock.getpeername), None
            if sock.family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer, local = names
        self.peer = _address(peer)
        self.local = _address(_name(sock.getsockname) if local is None else local)

    usual = _IN | _OUT
    """The kernel reports room with what has come, as long as there is any."""

    # Reading

    def noticed(self, event: int) -> bool:
        """Tell whether an event of the set needs the owner's eye; room is only of interest with something to send."""
        if event & _HUNG_UP:
            self.hung_up = True
            self.suspect = self.suspect or event & _VANISHED != 0
            return True
        return event & _IN != 0 or bool(self._unsent)

    def receive(self) -> bytes | None:
        """Return what has arrived, None if there is nothing, b"" at the end."""
        try:
            data = self._recv(RECEIVE)
        except BlockingIOError:
            self.drained = True
            return None
        except OSError:
            return b""
        # After a hang-up the next recv tells the end, and no further event would.
        self.drained = len(data) < RECEIVE and not self.hung_up
        return data

    def gone(self) -> bool:
        """Tell whether the peer has closed its side or reset the connection."""
        return self.ended_within(0)

    def ended_within(self, octets: int) -> bool:
        """Tell the same though so many octets before the end are unread."""
        if not self.hung_up:
            return False
        try:
            return len(self._recv(octets + 1, socket.MSG_PEEK | socket.MSG_DONTWAIT)) <= octets
        except BlockingIOError:
            return False
        except OSError:
            return True

    def vanished(self) -> bool:
        """Tell whether the peer has reset the connection or closed it both ways.

        The socket is asked: an event may have been another's, who had the number before.
        """
        poll = select.poll()
        poll.register(self._fd, 0)
        return bool(poll.poll(0))

    def hand_over(self, noticed: Callable[[int], None], ready: Callable[[], None]) -> None:
        """Have another connection told of events from now on."""
        self._nest.reassign(self._fd, noticed)

    def look_again(self) -> None:
        """Have the connection rung once more soon, so that others get their turn first."""
        self._nest.renew(self._fd)

    # Writing

    def send(self, data: bytes) -> bool:
        """Send; keep what the kernel does not take. True if it has taken all there is. Raises PeerGone."""
        if self._unsent and not self.flush():
            self._keep(memoryview(data))
            return False
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise PeerGone(str(error)) from None
        self._sent += sent
        if sent == len(data):
            return True
        self._keep(memoryview(data)[sent:])
        return False

    def send_both(self, head: bytes, content: bytes) -> bool:
        """Send as `send` does, without putting the two together first: 64 KiB are copied once less."""
        if self._unsent:
            return self.send(head + content)
        try:
            sent = self._socket.sendmsg((head, content))
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise PeerGone(str(error)) from None
        self._sent += sent
        rest = len(head) + len(content) - sent
        if not rest:
            return True
        if rest > len(content):
            self._keep(memoryview(head)[sent:])
            self._keep(memoryview(content))
        else:
            self._keep(memoryview(content)[-rest:])
        return False

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """Send a piece of a file after what is kept; takes over the descriptor. Raises PeerGone."""
        self._queue().append(FilePiece(descriptor, offset, count))
        self.flush()

    def wait_for_room(self) -> None:
        """Wait until no more than the budget is unsent. Raises PeerGone. Runs in: application thread."""
        budget = self._room.budget
        while self._kept > budget:
            pace, before = self._pace or Pace(self._room), self.progress
            self._pace = pace
            pace.see(before)
            if pace.slow:
                if self._wide:
                    self._bound_kernel(IN_KERNEL)
                self._kept -= self._room.disk.relieve(self._unsent)
                if self._kept <= budget:
                    return
            began = monotonic()
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            poll.poll(pace.next_wait() * 1000)
            pace.waits(monotonic() - began, self.progress - before)
            self.flush()

    def _widen(self) -> None:
        """Have the kernel keep more for a fast peer, if there is a right to that left; it is held until the end.

        Once it is slow no more is sent than it takes, but what the kernel has stays there.
        """
        if self.local[0] and self._room.wide:
            with suppress(IndexError):
                self._room.wide.pop()
                self._wide = True
                self._bound_kernel(WIDE)

    def _bound_kernel(self, octets: int) -> None:
        with suppress(OSError, AttributeError):  # it has left; no such option here
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, octets)

    @property
    def progress(self) -> int:
        """Grows with every octet that the peer takes: those that were sent, but for what the kernel still has."""
        return self._sent - untaken(self._fd)

    def flush(self) -> bool:
        """Send what is kept as far as the kernel takes it; True if nothing is left. Raises PeerGone."""
        unsent = self._unsent
        if not unsent:
            return True
        pieces = 0
        while unsent:
            if pieces == _TURN:  # a fast reader never has the kernel say no: the others have their turn
                self.look_again()
                return False
            pieces += 1
            piece = unsent[0]
            try:
                if isinstance(piece, FilePiece):
                    self._flush_file(piece)
                else:
                    self._flush_memory(piece)
            except BlockingIOError:
                return False
            except OSError as error:
                raise PeerGone(str(error)) from None
        if self._pace is not None:
            self._pace.rest()
        return True

    def _flush_memory(self, piece: memoryview) -> None:
        sent = self._send(piece)
        self._kept -= sent
        self._sent += sent
        if sent == len(piece):
            self._unsent.popleft()
        else:
            self._unsent[0] = piece[sent:]

    def _flush_file(self, piece: FilePiece) -> None:
        sent = os.sendfile(self._fd, piece.descriptor, piece.offset, min(piece.count, _SENDFILE))
        if sent == 0:
            raise OSError("the file became shorter while it was sent")
        self._sent += sent
        piece.offset += sent
        piece.count -= sent
        if piece.count == 0:
            self._unsent.popleft()
            piece.close()

    def _keep(self, data: memoryview) -> None:
        self._kept += len(data)
        self._queue().append(data)
        if not self._wide:
            pace = self._pace = self._pace or Pace(self._room)
            if pace.proves(self.progress, monotonic()):
                self._widen()

    def _queue(self) -> deque[memoryview | FilePiece]:
        if self._unsent is _NOTHING:
            self._unsent = deque()
        return self._unsent

    # The end

    def end_output(self) -> bool:
        """Tell the peer that nothing more will come, and go on receiving. True: it is told."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        return True

    def cut(self) -> None:
        """Wake the owner with an end of the connection; only the owner closes. Runs in: any."""
        with self._room.closing, suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self, reset: bool = False) -> bool:
        """Close, with a RST if the peer must see that the reply is broken. True: it is closed now."""
        self._nest.forget(self._fd)
        with self._room.closing:
            try:
                if reset:
                    self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._socket.close()
            except OSError:
                pass
        if self._wide:
            self._wide = False
            self._room.wide.append(None)
        if self._unsent:
            drop(self._unsent)
        self._kept = 0
        return True


def _name(ask: Callable[[], object]) -> object:
    try:
        return ask()
    except OSError:  # it has left already
        return ""


def _address(name: object) -> tuple[str, str]:
    """Return host and port as text; ("", "") for unix sockets and peers that have left already.

    An IPv4 client of a socket for both (systemd's default, for one) is an IPv4 client.
    """
    return (str(name[0]).removeprefix(MAPPED), str(name[1])) if isinstance(name, tuple) else ("", "")
