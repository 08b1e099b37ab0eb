"""A task runs every so often, never twice at once, whatever it raises, and not after the stop."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.interfaces import IApplicationThreads, IJob
from wsgicontainer.timers import RepeatingTasks, Timer


@implementer(IApplicationThreads)
class Queue:
    """Application threads that run a job when the test says so."""

    def __init__(self) -> None:
        self.jobs: list[IJob] = []
        self.full = False

    def submit(self, job: IJob) -> bool:
        if not self.full:
            self.jobs.append(job)
        return not self.full

    def work(self) -> int:
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            job.run()
        return len(jobs)


verifyObject(IApplicationThreads, Queue())


class Bench:
    """A clock, a queue, and a service with one timer of 10 seconds."""

    def __init__(self, *timers: Timer) -> None:
        self.calls: list[float] = []
        self.clock = Clock()
        self.queue = Queue()
        self.service = RepeatingTasks(timers or [Timer(10, self.called, "10=app:sweep")], self.queue, self.clock)
        self.service.startService()

    def called(self) -> None:
        self.calls.append(self.clock.seconds())


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_run_comes_after_one_interval(bench: Bench):
    bench.clock.advance(9.9)
    assert bench.queue.work() == 0
    bench.clock.advance(0.1)
    assert bench.queue.work() == 1
    assert bench.calls == [10]


def test_it_runs_again_every_interval(bench: Bench):
    for _ in range(3):
        bench.clock.advance(10)
        bench.queue.work()
    assert bench.calls == [10, 20, 30]


def test_a_tick_is_skipped_while_the_last_run_is_queued(bench: Bench):
    with capturedLogs() as events:
        for _ in range(4):
            bench.clock.advance(10)
    assert bench.queue.work() == 1
    assert [event["log_level"] for event in events] == [LogLevel.warn, LogLevel.debug, LogLevel.debug]
    bench.clock.advance(10)
    assert bench.queue.work() == 1


def test_a_tick_is_skipped_while_the_last_run_goes_on():
    started: list[int] = []

    def target() -> None:
        started.append(1)
        slow.clock.advance(5)
        assert not slow.queue.jobs

    slow = Bench(Timer(1, target, "slow"))
    slow.clock.advance(1)
    slow.queue.work()
    slow.clock.advance(1)
    slow.queue.work()
    assert len(started) == 2


@pytest.mark.parametrize("error", [ValueError("broken"), SystemExit(3)])
def test_what_a_task_raises_is_logged_each_time_and_it_goes_on(error: BaseException):
    def target() -> None:
        raise error

    bench = Bench(Timer(10, target, "10=app:bad"))
    with capturedLogs() as events:
        for _ in range(2):
            bench.clock.advance(10)
            bench.queue.work()
    assert [event["log_failure"].value for event in events] == [error, error]
    assert events[0]["name"] == "10=app:bad"


def test_a_refused_run_does_not_end_the_timer(bench: Bench):
    bench.queue.full = True
    with capturedLogs() as events:
        bench.clock.advance(10)
    assert [event["log_level"] for event in events] == [LogLevel.warn]
    bench.queue.full = False
    bench.clock.advance(10)
    assert bench.queue.work() == 1


def test_nothing_runs_after_the_stop_not_even_what_was_queued(bench: Bench):
    bench.clock.advance(10)
    bench.service.stopService()
    bench.service.stopService()
    bench.queue.work()
    bench.clock.advance(100)
    assert bench.queue.work() == 0
    assert bench.calls == []
    assert bench.clock.getDelayedCalls() == []


def test_timers_are_named_and_independent():
    calls: list[str] = []
    bench = Bench(
        Timer(1, lambda: calls.append("a"), "x"), Timer(3, lambda: calls.append("b"), "x"), Timer(3, calls.clear, "y")
    )
    assert bench.service.name == "timers"
    assert [child.name for child in bench.service] == ["x", "x#2", "y"]
    verifyObject(IJob, bench.service.getServiceNamed("y"))
    bench.clock.pump([1, 1])
    bench.queue.work()
    assert calls == ["a"]


def test_an_interval_is_longer_than_nothing():
    with pytest.raises(ValueError, match="seconds"):
        Timer(0, list, "0=app:x")
