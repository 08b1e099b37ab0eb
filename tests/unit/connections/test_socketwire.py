"""A plain socket as a wire: partial sends, files, a bounded wait for room, and an end that loses no descriptor."""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from wsgicontainer.connections.nest import Nest
from wsgicontainer.connections.overflow import FAST, IN_KERNEL, MOST_WIDE, WIDE, Disk, Pace, Room
from wsgicontainer.connections.socketwire import RECEIVE, SocketWire
from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import IWire

MUCH = bytes(range(256)) * 4 * 8192
"""8 MiB: more than the kernel takes at once, however its buffers have grown (4.2 MB were seen)."""


class Ends:
    """A wire and its peer's socket, in a set of their own."""

    def __init__(self, tcp: bool, budget: int = 1000, patience: float = 10, disk: Disk | None = None) -> None:
        self.nest = Nest()
        if tcp:
            with socket.create_server(("127.0.0.1", 0)) as door:
                self.peer = socket.create_connection(door.getsockname())
                self.ours, _ = door.accept()
        else:
            self.ours, self.peer = socket.socketpair()
        self.ours.setblocking(False)
        self.peer.settimeout(10)
        self.wire = SocketWire(self.ours, self.nest, Room(budget, patience, disk or Disk(0)))
        self.nest.add(self.ours.fileno(), self.noticed)
        self.take()

    def noticed(self, event: int) -> None:
        self.wanted = self.wire.noticed(event)

    def take(self, timeout: float = 0) -> bool:
        """Poll the set; tell whether the wire wants the owner's eye."""
        self.wanted = False
        self.nest.take(timeout)
        return self.wanted

    def read(self, count: int) -> bytes:
        """Read at the peer."""
        data = bytearray()
        while len(data) < count and (part := self.peer.recv(min(1 << 20, count - len(data)))):
            data += part
        return bytes(data)

    def reset(self) -> None:
        """Vanish with a RST."""
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.peer.close()


Connect = Callable[..., Ends]


