"""Looks at the generations whenever something has happened, asks `plan` what is due, and has it done.

The coming generation listens only when all its workers are warm and have stayed up, and takes over when all of them
listen. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from wsgicontainer.workers.crew import Crew
from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.places import Places
from wsgicontainer.workers.plan import Action, Do, Phase, plan
from wsgicontainer.workers.worker import Worker

_log = Logger()
STAY_UP = 1.0
"""Seconds that a new generation has to stay up, warm, before it takes over."""


class Rounds:
    """One look after another."""

    def __init__(
        self, generations: Generations, places: Places, clock: Callable[[], float], serves: Callable[[Crew], object]
    ) -> None:
        """`serves(crew)` is told when all workers of one that had to show it yet listen."""
        self._generations, self._places, self._clock, self._serves = generations, places, clock, serves
        self.numbers = 0
        """The last worker's number."""
        self._looking = False

    def look(self) -> bool:
        """Do what is due; False if that is being done already: what happens meanwhile is looked at in the next turn."""
        if self._looking:
            return False
        self._looking = True
        try:
            self._go_round()
        finally:
            self._looking = False
        return True

    def _go_round(self) -> None:
        all_ = self._generations
        for crew in (all_.current, all_.coming):
            if crew is not None and crew.zygote.loaded:
                self._carry_out(crew)
        tried = all_.coming or (None if all_.served else all_.current)
        if tried is not None:
            self._try(tried)
        if all_.current is not None:
            all_.current.cover(self._places.slots)
        all_.dismiss_empty()

    # What is due in one generation

    def _count(self, crew: Crew) -> int:
        return self._places.of_coming() if crew is self._generations.coming else self._places.count

    def _carry_out(self, crew: Crew) -> None:
        seen = [worker.seen() for worker in crew]
        for action in plan(self._count(crew), seen, crew.crashes.waits(), self._clock(), open_=crew.open):
            self._do(crew, action)

    def _do(self, crew: Crew, action: Action) -> None:
        if action.do is Do.FORK:
            self.numbers += 1
            _tell_who_is_replaced(crew, action.target)
            crew.fork(self.numbers, action.target)
        elif action.do is Do.LISTEN:
            _tell_fault(crew.workers[action.target])
            crew.workers[action.target].listen()
        else:
            crew.drain(crew.workers[action.target])

    # How far one is that has to show that it can serve

    def _try(self, crew: Crew) -> None:
        count = self._count(crew)
        workers = [worker for worker in crew if worker.slot < count]
        if not crew.open:
            self._open_when_warm(crew, workers, count)
        elif len({worker.slot for worker in workers if worker.listens()}) == count:
            seconds = self._clock() - crew.zygote.since
            _log.info(
                "Generation {number} serves with {count} workers after {seconds:.2f} s",
                number=crew.number,
                count=count,
                seconds=seconds,
            )
            self._serves(crew)

    def _open_when_warm(self, crew: Crew, workers: list[Worker], count: int) -> None:
        faulty = next((worker for worker in workers if worker.fault), None)
        if faulty is not None:
            crew.fail(f"the warm-up failed: {faulty.fault}")
            return
        warm = [worker.warm_since for worker in workers if worker.phase is Phase.WARM]
        if len(warm) == count and self._clock() - max(warm) >= STAY_UP:
            crew.open = True
            self._carry_out(crew)


def _tell_who_is_replaced(crew: Crew, slot: int) -> None:
    for worker in crew:
        if worker.slot == slot and worker.due and worker.listens():
            _log.info("{name} {reason}: another one replaces it", name=worker.name, reason=worker.due)


def _tell_fault(worker: Worker) -> None:
    if worker.fault:
        _log.warn("{name} serves, but its warm-up failed: {fault}", name=worker.name, fault=worker.fault)
