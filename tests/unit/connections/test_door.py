"""A listening socket in the nest: accepted by whoever polls, paused and closed as a Twisted port would be."""

from __future__ import annotations

import errno
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.logger import LogLevel, capturedLogs

from wsgicontainer.connections.door import ACCEPTS, Door
from wsgicontainer.connections.nest import Nest
from wsgicontainer.serving.web import _accept_what_waits


class Port:
    """What a door needs of Twisted's port, and its reactor."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket, self.reactor = sock, self
        self.reading = True
        self.calls: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self.later: list[tuple[float, Callable[[], object]]] = []

    def fileno(self) -> int:
        return self.socket.fileno()

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", *self.socket.getsockname())

    def stopReading(self) -> None:  # noqa: N802
        self.reading = False

    def stopListening(self) -> None:  # noqa: N802
        self.socket.close()

    def callFromThread(self, call: Callable[..., object], *arguments: Any) -> None:
        self.calls.append((call, arguments))

    def callLater(self, seconds: float, call: Callable[[], object]) -> None:
        self.later.append((seconds, call))


class House:
    """A door, and those who came through it."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.nest = Nest()
        listening = socket.create_server((address, 0))
        listening.setblocking(False)
        self.address = ("127.0.0.1", listening.getsockname()[1])
        self.port = Port(listening)
        self.came: list[tuple[socket.socket, Any, Any]] = []
        self.clients: list[socket.socket] = []
        self.door = Door(self.port, self.nest, lambda *one: self.came.append(one))
        self.nest.take(0)

    def knock(self, count: int = 1) -> None:
        self.clients += [socket.create_connection(self.address) for _ in range(count)]

    def take(self) -> int:
        """Poll until nothing more comes; return how many have come so far."""
        while self.nest.take(0.02):
            pass
        return len(self.came)

    def close(self) -> None:
        for sock in [*self.clients, *(one[0] for one in self.came), self.port.socket]:
            sock.close()
        self.nest.close()


@pytest.fixture
def house() -> Iterator[House]:
    one = House()
    yield one
    one.close()


def test_whoever_polls_accepts(house):
    assert not house.port.reading, "Twisted would accept too"
    assert house.door.getHost().port == house.address[1]
    house.knock(100)
    assert house.take() == 100
    sock, peer, local = house.came[0]
    assert (peer, local) == (house.clients[0].getsockname(), house.address)
    assert not sock.getblocking()
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_wildcard_leaves_our_address_to_the_connection():
    house = House("0.0.0.0")
    house.knock()
    assert house.take() == 1
    assert house.came[0][2] is None
    house.close()


def test_no_more_than_there_is_room_for(house):
    house.door.bound(lambda: 5 - len(house.came))
    house.knock(20)
    for _ in range(50):
        house.nest.take(0)
    assert len(house.came) == 5
    house.door.bound(lambda: ACCEPTS)
    assert house.take() == 20


def test_what_waits_is_accepted_when_it_goes_on(house):
    house.door.stopReading()
    house.knock(3)
    assert house.take() == 0
    house.door.startReading()
    assert house.take() == 3


def test_a_closed_door_takes_nobody_and_can_still_be_told_to(house):
    house.door.stopListening()
    house.door.startReading()
    with pytest.raises(OSError):
        house.knock()
    assert house.take() == 0


class Exhausted:
    """A listening socket of a process that has no descriptor left."""

    family = socket.AF_INET

    def __init__(self, real: socket.socket) -> None:
        self.fileno = real.fileno

    def _accept(self) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")


def fail_once(house: House) -> Callable[[], object]:
    """Let accepting fail; return what is to be called a second later."""
    house.door.socket = Exhausted(house.port.socket)  # type: ignore[assignment]
    house.knock()
    began = time.monotonic()
    while not house.port.calls and time.monotonic() - began < 10:
        house.nest.take(0.1)
    assert house.nest.take(0) == 0, "it goes on trying at once"
    call, arguments = house.port.calls.popleft()
    call(*arguments)
    house.door.socket = house.port.socket
    ((seconds, again),) = house.port.later
    assert seconds == 1
    return again


def test_a_system_without_descriptors_is_asked_again_later(house):
    """Level-triggered: without a pause the failing accept would spin."""
    with capturedLogs() as logged:
        again = fail_once(house)
    assert [event["log_level"] for event in logged] == [LogLevel.error]
    again()
    assert house.take() == 1


def test_later_is_not_while_it_is_stopped(house):
    """Too many connections meanwhile: there is no room, and a set that is always ready would spin."""
    again = fail_once(house)
    house.door.stopReading()
    again()
    assert house.nest.take(0.02) == 0
    house.door.startReading()
    assert house.take() == 1


def test_a_closed_socket_that_another_process_holds_is_silent(house):
    """Supervisors that hand over sockets keep them: newcomers who wait there for the next server make no noise here."""
    with house.port.socket.dup():
        house.door.stopListening()
        house.knock()
        assert house.nest.take(0.02) == 0
    house.door.stopReading()
    house.door.stopListening()


def test_a_drain_goes_on_though_nobody_can_be_accepted(house):
    house.door.socket = Exhausted(house.port.socket)  # type: ignore[assignment]
    house.knock()
    with capturedLogs() as logged:
        _accept_what_waits(house.door)
    assert [event["log_level"] for event in logged] == [LogLevel.error]
