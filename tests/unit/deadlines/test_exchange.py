"""The real request with a deadline, stepped: one answer, and nothing comes up in a thread that has gone on.

Thread and reactor move in every order with few departures from the plain one, then at random (see `Stepper`). What is
sent into the thread may come up at each of its later steps, or at none: that is one more choice.
"""

from __future__ import annotations

import random
from _thread import get_ident
from collections.abc import Callable, Sequence
from traceback import StackSummary
from typing import Any

import pytest

from tests.unit.deadlines.conftest import SECONDS, TimedHouse
from tests.unit.http.conftest import PLAIN
from tests.unit.threads.test_pool import Stepper, explore, one_core  # noqa: F401 (a fixture)
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.errors import RequestTimeout

SHARED = {"over", "thread", "_right", "_injecting", "_interrupted", "_mine"}
SEEDS = 500
"""Orders at random: enough to find each mistake below."""


class Thread:
    """What may come up in the one application thread."""

    def __init__(self, stepper: Stepper) -> None:
        self.stepper, self.ident, self.pending = stepper, 0, False
        self.gone_on = False

    def step(self, what: str, ready: Callable[[], bool] = lambda: True) -> None:
        """Come to a step; what was sent may come up after it."""
        if self.stepper.now is None:
            return
        self.stepper.step(what, ready)
        if self.pending and get_ident() == self.ident and self.stepper._choose(2):
            self.pending = False
            self.stepper.story.append("it comes up")
            raise RequestTimeout

    # Interrupts

    def send(self, thread: int) -> None:
        self.step("send")
        assert thread == self.ident, "sent to a stranger"
        assert not self.gone_on, "sent to a thread that runs something else"
        self.pending = True

    def withdraw(self, thread: int) -> None:
        self.step("withdraw")
        assert thread == self.ident
        self.pending = False

    def stack(self, thread: int) -> StackSummary:
        self.step("stack")
        assert not self.gone_on, "another request's stack"
        return StackSummary()


def stepped(thread: Thread) -> type[TimedExchange]:
    """Make the class with a step before each use of what both sides use."""

    class Stepped(TimedExchange):
        def __getattribute__(self, name):
            if name in SHARED:
                thread.step(name)
            return object.__getattribute__(self, name)

        def __setattr__(self, name, value):
            if name in SHARED:
                thread.step(f"{name} = {value}")
            object.__setattr__(self, name, value)

    thread.pause = lambda: thread.step("pause", lambda: not object.__getattribute__(thread.exchange, "_injecting"))
    return Stepped


class Scene:
    """One request at its deadline: a thread takes it, and the reactor looks."""

    def __init__(self, choices: Sequence[int] | random.Random, respond: Callable[[Scene, Any], None]) -> None:
        self.stepper = Stepper(choices)
        self.thread = Thread(self.stepper)
        self.house = TimedHouse(exchange=stepped(self.thread))
        self.house.watch.interrupts = self.thread
        self.house.responder.answer = lambda exchange: respond(self, exchange)
        self.house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", work=False)
        self.thread.exchange = self.exchange = self.house.threads.jobs.popleft()
        self.house.later = SECONDS
        self.interrupted: bool | None = None

    def begin(self) -> None:
        self.stepper.spawn(self._work, "thread")
        self.stepper.spawn(self._react, "reactor")

    def _work(self) -> None:
        self.thread.ident = get_ident()
        self.interrupted = self.exchange.run()
        self.thread.gone_on = True
        for _ in range(3):
            self.thread.step("the next request")

    def _react(self) -> None:
        self.thread.step("the deadline")
        self.house.watch.sweep()
        self.thread.step("the next look")
        self.house.watch.sweep()

    def check_end(self) -> None:
        said = self.house.said().removeprefix(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        answers = [status for status in (b"200 OK", b"500 ", b"504 ") if b"HTTP/1.1 " + status in said]
        assert said.count(b"HTTP/1.1 ") == len(answers) == 1, said
        in_time = answers != [b"504 "]
        assert [entry.code for entry in self.house.log.entries] == [int(answers[0][:3])]
        assert self.house.wire.output_ended is not in_time, "only after 504 the connection ends"
        assert not self.house.owned, "the connection was given back"
        assert not (in_time and self.interrupted)
        assert not self.thread.pending
        assert not self.house.watch._open


def at_once(scene, exchange):
    """Answer."""
    exchange.reply(exchange.prepare("200 OK", PLAIN), b"in time")


def working(scene, exchange):
    """Work a while, and clean up."""
    try:
        scene.thread.step("work")
        scene.thread.step("work")
    finally:
        scene.thread.step("clean up")
    at_once(scene, exchange)


def swallowing(scene, exchange):
    """Catch whatever comes up, and answer all the same."""
    try:
        scene.thread.step("work")
    except BaseException:
        scene.thread.step("swallow")
    try:
        at_once(scene, exchange)
    except BaseException:
        scene.thread.step("swallow")


def raising(scene, exchange):
    """Fail."""
    scene.thread.step("work")
    raise ValueError("the application's own")


def hinting(scene, exchange):
    """Send early hints, which are no reply."""
    scene.thread.step("work")
    exchange.early_hints([])
    at_once(scene, exchange)


def in_pieces(scene, exchange):
    exchange.start(exchange.prepare("200 OK", PLAIN))
    scene.thread.step("work")
    exchange.write(b"in ")
    scene.thread.step("work")
    exchange.write(b"time")
    exchange.finish()


@pytest.mark.parametrize("respond", [at_once, working, swallowing, raising, hinting, in_pieces])
def test_one_answer_and_nothing_comes_up_later(respond):
    """Whatever the order, and wherever the exception comes up."""
    explore(lambda choices, script: Scene(choices, respond), [], 2, limit=SEEDS)


@pytest.mark.parametrize(
    "mistake",
    [
        "waits before it says that it is over",
        "withdraws nothing",
        "goes on though the reactor has answered",
        "does not expect it in its epilogue",
    ],
)
def test_the_search_finds(monkeypatch, mistake):
    """A test that can't fail is a defect."""

    def shut(self):
        if self._injecting:
            self.watch.interrupts.pause()
        self.over = True
        if self._interrupted:
            self.watch.interrupts.withdraw(self.thread)

    def shut_only(self):
        self.over = True
        while self._injecting:
            self.watch.interrupts.pause()

    def run(self):
        try:
            self._run()
        except RequestTimeout:
            pass
        self._shut()
        self.watch.forget(self)
        return self._interrupted

    name, replaced = {
        "waits": ("_shut", shut),
        "withdraws": ("_shut", shut_only),
        "goes": ("_claim", lambda self: setattr(self, "_mine", True)),
        "does": ("run", run),
    }[mistake.partition(" ")[0]]
    monkeypatch.setattr(TimedExchange, name, replaced)
    with pytest.raises((AssertionError, RequestTimeout)):
        explore(lambda choices, script: Scene(choices, working), [], 2, limit=SEEDS)
