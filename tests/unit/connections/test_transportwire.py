"""A Twisted transport as a wire: back-pressure both ways, files, and ends at any moment."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from observing import is_open
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.interfaces import IPushProducer, ISSLTransport
from twisted.internet.testing import StringTransport
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from wsgicontainer.connections.overflow import Disk, Room
from wsgicontainer.connections.transportwire import READ_AHEAD, TransportWire
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import IWire

BUDGET = 1000
HIGH_WATER = 65536


class Transport:
    """Twisted's rules: a buffer that pauses its producer above the high water and resumes it when it is empty."""

    def __init__(self) -> None:
        self.written = bytearray()
        self.buffered = 0
        self.reading = True
        self.disconnecting = self.aborted = False
        self.producer: Any = None

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.1", 5000)

    def getHost(self) -> UNIXAddress:
        return UNIXAddress("/run/site.sock")

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert streaming and self.producer is None
        self.producer = producer

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: bytes) -> None:
        assert type(data) is bytes and data, "Twisted drops or refuses it"
        assert not self.disconnecting, "written after the end"
        self.written += data
        self.buffered += len(data)
        if self.buffered > HIGH_WATER and self.producer is not None:
            self.producer.pauseProducing()

    def sent(self) -> None:
        """The kernel has taken what was buffered."""
        self.buffered = 0
        if self.producer is not None:
            self.producer.resumeProducing()

    def pauseProducing(self) -> None:
        assert self.reading
        self.reading = False

    def resumeProducing(self) -> None:
        assert not self.reading
        self.reading = True

    def loseConnection(self) -> None:
        self.disconnecting = True

    def abortConnection(self) -> None:
        self.aborted = True


class Ends:
    """A wire on such a transport; the test is the reactor."""

    def __init__(self, patience: float = 10, disk: Disk | None = None) -> None:
        self.transport = Transport()
        self.calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.reactor_thread = threading.get_ident()
        self.wire = TransportWire(self.transport, self, Room(BUDGET, patience, disk or Disk(0)))
        self.rings = 0
        self.wire.bind(self.ring)

    def callFromThread(self, call: Callable[..., object], *arguments: Any) -> None:
        self.calls.append((call, arguments))

    def ring(self) -> None:
        assert threading.get_ident() == self.reactor_thread
        self.rings += 1

    def turn(self) -> None:
        """Let the reactor do what it was asked for."""
        for _ in range(len(self.calls)):
            call, arguments = self.calls.popleft()
            call(*arguments)

    def receive_all(self) -> bytes:
        return b"".join(iter(self.wire.receive, None))


@pytest.fixture
def ends() -> Ends:
    return Ends()


@pytest.fixture
def much(tmp_path) -> tuple[bytes, Callable[[], int]]:
    """A file of 1 MiB, and how to open it."""
    content = os.urandom(1 << 20)
    (tmp_path / "file").write_bytes(content)
    return content, lambda: os.open(tmp_path / "file", os.O_RDONLY)


def test_it_is_a_wire_and_a_producer(ends):
    verifyObject(IWire, ends.wire)
    verifyObject(IPushProducer, ends.wire)


def test_addresses_and_security(ends):
    """A unix address has none; a TLS transport is known by what it provides."""
    assert ends.wire.peer == ("192.0.2.1", "5000")
    assert ends.wire.local == ("", "")
    assert not ends.wire.secure
    secure = StringTransport()
    directlyProvides(secure, ISSLTransport)
    assert TransportWire(secure, ends, Room(1, 1)).secure


@pytest.fixture
def line() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection, the server's end first, whose client has little room."""
    with socket.create_server(("127.0.0.1", 0)) as door, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(10)
        client.connect(door.getsockname())
        server = door.accept()[0]
        with server:
            server.setblocking(False)
            yield server, client


def test_a_reader_makes_progress_though_the_kernel_is_filled_up_at_once(ends, line):
    """Twisted may have megabytes to fill it up from; what was handed over and is unacknowledged then stays the same."""
    ends.transport.socket, client = line
    much = memoryview(bytes(1 << 24))

    def fill() -> None:
        with suppress(BlockingIOError):
            while True:
                ends.transport.socket.send(much)

    for _ in range(20):
        fill()
        before, until = ends.wire.progress, time.monotonic() + 10
        for _ in range(16):
            client.recv(16384, socket.MSG_WAITALL)
        fill()
        while ends.wire.progress <= before:
            assert time.monotonic() < until


