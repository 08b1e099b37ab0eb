"""A site whose requests have a deadline, with a clock, interrupts and threads that the test moves."""

from __future__ import annotations

import time
from traceback import StackSummary

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.unit.http.conftest import House, Queue, logged_errors, logged_events, logged_failures  # noqa: F401 (fixtures)
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.deadlines.watch import Patience, Watch
from wsgicontainer.interfaces import IReplacedThreads

SECONDS = 5.0


@implementer(IReplacedThreads)
class Threads(Queue):
    """Application threads that run when the test says so, and what was written off of them."""

    def __init__(self) -> None:
        super().__init__()
        self.lost: list[int] = []

    def write_off(self, thread, job) -> bool:
        if not job.returned:
            self.lost.append(thread)
        return not job.returned

    def written_off(self) -> int:
        return len(self.lost)


verifyObject(IReplacedThreads, Threads())


class NoInterrupts:
    """Interrupts that only remember."""

    def __init__(self) -> None:
        self.sent: list[int] = []
        self.where = "application.py"

    def send(self, thread: int) -> None:
        self.sent.append(thread)

    def withdraw(self, thread: int) -> None:
        self.sent.remove(thread)

    def pause(self) -> None:
        """Nobody else moves."""

    def stack(self, thread: int) -> StackSummary:
        return StackSummary.from_list([(self.where, 7, "slow", "wait()")])


class TimedHouse(House):
    """A site and one connection; every request has SECONDS."""

    def __init__(self, *, most_stuck: int = 2, exchange: type[TimedExchange] = TimedExchange, **changes) -> None:
        super().__init__(**changes)
        self.threads = Threads()
        self.later = 0.0
        self.replacements: list[int] = []
        self.interrupts = NoInterrupts()
        self.watch = Watch(
            self.threads,
            Patience(SECONDS, most_stuck),
            lambda: self.replacements.append(1),
            self.interrupts,
            lambda: time.monotonic() + self.later,
        )
        self.site.threads, self.site.new_exchange = self.watch, exchange

    def wait(self, seconds: float = SECONDS) -> TimedHouse:
        """Let time pass, and the reactor look."""
        self.later += seconds
        self.watch.sweep()
        return self


@pytest.fixture
def timed() -> TimedHouse:
    return TimedHouse()
