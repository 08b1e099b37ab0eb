"""The check before an upgrade, while the server ends."""

from __future__ import annotations

from typing import Any

from twisted.internet.base import _ThreePhaseEvent
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from wsgicontainer.workers.upgrade.check import Check


class Ending(Clock):
    """A reactor whose shutdown can be had."""

    def __init__(self) -> None:
        super().__init__()
        self.shutdown = _ThreePhaseEvent()

    def addSystemEventTrigger(self, phase: str, _event: str, call: Any) -> Any:  # noqa: N802 (as Twisted calls it)
        return self.shutdown.addTrigger(phase, call)

    def removeSystemEventTrigger(self, trigger: Any) -> None:  # noqa: N802 (as Twisted calls it)
        self.shutdown.removeTrigger(trigger)


class Process:
    """What is checked with."""

    def __init__(self) -> None:
        self.signals: list[str] = []

    def signalProcess(self, name: str) -> None:  # noqa: N802 (as Twisted calls it)
        self.signals.append(name)


def test_a_check_that_ends_with_the_server_tells_it_without_a_traceback() -> None:
    """It was killed: TERM came while it ran."""
    reactor, process, told = Ending(), Process(), []
    check = Check(reactor, 30, told.append)
    check.makeConnection(process)
    reactor.shutdown.fireEvent()
    assert process.signals == ["KILL"]
    check.processEnded(Failure(ProcessTerminated(signal=9)))
    assert len(told) == 1
    assert "signal 9" in told[0]
    assert reactor.getDelayedCalls() == []


def test_one_that_has_ended_is_killed_by_no_later_end() -> None:
    reactor, process, told = Ending(), Process(), []
    check = Check(reactor, 30, told.append)
    check.makeConnection(process)
    check.processEnded(Failure(ProcessTerminated(1)))
    reactor.shutdown.fireEvent()
    reactor.advance(60)
    assert process.signals == []
    assert len(told) == 1