def test_the_transport_gets_no_more_than_it_can_use(ends):
    """What it has counts in no budget, so a reply in one piece is cut into blocks."""
    content = os.urandom(3 * HIGH_WATER + 5)
    ends.wire.send(content)
    ends.turn()
    for _ in range(10):
        assert ends.transport.buffered <= 2 * HIGH_WATER
        ends.transport.sent()
    assert bytes(ends.transport.written) == content
    assert ends.wire.flush()


# --- Receiving ---


def test_receiving_rings_the_connection(ends):
    ends.wire.received(b"one")
    ends.wire.received(b"two")
    assert ends.rings == 2
    assert [ends.wire.receive() for _ in range(3)] == [b"one", b"two", None]
    assert ends.wire.drained


def test_a_sender_that_is_too_fast_is_paused(ends):
    """Unread input is bounded; reading goes on once there is room again."""
    ends.wire.received(b"x" * READ_AHEAD)
    assert ends.transport.reading
    ends.wire.received(b"y")
    assert not ends.transport.reading
    ends.wire.receive()
    ends.turn()
    assert ends.transport.reading


def test_the_transport_is_not_resumed_for_nothing(ends):
    """Between the call from the thread and the reactor's turn the inbox has filled again: it stays paused."""
    ends.wire.received(b"x" * READ_AHEAD)
    ends.wire.received(b"y")
    ends.wire.receive()
    ends.wire._waiting_in += READ_AHEAD
    ends.turn()
    assert not ends.transport.reading
    ends.wire._waiting_in -= READ_AHEAD
    ends.wire.receive()
    ends.turn()
    assert ends.transport.reading


def test_looking_again_rings_in_the_reactors_next_turn(ends):
    ends.wire.look_again()
    assert ends.rings == 0
    ends.turn()
    assert ends.rings == 1


def test_the_end_comes_after_what_was_received(ends):
    ends.wire.received(b"last words")
    ends.wire.lost()
    assert ends.wire.gone()
    assert [ends.wire.receive() for _ in range(3)] == [b"last words", b"", None]


def test_losing_a_paused_transport(ends):
    """What makes room afterwards does not resume what is gone."""
    ends.wire.received(b"x" * READ_AHEAD)
    ends.wire.received(b"y")
    ends.wire.lost()
    ends.receive_all()
    ends.turn()
    assert not ends.transport.reading


# --- Sending ---


def test_sends_are_written_in_one_turn(ends):
    """One coalesced wake-up of the reactor for any number of sends."""
    for piece in (b"one ", b"two ", b"three"):
        ends.wire.send(piece)
    assert len(ends.calls) == 1
    assert not ends.transport.written
    ends.turn()
    assert ends.transport.written == b"one two three"


def test_a_full_transport_is_not_filled_further(ends):
    """Back-pressure: beyond the high water it keeps the rest until the transport asks for more."""
    block = b"x" * 50_000
    for _ in range(5):
        ends.wire.send(block)
    ends.turn()
    assert len(ends.transport.written) == 2 * len(block)
    ends.transport.sent()
    assert len(ends.transport.written) == 4 * len(block)
    ends.transport.sent()
    assert len(ends.transport.written) == 5 * len(block)


def test_flushing_rings_once_all_is_handed_over(ends):
    ends.wire.send(b"x" * 50_000)
    ends.wire.send(b"y" * 50_000)
    ends.wire.send(b"z")
    assert not ends.wire.flush()
    ends.turn()
    assert ends.rings == 0
    ends.transport.sent()
    assert ends.rings == 1
    assert ends.wire.flush()


def test_a_file_goes_out_in_its_place(ends, much):
    """Between pieces of memory, from its offset, as fast as the transport takes it; its descriptor is given back."""
    content, open_it = much
    descriptor = open_it()
    ends.wire.send(b"head")
    ends.wire.send_file(descriptor, 10, len(content) - 20)
    ends.wire.send(b"next")
    ends.turn()
    assert is_open(descriptor)
    while not ends.wire.flush():
        assert ends.transport.buffered <= 2 * HIGH_WATER, "no back-pressure"
        ends.transport.sent()
    assert ends.transport.written == b"head" + content[10:-10] + b"next"
    assert not is_open(descriptor)


