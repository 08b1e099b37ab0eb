"""Real threads, real interrupts, thousands of requests that take about as long as they may.

The test is the reactor. Every client gets one whole reply, its own or 504; what is raised in a thread belongs to the
request that it runs; the pool keeps its size, threads that can't be interrupted included.
"""

from __future__ import annotations

import random
import sys
import threading
import time
from _thread import get_ident
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.unit.deadlines.conftest import TimedHouse
from tests.unit.http.conftest import PLAIN, replied
from tests.unit.threads.test_pool import Call
from wsgicontainer.deadlines.watch import Patience, Watch
from wsgicontainer.errors import RequestTimeout
from wsgicontainer.threads.pool import ApplicationThreads
from wsgicontainer.threads.tick import PERIOD

# What is raised in a thread may come while coverage's tracer holds its lock, which nobody then releases.
pytestmark = pytest.mark.skipif(sys.gettrace() is not None, reason="a tracer does not survive it")
REQUESTS = 3000
AT_ONCE = 24
THREADS = 8
SECONDS = 0.004
"""How long each may take; its work is half of that to double."""
STUCK = range(4)
"""These sleep in C, for longer than the grace."""


class Reactor:
    """The pool, the watch and their clock; `turn` is one turn of the reactor."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.calls: deque[Callable[[], object]] = deque()
        self.clock.callFromThread = self.calls.append
        self.pool = ApplicationThreads(self.clock, None, least=1, most=THREADS, longest_queue=1000)
        self.pool.start()
        self.watch = Watch(self.pool, Patience(SECONDS, 1000), lambda: None)

    def turn(self) -> None:
        while self.calls:
            self.calls.popleft()()
        self.clock.advance(PERIOD)
        self.watch.sweep()
        time.sleep(0.0002)

    def turn_until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "never happened"
            self.turn()


def spin(seconds: float) -> None:
    """Use the interpreter."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def doze(seconds: float) -> None:
    """Wait, in small pieces."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.0005)


def swallow(seconds: float) -> None:
    """Work on whatever comes up."""
    try:
        spin(seconds)
    except BaseException:
        spin(seconds / 4)


class Client:
    """One request on a connection of its own."""

    def __init__(self, reactor: Reactor, number: int, work: Callable[[], object], strays: list[Any]) -> None:
        self.number, self._work, self._strays = number, work, strays
        self.house = TimedHouse()
        self.house.site.threads = reactor.watch
        self.house.responder.answer = self._answer
        self.house.receive(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number, work=False)

    def _answer(self, exchange: Any) -> None:
        try:
            self._work()
        except RequestTimeout:
            if exchange._mine or exchange._right or exchange.thread != get_ident():
                self._strays.append(self.number)
            raise
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"%d" % self.number)

    @property
    def code(self) -> int:
        """What the client has got: 0 for nothing yet."""
        return self.house.log.entries[0].code if self.house.log.entries else 0

    def check(self) -> None:
        said = self.house.said()
        assert len(self.house.log.entries) == 1
        assert said.count(b"HTTP/1.1 ") == 1
        if self.code == 200:
            assert said == replied(b"%d" % self.number)
        else:
            assert said.startswith(b"HTTP/1.1 504 ")
            assert said.endswith(b"\r\n\r\n504 Gateway Timeout\n")
        assert not self.house.owned


def test_it_holds_under_stress(logged_events):
    reactor, dice = Reactor(), random.Random(5)
    strays: list[int] = []
    works = (spin, doze, swallow)
    done: list[Client] = []
    open_: list[Client] = []
    for number in range(REQUESTS):
        seconds = 1.2 if number in STUCK else SECONDS * dice.uniform(0.5, 2) / (1 if number % 3 == 1 else THREADS)
        work = time.sleep if number in STUCK else works[number % 3]
        open_.append(Client(reactor, number, lambda work=work, seconds=seconds: work(seconds), strays))
        reactor.turn_until(lambda waiting=open_: sum(not client.code for client in waiting) < AT_ONCE)
        done += [client for client in open_ if client.code]
        open_ = [client for client in open_ if not client.code]
    reactor.turn_until(lambda: all(client.code for client in open_))
    done += open_
    for client in done:
        client.check()
    codes = [client.code for client in done]
    assert codes.count(200) + codes.count(504) == REQUESTS
    assert min(codes.count(200), codes.count(504)) > REQUESTS / 20, "both ends were to meet"
    assert not strays, "raised in a request whose deadline it was not"
    assert not any("log_failure" in event for event in logged_events), "nothing of it reaches the pool"
    whole_again(reactor)


def whole_again(reactor: Reactor) -> None:
    """So many run at once as ever, and those that were written off have ended."""
    gate = threading.Barrier(THREADS + 1)
    for _ in range(THREADS):
        reactor.pool.submit(Call(lambda: gate.wait(30) and None))
    reactor.turn_until(lambda: gate.n_waiting == THREADS)
    assert reactor.pool.left() == THREADS
    gate.wait(30)
    reactor.turn_until(lambda: not reactor.pool.written_off())
    reactor.pool.stop()
    reactor.turn_until(lambda: not reactor.pool.left())
