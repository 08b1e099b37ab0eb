"""Who has started the server learns when it is ready, how it goes, and that it leaves; the watchdog is fed."""

import pytest
from twisted.internet.testing import MemoryReactorClock

from wsgicontainer.process.notify import SystemdNotices
from wsgicontainer.serving import Telling, Watchdog


class Server:
    def __init__(self, patience=None):
        self.reactor, self.sent = MemoryReactorClock(), []
        self.notices = SystemdNotices(lambda datagram: self.sent.append(datagram.decode()), patience, lambda: 42)
        self.text, self.moving = "1 connection", True

    def told(self):
        sent, self.sent[:] = list(self.sent), []
        return sent


@pytest.fixture
def server():
    return Server(patience=10.0)


@pytest.fixture
def telling(server):
    return Telling(server.reactor, server.notices, lambda: server.text)


def test_ready_is_said_when_the_reactor_runs_and_status_when_it_changes(server, telling):
    telling.startService()
    assert server.told() == []
    server.reactor.run()
    assert server.told() == ["READY=1\nSTATUS=Serving: 1 connection\nMAINPID=42"]
    server.reactor.pump([5, 5])
    assert server.told() == []
    server.text = "2 connections"
    server.reactor.pump([5, 5, 5])
    assert server.told() == ["STATUS=Serving: 2 connections"]
    telling.stopService()
    server.reactor.pump([5, 5])
    assert server.told() == ["STOPPING=1\nSTATUS=Draining: 2 connections"]


def test_a_server_that_is_stopped_before_its_first_turn_is_never_ready(server, telling):
    telling.startService()
    telling.stopService()
    server.reactor.run()
    assert server.told() == ["STOPPING=1\nSTATUS=Draining: 1 connection"]


def test_the_watchdog_is_fed_twice_in_its_time_while_threads_move(server):
    watchdog = Watchdog(server.reactor, server.notices, lambda: server.moving)
    watchdog.startService()
    server.reactor.pump([5, 5])
    assert server.told() == ["WATCHDOG=1"] * 2
    server.moving = False
    server.reactor.pump([5] * 4)
    assert server.told() == []
    server.moving = True
    server.reactor.pump([5])
    assert server.told() == ["WATCHDOG=1"]
    watchdog.stopService()
    server.reactor.pump([5] * 4)
    assert server.told() == []
