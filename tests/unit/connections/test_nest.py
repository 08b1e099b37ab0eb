"""The nested set: who is told what, when the reactor is woken, and what a stale event can do (nothing)."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator

import pytest
from twisted.logger import capturedLogs

from wsgicontainer.connections.nest import BATCH, Nest


@pytest.fixture
def nest() -> Iterator[Nest]:
    nest = Nest()
    yield nest
    nest.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Our end and the peer's."""
    ours, peer = socket.socketpair()
    ours.setblocking(False)
    yield ours, peer
    ours.close()
    peer.close()


def reactor_is_woken(nest: Nest) -> bool:
    """Tell what a reactor sees that knows the nest as one ordinary descriptor."""
    poll = select.poll()
    poll.register(nest.fileno(), select.POLLIN)
    return bool(poll.poll(0))


def settled(nest: Nest) -> Nest:
    """Take what adding a socket reports: it can be written to."""
    nest.take(0)
    return nest


def test_an_event_is_told_once(nest, pair):
    """Edge-triggered: what was told is not told again until something new happens."""
    ours, peer = pair
    told = []
    nest.add(ours.fileno(), told.append)
    settled(nest)
    told.clear()
    peer.send(b"one")
    assert nest.take(0) == 1
    assert told[0] & select.EPOLLIN
    assert nest.take(0) == 0
    peer.send(b"two")
    assert nest.take(0) == 1


def test_what_was_there_before_is_told(nest, pair):
    """Octets that came before the connection was added wait for nobody."""
    ours, peer = pair
    peer.send(b"early")
    told = []
    nest.add(ours.fileno(), told.append)
    nest.take(0)
    assert told[0] & select.EPOLLIN


def test_renewing_tells_the_present_state_again(nest, pair):
    ours, peer = pair
    told = []
    nest.add(ours.fileno(), told.append)
    peer.send(b"much")
    settled(nest)
    told.clear()
    nest.renew(ours.fileno())
    nest.take(0)
    assert told[0] & select.EPOLLIN


def test_the_peers_end_is_told(nest, pair):
    ours, peer = pair
    told = []
    nest.add(ours.fileno(), told.append)
    settled(nest)
    told.clear()
    peer.shutdown(socket.SHUT_WR)
    nest.take(0)
    assert told[0] & select.EPOLLRDHUP


def test_the_reactor_is_woken_while_it_watches(nest, pair):
    ours, peer = pair
    nest.add(ours.fileno(), lambda event: None)
    settled(nest)
    assert not reactor_is_woken(nest)
    peer.send(b"x")
    assert reactor_is_woken(nest)
    nest.take(0)
    assert not reactor_is_woken(nest), "what a leader has taken wakes nobody"


def test_the_reactor_sleeps_while_it_does_not_watch(nest, pair):
    """Who begins to watch learns of what came meanwhile: no wake-up is lost in between."""
    ours, peer = pair
    nest.add(ours.fileno(), lambda event: None)
    settled(nest)
    nest.watch(False)
    peer.send(b"x")
    assert not reactor_is_woken(nest)
    nest.watch(True)
    assert reactor_is_woken(nest)


