"""The code generation that serves, the one that is to follow it, and those that leave.

Who becomes what; when that is due `rounds` decides. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wsgicontainer.settings import Settings
from wsgicontainer.workers.crew import Crew
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.plan import COMING
from wsgicontainer.workers.worker import Worker
from wsgicontainer.workers.zygote import LastZygotes


class Generations:
    """All crews, each in its role."""

    def __init__(self, settings: Settings, machine: Machine, make: Callable[[int, Settings], Crew]) -> None:
        """`make(number, settings)` makes a crew; `settings` are those of the first one."""
        self.settings = settings
        """Of the generation that serves."""
        self.number = 0
        """Of the last one that was made."""
        self.current: Crew | None = None
        self.coming: Crew | None = None
        self.leaving: list[Crew] = []
        self.last_zygotes = LastZygotes(machine)
        self.served = False
        """Whether one has ever served: before that, what goes wrong ends the server."""
        self.stopping = False
        """Whether the server ends: nobody is made any more."""
        self.make = make

    def __iter__(self) -> Iterator[Crew]:
        """Iterate over all of them, in a copy."""
        return iter([crew for crew in (self.current, self.coming, *self.leaving) if crew is not None])

    def workers(self) -> Iterator[Worker]:
        """Iterate over all workers, in a copy."""
        return iter([worker for crew in self for worker in crew])

    def busy(self) -> bool:
        """Say whether somebody is being made, or has no zygote: who waits for that can't be handed over."""
        if self.current is None or self.coming is not None:
            return True
        waiting = any(not crew.zygote.loaded for crew in self if crew is self.current or crew.workers)
        return waiting or any(worker.phase in COMING for worker in self.workers())

    def is_tried(self, crew: Crew) -> bool:
        """Say whether one has to show yet that it can serve."""
        return crew is self.coming or not self.served

    def begin(self) -> None:
        """Have the first one made; its workers listen as soon as they can."""
        self.current = self._made(self.settings)
        self.current.open = True
        self.current.start()

    def have_follow(self, settings: Settings) -> None:
        """Have one made that is to follow."""
        self.coming = self._made(settings)
        self.coming.start()

    def _made(self, settings: Settings) -> Crew:
        self.number += 1
        return self.make(self.number, settings)

    def follow(self) -> None:
        """Let the coming one take over, and the current one leave."""
        before, self.current, self.coming = self.current, self.coming, None
        if self.current is not None:
            self.settings = self.current.settings
        self._leave(before)

    def give_up_coming(self) -> None:
        """Have the coming one leave; some of its workers may serve already."""
        crew, self.coming = self.coming, None
        self._leave(crew)

    def _leave(self, crew: Crew | None) -> None:
        if crew is not None:
            self.leaving.append(crew)
            for worker in crew:
                crew.drain(worker, empty=self.stopping)

    def dismiss_empty(self) -> None:
        """Let go of those that have left."""
        for crew in [crew for crew in self.leaving if not crew.workers]:
            self.leaving.remove(crew)
            self._dismiss(crew)

    def dismiss_all(self) -> None:
        """Let go of everybody."""
        for crew in self:
            self._dismiss(crew)
        self.current, self.coming, self.leaving = None, None, []

    def _dismiss(self, crew: Crew) -> None:
        crew.zygote.close()
        self.last_zygotes.expect(crew.zygote.pid)

    def known(self) -> set[int]:
        """Return the processes whose ends are waited for by somebody; any other child was adopted."""
        return {*self.last_zygotes, *(crew.zygote.pid for crew in self), *(worker.pid for worker in self.workers())}

    def order(self, words: dict[str, Any]) -> None:
        """Give all workers an order."""
        for worker in self.workers():
            worker.order(words)