@pytest.fixture(params=["tcp", "unix"])
def connect(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Make ends; they are closed after the test."""
    made: list[Ends] = []

    def connect(**options: Any) -> Ends:
        made.append(Ends(request.param == "tcp", **options))
        return made[-1]

    yield connect
    for ends in made:
        ends.wire.close()
        ends.peer.close()
        ends.nest.close()


@pytest.fixture
def tcp() -> Iterator[Ends]:
    ends = Ends(tcp=True)
    yield ends
    ends.wire.close()
    ends.peer.close()
    ends.nest.close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def beside(do: Callable[[], object]) -> threading.Thread:
    """Do it in another thread."""
    thread = threading.Thread(target=do)
    thread.start()
    return thread


def test_it_is_a_wire(connect):
    verifyObject(IWire, connect().wire)


def test_addresses(tcp, connect):
    """A unix peer has none; that is no error."""
    host, port = tcp.wire.peer
    assert (host, int(port)) == tcp.peer.getsockname()
    assert tcp.wire.local[0] == "127.0.0.1"
    assert tcp.ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


# --- Receiving ---


def test_receiving(connect):
    """Data, then nothing, then the end: bytes, None, and b"" again and again."""
    ends = connect()
    assert ends.wire.receive() is None and ends.wire.drained
    ends.peer.send(b"data")
    assert ends.take()
    assert ends.wire.receive() == b"data" and ends.wire.drained
    ends.peer.shutdown(socket.SHUT_WR)
    assert ends.take()
    assert [ends.wire.receive() for _ in range(2)] == [b"", b""]


def test_a_full_read_is_not_the_last(connect):
    """As much as was asked for has come: there may be more, and no event would tell."""
    ends = connect()
    thread = beside(lambda: ends.peer.sendall(b"x" * RECEIVE * 2))
    got = 0
    while got < RECEIVE * 2:
        data = ends.wire.receive()
        if data is None:
            ends.take(1)
            ends.wire.drained = False
            continue
        got += len(data)
        assert ends.wire.drained == (len(data) < RECEIVE)
    thread.join()


def test_the_end_behind_data_is_not_missed(connect):
    """Data and end in one event: the short read is not taken for the last."""
    ends = connect()
    ends.peer.send(b"last words")
    ends.peer.shutdown(socket.SHUT_WR)
    ends.take()
    assert ends.wire.receive() == b"last words"
    assert not ends.wire.drained
    assert ends.wire.receive() == b""


def test_a_reset_reads_as_the_end(tcp):
    tcp.reset()
    tcp.take(1)
    assert tcp.wire.receive() == b""


def test_whether_the_peer_has_gone(connect):
    """A peer that has closed but whose octets are not all read has not gone yet."""
    ends = connect()
    assert not ends.wire.gone()
    ends.peer.send(b"unread")
    ends.take()
    assert not ends.wire.gone()
    ends.peer.shutdown(socket.SHUT_WR)
    ends.take()
    assert not ends.wire.gone()
    ends.wire.receive()
    assert ends.wire.gone()


def test_a_reset_peer_has_gone(tcp):
    tcp.reset()
    tcp.take(1)
    assert tcp.wire.gone()


def test_whether_nobody_reads_any_more(connect):
    """A reset, or both halves closed; a peer that only sends no more still reads."""
    ends = connect()
    ends.peer.shutdown(socket.SHUT_WR)
    ends.take()
    assert (ends.wire.gone(), ends.wire.vanished()) == (True, False)
    ends = connect()
    ends.wire.send(b"unread")
    ends.reset()
    ends.take(1)
    assert (ends.wire.gone(), ends.wire.suspect, ends.wire.vanished()) == (True, True, True)
    ends = connect()
    ends.wire.noticed(select.EPOLLHUP | select.EPOLLERR)  # of who had the number before
    assert (ends.wire.gone(), ends.wire.suspect, ends.wire.vanished()) == (False, True, False)


def test_a_stale_event_does_no_harm(connect):
    """An event of the socket that had this number before says what is not so: a system call finds out."""
    ends = connect()
    assert ends.wire.noticed(0x2011)  # IN, HUP and RDHUP
    assert ends.wire.receive() is None
    assert not ends.wire.gone()
    ends.wire.send(b"still here")
    assert ends.read(10) == b"still here"


def test_looking_again_rings_once_more(connect):
    ends = connect()
    ends.peer.send(b"x")
    assert ends.take()
    assert not ends.take()
    ends.wire.look_again()
    assert ends.take()


# --- Sending ---


def test_a_fast_reader_lets_others_have_their_turn(connect):
    """A kernel that takes everything must not keep the thread that reads for all: the rest goes after a new ring."""
    ends = connect()

    def refuse(_piece: bytes) -> int:
        raise BlockingIOError

    ends.wire._send = refuse
    for _ in range(40):
        ends.wire.send(b"x")
    ends.wire._send = len
    assert not ends.wire.flush()
    assert ends.take()
    assert not ends.wire.flush()
    assert ends.wire.flush()


def test_what_the_kernel_does_not_take_is_kept_in_order(connect):
    """Many sends without a reader, then one: every octet, in its place."""
    ends = connect()
    pieces = [MUCH[:1_000_000], b"a", MUCH[:77_777], b"", b"z", MUCH]
    for piece in pieces:
        ends.wire.send(piece)
    assert not ends.wire.flush()
    whole = b"".join(pieces)
    got = []
    thread = beside(lambda: got.append(ends.read(len(whole))))
    while not ends.wire.flush():
        assert ends.take(10) or not ends.wire._unsent
    thread.join()
    assert got == [whole]


def test_two_pieces_at_once_are_kept_in_order(connect):
    """Whole, cut in the second, cut in the first, and behind what waits already."""
    ends = connect()
    assert ends.wire.send_both(b"head", b"content")
    assert ends.read(11) == b"headcontent"
    assert not ends.wire.send_both(MUCH, b"end")
    assert not ends.wire.send_both(b"more", MUCH)
    got = []
    thread = beside(lambda: got.append(ends.read(2 * len(MUCH) + 7)))
    while not ends.wire.flush():
        ends.take(10)
    thread.join()
    assert got == [MUCH + b"endmore" + MUCH]
    ends.peer.close()
    with suppress(PeerGone):
        ends.wire.send(b"x")  # answered with a reset
    with pytest.raises(PeerGone):
        ends.wire.send_both(b"head", MUCH)


def test_room_interests_only_who_has_something_to_send(connect):
    ends = connect()
    ends.wire.look_again()
    assert not ends.take(), "an idle connection is not woken for room"
    ends.wire.send(MUCH)
    assert any(ends.read(50_000) and ends.take(0.01) for _ in range(len(MUCH) // 50_000))


def test_a_file_goes_out_between_pieces_of_memory(connect, tmp_path):
    """In order, from its offset, with its count; its descriptor is given back."""
    ends = connect()
    (tmp_path / "file").write_bytes(MUCH)
    before = descriptors()
    ends.wire.send(b"head")
    ends.wire.send_file(os.open(tmp_path / "file", os.O_RDONLY), 10, len(MUCH) - 20)
    ends.wire.send(b"next")
    whole = b"head" + MUCH[10:-10] + b"next"
    got = []
    thread = beside(lambda: got.append(ends.read(len(whole))))
    while not ends.wire.flush():
        ends.take(10)
    thread.join()
    assert got == [whole]
    assert descriptors() == before


def test_a_file_that_shrinks_is_a_broken_reply(connect, tmp_path):
    """It never ends as if it were whole."""
    ends = connect()
    (tmp_path / "file").write_bytes(b"short")
    with pytest.raises(PeerGone, match="shorter"):
        ends.wire.send_file(os.open(tmp_path / "file", os.O_RDONLY), 0, 100)


def test_progress_tells_what_the_peer_has_taken(tcp):
    """Also below what makes the kernel report room: a slow peer is no dead one."""
    tcp.wire.send(MUCH * 2)
    tcp.wire.flush()
    before = -1
    while before != tcp.wire.progress:  # the two kernels' buffers fill up
        before = tcp.wire.progress
        time.sleep(0.05)
    room = tcp.peer.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    tcp.read(room)
    deadline = time.monotonic() + 5
    while tcp.wire.progress <= before:
        assert time.monotonic() < deadline


def test_progress_counts_what_went_out_at_once(tcp):
    """Not only what had to wait."""
    before = tcp.wire.progress
    tcp.wire.send(b"a" * 1000)
    tcp.wire.send_both(b"b" * 1000, b"c" * 1000)
    tcp.read(3000)
    deadline = time.monotonic() + 5
    while tcp.wire.progress != before + 3000:
        assert time.monotonic() < deadline


# --- Waiting for room ---


def test_within_the_budget_nobody_waits(connect):
    ends = connect(budget=len(MUCH))
    ends.wire.send(MUCH)
    ends.wire.wait_for_room()
    assert ends.wire._kept <= len(MUCH)


def test_beyond_the_budget_one_waits_for_the_peer(connect):
    """And no longer than until the budget is kept again."""
    ends = connect(budget=100_000)
    ends.wire.send(MUCH * 4)  # the kernel's buffers grow with the machine's mood
    assert ends.wire._kept > 100_000
    got = []
    thread = beside(lambda: got.append(ends.read(4 * len(MUCH))))
    ends.wire.wait_for_room()
    assert ends.wire._kept <= 100_000
    while not ends.wire.flush():
        ends.take(10)
    thread.join()
    assert got == [MUCH * 4]


def kernel_keeps(ends: Ends) -> int:
    return ends.ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)


class Fast(Pace):
    """A peer that has proven it."""

    def proves(self, progress: int, now: float) -> bool:
        return True


def send_much(ends: Ends, pace: Pace) -> None:
    """Send more than the kernel takes, then let the peer read all of it, which has taken what came before like that."""
    ends.wire._pace = pace
    ends.wire.send(MUCH)
    reader = beside(lambda: ends.read(len(MUCH)))
    ends.wire.wait_for_room()
    while not ends.wire.flush():
        select.select([], [ends.ours], [])
    reader.join()


def test_the_kernel_keeps_more_for_a_peer_that_has_proven_fast(tcp):
    """Fewer turns to send. Who is slow after that gets the narrow bound back, and the right to more only at its end."""
    room = tcp.wire._room
    send_much(tcp, Fast(room))
    assert (kernel_keeps(tcp), len(room.wide)) == (WIDE, MOST_WIDE - 1)
    send_much(tcp, Pace(room, waited=1e9))
    assert (kernel_keeps(tcp), len(room.wide)) == (IN_KERNEL, MOST_WIDE - 1)
    tcp.wire.close()
    tcp.wire.close()  # a second time there is nothing to give back
    assert len(room.wide) == MOST_WIDE


def test_a_unix_socket_needs_no_right():
    """The kernel's bound is TCP's."""
    ends = Ends(tcp=False)
    send_much(ends, Fast(ends.wire._room))
    assert len(ends.wire._room.wide) == MOST_WIDE
    ends.wire.close()
    ends.peer.close()
    ends.nest.close()


def test_no_more_than_a_few_connections_have_it(tcp):
    tcp.wire._room.wide.clear()
    before = kernel_keeps(tcp)
    send_much(tcp, Fast(tcp.wire._room))
    assert kernel_keeps(tcp) == before
    tcp.wire.close()
    assert not tcp.wire._room.wide


def test_a_slow_peer_sets_the_thread_free(connect):
    """After a moment, what it has not taken is on disk, whatever comes after that too; it gets all in order."""
    disk = Disk(3 * len(MUCH))
    ends = connect(budget=1000, disk=disk)
    ends.wire.send(MUCH)
    ends.wire.wait_for_room()
    assert FAST <= ends.wire._pace.waited < 5
    assert ends.wire._kept == 0
    for letter in (b"a", b"b", MUCH):
        ends.wire.send(letter)
        ends.wire.wait_for_room()
    assert ends.wire._kept <= 1000
    assert len(ends.wire._unsent) == 1
    got = []
    thread = beside(lambda: got.append(ends.read(2 * len(MUCH) + 2)))
    while not ends.wire.flush():
        ends.take(10)
    thread.join()
    assert got == [MUCH + b"ab" + MUCH]
    assert disk.take(3 * len(MUCH)), "room on disk was lost"


def test_closing_gives_the_room_on_disk_back(connect):
    disk = Disk(5 * len(MUCH))
    ends = connect(disk=disk)
    ends.wire.send(MUCH * 5)
    ends.wire.wait_for_room()
    assert not disk.take(5 * len(MUCH))
    ends.wire.close()
    assert disk.take(5 * len(MUCH))


def test_a_peer_that_takes_nothing_is_given_up(connect):
    ends = connect(patience=0.1)
    ends.wire.send(MUCH * 2)
    with pytest.raises(PeerGone, match=r"took nothing for 0\.1 s"):
        ends.wire.wait_for_room()


def test_a_peer_that_takes_a_little_is_waited_for():
    """Slower than the kernel reports room, faster than nothing."""
    ends = Ends(tcp=True, patience=0.3)
    ends.wire.send(MUCH * 2)
    ends.wire.flush()
    over = threading.Event()
    outcome: list[str] = []

    def wait() -> None:
        try:
            ends.wire.wait_for_room()
            outcome.append("sent")
        except PeerGone as error:
            outcome.append(str(error))
        over.set()

    thread = beside(wait)
    taken = 0
    for _ in range(12):  # four times its patience
        taken += len(ends.peer.recv(70_000))
        assert not over.wait(0.1), outcome
    rest = beside(lambda: ends.read(2 * len(MUCH) - taken))
    thread.join()
    ends.wire.flush()
    assert outcome == ["sent"]
    ends.wire.close()
    rest.join()
    ends.peer.close()
    ends.nest.close()


@pytest.mark.parametrize("end", ["cut", "reset", "closed"])
def test_an_end_wakes_who_waits_for_room(end):
    """A cut from another thread, and the peer's leaving: at once, not after the patience."""
    ends = Ends(tcp=True, patience=30)
    ends.wire.send(MUCH * 2)
    waiting = threading.Event()
    outcome: list[Exception] = []

    def wait() -> None:
        waiting.set()
        try:
            ends.wire.wait_for_room()
        except PeerGone as error:
            outcome.append(error)

    thread = beside(wait)
    waiting.wait()
    {"cut": ends.wire.cut, "reset": ends.reset, "closed": ends.peer.close}[end]()
    thread.join(10)
    assert not thread.is_alive() and outcome
    ends.wire.close()
    ends.peer.close()
    ends.nest.close()


# --- The end ---


def test_sending_to_who_has_gone(tcp):
    tcp.reset()
    assert tcp.take(1)
    tcp.wire.receive()  # the reset is told once, here
    with pytest.raises(PeerGone):
        tcp.wire.send(b"x")


def test_the_end_of_output_leaves_the_input_open(connect):
    ends = connect()
    assert ends.wire.end_output()
    assert ends.peer.recv(10) == b""
    ends.peer.send(b"still talking")
    ends.take()
    assert ends.wire.receive() == b"still talking"


def test_closing_gives_every_descriptor_back(tmp_path):
    """The socket's own, and those of files that were not sent to their ends."""
    (tmp_path / "file").write_bytes(MUCH)
    before = descriptors()
    ends = Ends(tcp=True)
    for _ in range(3):
        ends.wire.send_file(os.open(tmp_path / "file", os.O_RDONLY), 0, len(MUCH))
    ends.wire.send(MUCH)
    assert ends.wire.close()
    ends.peer.close()
    ends.nest.close()
    assert descriptors() == before


def test_closing_with_a_reset_shows(tcp):
    """What is cut short never looks like an end."""
    tcp.wire.send(b"half")
    tcp.read(4)
    tcp.wire.close(reset=True)
    with pytest.raises(ConnectionResetError):
        tcp.peer.recv(1)


def test_a_cut_after_the_close_touches_nobody(connect):
    """Its number may belong to another connection by then."""
    ends = connect()
    number = ends.ours.fileno()
    ends.wire.close()
    left, right = socket.socketpair()
    assert number in {left.fileno(), right.fileno()}
    ends.wire.cut()
    left.send(b"unharmed")
    assert right.recv(10) == b"unharmed"
    left.close()
    right.close()


def test_cuts_race_a_close():
    """From many threads at once: the one closes, the others find nothing to cut, and no number is cut by mistake."""
    for _ in range(50):
        ends = Ends(tcp=False)
        go = threading.Barrier(4)

        def cut(ends=ends, go=go) -> None:
            go.wait()
            for _ in range(20):
                ends.wire.cut()

        threads = [beside(cut) for _ in range(3)]
        go.wait()
        ends.wire.close()
        left, right = socket.socketpair()
        for thread in threads:
            thread.join()
        left.send(b"x")
        assert right.recv(1) == b"x"
        for each in (left, right, ends.peer):
            each.close()
        ends.nest.close()