def test_watching_from_many_threads_stays_consistent(nest, pair):
    """However they interleave, what the kernel does is what was said last."""
    ours, peer = pair
    nest.add(ours.fileno(), lambda event: None)
    peer.send(b"x")

    def flip() -> None:
        for number in range(500):
            nest.watch(number % 2 == 0)

    threads = [threading.Thread(target=flip) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reactor_is_woken(nest) == nest._watched
    nest.watch(not nest._watched)
    assert reactor_is_woken(nest) == nest._watched


def test_a_nudge_ends_a_leaders_wait(nest):
    """Again and again, and also when it comes before the wait."""
    for _ in range(3):
        nest.nudge()
        assert nest.take(10) == 1
    assert nest.take(0) == 0


def test_a_nudge_from_another_thread(nest):
    nudger = threading.Timer(0.05, nest.nudge)
    nudger.start()
    assert nest.take(10) == 1
    nudger.join()


def test_forgotten_connections_are_not_told(nest, pair):
    """The owner forgets, then closes: an event that is on its way by then reaches nobody."""
    ours, peer = pair
    told = []
    nest.add(ours.fileno(), told.append)
    settled(nest)
    told.clear()
    peer.send(b"x")
    nest.forget(ours.fileno())
    nest.take(0)
    assert told == []


def test_a_number_that_is_used_again_belongs_to_the_new_connection(nest):
    """Closing takes a socket out of the set; its number serves the next one, and only that."""
    first, peer = socket.socketpair()
    nest.add(first.fileno(), lambda event: pytest.fail("told of a closed connection"))
    nest._inner.poll(0)
    peer.send(b"for the first")
    number = first.fileno()
    nest.forget(number)
    first.close()
    second, other = socket.socketpair()
    told = []
    if second.fileno() != number:  # whichever end of the pair took it
        second, other = other, second
    assert second.fileno() == number
    nest.add(number, told.append)
    settled(nest)
    told.clear()
    other.send(b"for the second")
    nest.take(0)
    assert len(told) == 1
    for each in (peer, second, other):
        each.close()


def test_closing_a_connection_within_the_batch_that_tells_of_it(nest, pair):
    """The first event's owner closes the second's connection: its event is dropped."""
    ours = pair[0]
    others = socket.socketpair()
    others[0].setblocking(False)
    told = []

    def close_the_other(mine: socket.socket, other: socket.socket) -> None:
        told.append(mine)
        nest.forget(other.fileno())

    nest.add(ours.fileno(), lambda event: close_the_other(ours, others[0]))
    nest.add(others[0].fileno(), lambda event: close_the_other(others[0], ours))
    assert nest.take(0) == 2
    assert len(told) == 1
    for each in others:
        each.close()


def test_one_failure_does_not_lose_the_others_events(nest):
    """Edge-triggered events come once: a mistake in one connection must not swallow the rest of the batch."""
    pairs = [socket.socketpair() for _ in range(5)]
    told = []

    def tell(number: int) -> None:
        told.append(number)
        if number == 2:
            raise RuntimeError("a mistake of ours")

    for number, (ours, _) in enumerate(pairs):
        nest.add(ours.fileno(), lambda event, number=number: tell(number))
    with capturedLogs() as logged:
        assert nest.take(0) == 5
    assert sorted(told) == [0, 1, 2, 3, 4]
    assert len(logged) == 1 and logged[0]["log_failure"].check(RuntimeError)
    for each in pairs:
        each[0].close()
        each[1].close()


def test_a_batch_is_bounded(nest):
    """One holder of the lead reads so much at most, and the rest is there for the next."""
    pairs = [socket.socketpair() for _ in range(BATCH // 2 + 10)]
    sockets = [each for pair in pairs for each in pair]
    told = []
    for each in sockets:
        nest.add(each.fileno(), told.append)
    assert nest.take(0) == BATCH
    assert nest.take(0) == len(sockets) - BATCH
    assert len(told) == len(sockets)
    for each in sockets:
        each.close()


def test_a_listening_socket_of_another_process_can_be_left_and_taken_up_again(nest):
    """It stays open elsewhere, so closing alone would leave it in the set, and its number could not be used again."""
    with socket.create_server(("127.0.0.1", 0)) as held:
        told = []
        for _ in range(2):
            ours = held.dup()
            nest.listen(ours.fileno(), told.append)
            with socket.create_connection(held.getsockname()):
                nest.take(1)
                held.accept()[0].close()
            nest.dismiss(ours.fileno())
            ours.close()
        assert len(told) == 2
        with socket.create_connection(held.getsockname()):
            assert nest.take(0) == 0