def test_a_file_is_not_called_sent_while_it_is_read(ends, much, monkeypatch):
    """The owner asks just while the reactor reads a block: closing then would cut the file short."""
    content, open_it = much
    said: list[bool] = []
    pread = os.pread

    def read(*arguments: Any) -> bytes:
        said.append(ends.wire.flush())
        return pread(*arguments)

    monkeypatch.setattr(os, "pread", read)
    ends.wire.send_file(open_it(), 0, len(content))
    ends.turn()
    while not ends.wire.flush():
        ends.transport.sent()
    assert said and not any(said)
    assert ends.transport.written == content


@pytest.mark.parametrize("fault", ["shrunk", "unreadable"])
def test_a_file_that_fails_breaks_the_reply_visibly(ends, tmp_path, fault):
    (tmp_path / "file").write_bytes(b"short")
    descriptor = os.open(tmp_path / "file" if fault == "shrunk" else tmp_path, os.O_RDONLY)
    ends.wire.send_file(descriptor, 0, 100)
    ends.turn()
    assert ends.transport.aborted
    assert not ends.wire.flush()
    ends.wire.lost()
    ends.wire.close()
    assert not is_open(descriptor)


# --- Waiting for room ---


class Waiting:
    """An application thread that waits for room."""

    def __init__(self, wire: TransportWire) -> None:
        self.outcome: Exception | None = None
        self._wire = wire
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def _wait(self) -> None:
        try:
            self._wire.wait_for_room()
        except PeerGone as error:
            self.outcome = error

    def is_over(self, seconds: float = 10) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()


def test_within_the_budget_nobody_waits(ends):
    ends.wire.send(b"x" * BUDGET)
    ends.wire.wait_for_room()


def test_beyond_it_the_thread_waits_for_the_transport(ends):
    for _ in range(3):
        ends.wire.send(b"x" * 50_000)
    waiting = Waiting(ends.wire)
    ends.turn()  # two pieces go, the third waits in the outbox
    assert not waiting.is_over(0.05)
    ends.transport.sent()
    assert waiting.is_over()
    assert waiting.outcome is None


@pytest.mark.parametrize("end", ["lost", "cut"])
def test_an_end_wakes_who_waits(ends, end):
    for _ in range(3):
        ends.wire.send(b"x" * 50_000)
    waiting = Waiting(ends.wire)
    ends.turn()
    if end == "cut":
        ends.wire.cut()
        ends.turn()
        assert ends.transport.aborted
    ends.wire.lost()
    assert waiting.is_over()
    assert isinstance(waiting.outcome, PeerGone)


def test_a_slow_peer_sets_the_thread_free():
    """After a moment, what it has not taken is on disk; it gets all in order, and the room is given back."""
    disk = Disk(10 * BUDGET)
    ends = Ends(disk=disk)
    for letter in (b"a", b"b", b"c"):
        ends.wire.send(letter * 2 * BUDGET)
        ends.wire.wait_for_room()
    assert ends.wire._waiting_out == 0
    assert not ends.wire.flush()
    ends.turn()
    assert ends.transport.written == b"a" * 2 * BUDGET + b"b" * 2 * BUDGET + b"c" * 2 * BUDGET
    assert ends.wire.flush()
    assert disk.take(10 * BUDGET), "room on disk was lost"


def test_a_connection_lost_before_the_wait_is_not_waited_for():
    """Lost between sending and waiting: nobody is left to end a wait."""
    ends = Ends(patience=600)
    for _ in range(3):
        ends.wire.send(b"x" * 50_000)
    ends.wire.lost()
    waiting = Waiting(ends.wire)
    assert waiting.is_over()
    assert isinstance(waiting.outcome, PeerGone)


def test_a_peer_that_takes_nothing_is_given_up():
    ends = Ends(patience=0.1)
    for _ in range(3):
        ends.wire.send(b"x" * 50_000)
    ends.turn()
    with pytest.raises(PeerGone, match=r"took nothing for 0\.1 s"):
        ends.wire.wait_for_room()


def test_a_peer_that_takes_a_little_is_waited_for(monkeypatch):
    """It takes octets from the kernel, though not yet enough for the transport to ask for more."""
    ends = Ends(patience=0.05)
    ends.transport.socket = object()
    taken = iter(range(1, 10_000))
    monkeypatch.setattr("wsgicontainer.connections.transportwire.acknowledged", lambda sock: next(taken))
    for _ in range(3):
        ends.wire.send(b"x" * 50_000)
    ends.turn()
    waiting = Waiting(ends.wire)
    assert not waiting.is_over(0.3)
    ends.transport.sent()
    assert waiting.is_over()
    assert waiting.outcome is None


# --- The end ---


def test_sending_to_who_has_gone(ends):
    ends.wire.lost()
    with pytest.raises(PeerGone):
        ends.wire.send(b"x")
    with pytest.raises(PeerGone):
        ends.wire.flush()


def test_closing_waits_for_the_transport(ends):
    """It is closed when the transport says so, and the connection is rung for that."""
    ends.wire.send(b"last words")
    assert not ends.wire.close()
    ends.turn()
    assert ends.transport.written == b"last words"
    assert ends.transport.disconnecting and not ends.transport.aborted
    assert not ends.wire.gone()
    ends.wire.lost()
    assert ends.rings == 1
    assert ends.wire.close()


def test_closing_with_a_reset(ends):
    ends.wire.close(reset=True)
    ends.turn()
    assert ends.transport.aborted and not ends.transport.disconnecting


def test_closing_what_is_lost_already(ends):
    ends.wire.lost()
    assert ends.wire.close()
    ends.turn()
    assert not ends.transport.disconnecting and not ends.transport.aborted


def test_the_end_of_output_leaves_the_input_open(ends):
    """A peer that still sends can read a refusal before the connection goes."""
    ends.transport.loseWriteConnection = lambda: setattr(ends.transport, "half_closed", True)
    ends.wire.send(b"last words")
    ends.turn()
    assert ends.wire.end_output()
    ends.turn()
    assert ends.transport.half_closed and ends.transport.producer is None
    ends.wire.received(b"still talking")
    assert ends.wire.receive() == b"still talking"


def test_the_end_of_output_of_what_is_lost(ends):
    ends.transport.loseWriteConnection = lambda: pytest.fail("it is lost")
    ends.wire.lost()
    ends.wire.end_output()
    ends.turn()


@pytest.mark.parametrize("secure", [True, False])
def test_where_there_is_no_half_close(ends, secure):
    """TLS ends both directions at once; other transports may not know it at all."""
    if secure:
        ends.wire.secure = True
        ends.transport.loseWriteConnection = lambda: pytest.fail("it would cut the TLS connection")
    assert not ends.wire.end_output()
    ends.turn()


def test_a_peer_that_sends_no_more_may_still_read(ends):
    """It has gone, as far as an application can tell, once all that it sent is read; its reply still goes out."""
    ends.wire.received(b"request")
    ends.wire.hung_up()
    assert ends.rings == 2
    assert not ends.wire.gone()
    assert [ends.wire.receive() for _ in range(3)] == [b"request", b"", None]
    assert ends.wire.gone()
    ends.wire.send(b"reply")
    ends.turn()
    assert ends.transport.written == b"reply"
    assert not ends.wire.close()
    ends.turn()
    assert ends.transport.disconnecting


def test_a_loss_gives_back_every_descriptor(ends, much):
    """Those of files that were not sent to their ends, and of those that come after it."""
    _, open_it = much
    ours = [open_it() for _ in range(3)]
    for each in ours[:2]:
        ends.wire.send_file(each, 0, 1 << 20)
    ends.turn()
    ends.wire.lost()
    ends.wire.send_file(ours[2], 0, 10)
    ends.turn()
    with pytest.raises(PeerGone):
        ends.wire.flush()
    assert ends.wire.close()
    assert not any(map(is_open, ours))


def test_a_transport_that_wants_no_more_is_left_alone(ends):
    ends.wire.stopProducing()
    assert not ends.transport.disconnecting


# --- Both threads at once ---


def test_octets_arrive_whole_between_two_threads(ends):
    """A thread sends with back-pressure while the reactor writes: nothing is lost, doubled or out of place."""
    content = os.urandom(3_000_000)
    sizes = [1, 70_000, 13, 4096, 65_537, 999]

    def send() -> None:
        at, turn = 0, 0
        while at < len(content):
            ends.wire.send(content[at : at + sizes[turn % len(sizes)]])
            at += sizes[turn % len(sizes)]
            turn += 1
            ends.wire.wait_for_room()

    sender = threading.Thread(target=send)
    sender.start()
    deadline = time.monotonic() + 20
    while len(ends.transport.written) < len(content):
        ends.turn()
        if ends.wire._choked:
            ends.transport.sent()
        assert time.monotonic() < deadline
    sender.join()
    assert ends.transport.written == content
