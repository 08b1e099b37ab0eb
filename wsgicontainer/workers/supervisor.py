"""The supervisor: holds the sockets, has workers made and ended, and lets one code generation follow another.

Whatever happens, `_look` has done what is due (`rounds`). One generation serves; at a reload a second one boots beside
it and takes over only when all its workers have answered and stayed up; those that were replaced drain (`generations`).
What an operator asks for is in `changes` (HUP, USR2), `places` (TTIN, TTOU) and `departure` (TERM).
No application is imported here. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.settings import Settings
from wsgicontainer.workers.changes import Changes
from wsgicontainer.workers.crew import Crew, Told
from wsgicontainer.workers.departure import Departure
from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.notices import Notices, described
from wsgicontainer.workers.places import Places
from wsgicontainer.workers.rounds import Rounds
from wsgicontainer.workers.schedule import Schedule
from wsgicontainer.workers.surroundings import Note, Surroundings
from wsgicontainer.workers.upgrade import note as notes
from wsgicontainer.workers.watching import Watch, alive
from wsgicontainer.workers.worker import Worker

_log = Logger()


class Supervisor(Service):
    """The service `workers`."""

    name = "workers"

    def __init__(self, settings: Settings, ports: list[HeldPort], around: Surroundings) -> None:
        """Start nothing yet."""
        self._around = around
        self._reactor = reactor = around.machine.reactor
        self._told = Told(self._look, self._failed, self._crashed)
        self._places = Places(ports, settings.workers)
        self._generations = Generations(settings, around.machine, self._make_crew)
        self._rounds = Rounds(self._generations, self._places, reactor.seconds, self._serves)
        self._notices = Notices(around.notices, reactor.seconds)
        self._changes = Changes(self._generations, self._places, around, self._notices, self._note)
        self._departure = Departure(self._generations, self._places, reactor)
        self._schedule = Schedule(reactor, self._run_timer)
        self._watch = Watch(around.machine, self._generations, self._look_on)

    def _make_crew(self, number: int, settings: Settings) -> Crew:
        words = self._around.start_words(settings)
        return Crew(number, settings, self._places.ports, self._around.machine, self._told, words)

    # Life

    def privilegedStartService(self) -> None:
        """Open the ports before privileges are shed. Raises BootError."""
        super().privilegedStartService()
        self._places.open()

    def startService(self) -> None:
        """Have the first generation made, with the ports open. Raises BootError."""
        super().startService()
        self._places.open()
        self._reactor.callWhenRunning(self._begin)

    def _begin(self) -> None:
        self._watch.start()
        if self._generations.stopping:
            return
        if self._around.note is not None:
            self._take_over(self._around.note)
        else:
            self._generations.begin()

    def stopService(self) -> Deferred[None]:
        """Drain all workers; fires when they have ended or were killed."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._notices.stopping(f"Draining: {described(self._generations.current)}")
        self._schedule.follow(())
        await self._departure.leave(self._generations.settings.graceful_timeout)
        self._watch.stop()

    # What an operator asks for

    def hurry(self) -> None:
        """Cut a drain short."""
        self._departure.hurry()

    def reload(self) -> None:
        """Have a new generation, of the code and the settings as they are now, take over: HUP."""
        self._changes.reload()

    def upgrade(self) -> None:
        """Have a new interpreter, with all that is installed now, take this process over: USR2."""
        self._changes.upgrade()

    def reopen(self) -> None:
        """Have all workers reopen their logs: USR1."""
        self._generations.order({"do": "reopen"})

    def change_count(self, by: int) -> None:
        """Have one worker more, or less: TTIN, TTOU."""
        if not self._generations.stopping and self._places.change(by):
            self._look()

    # What happens

    def _look(self) -> None:
        """Have done what is due."""
        if not self._generations.stopping and self._rounds.look():
            self._notices.status_of(self._generations.current)
            self._changes.upgrade_again()

    def _look_on(self) -> None:
        """Look, and tell who watches us that all is well, if it is."""
        self._look()
        current, stopping = self._generations.current, self._generations.stopping
        serves = self._generations.served and current is not None and alive(current, self._reactor.seconds())
        if serves or stopping:
            self._notices.alive()

    def _serves(self, crew: Crew) -> None:
        """Count the first generation as started, or let the coming one take over."""
        self._schedule.follow(crew.settings.timers)
        if crew is self._generations.coming:
            self._places.settle()
            self._generations.follow()
            self._notices.reloaded()
        else:
            self._begins_to_serve()
        self._changes.reload_again()

    def _begins_to_serve(self) -> None:
        self._generations.served = True
        self._around.announce()
        self._notices.ready(described(self._generations.current))

    def _failed(self, crew: Crew, words: dict[str, Any]) -> None:
        """Take note that a generation can't boot."""
        generations = self._generations
        if generations.stopping:
            return
        if crew is generations.coming:
            if words.get("details"):
                _log.error("{details}", details=words["details"])
            self._places.forget()
            generations.give_up_coming()
            self._changes.reload_failed(words["sentence"])
        elif not generations.served:
            generations.stopping = True
            self._around.boot_failed(words["status"], words["sentence"], words.get("details", ""))
        elif crew is generations.current:
            crew.zygote.replace(f"can't make any: {words['sentence']}", words.get("details", ""))

    def _crashed(self, crew: Crew, worker: Worker, how: str) -> None:
        if self._generations.stopping:
            return
        if self._generations.is_tried(crew):
            self._failed(crew, worker.failure or {"status": 3, "sentence": f"{worker.name} {how} before it served"})
        else:
            crew.crashes.note(worker, how)

    def _run_timer(self, number: int) -> None:
        """Have a timer's task run, by one worker."""
        serving = [each for each in self._generations.current or () if each.listens()]
        if serving:
            min(serving, key=lambda each: each.slot).order({"do": "tick", "timer": number})
        else:
            timer = self._generations.settings.timers[number]
            _log.warn("Timer {timer}: no worker serves; this run is skipped", timer=timer)

    # The supervisor before and after

    def _note(self) -> Note:
        return notes.note_of(self._generations, self._places, self._rounds.numbers, self._reactor.seconds())

    def _take_over(self, note: Note) -> None:
        """Go on where the supervisor before has stopped, and have a generation of today's code follow."""
        generations = self._generations
        fresh = generations.settings
        self._rounds.numbers = note["numbers"]
        notes.resume(note, generations, self._places)
        self._schedule.follow(generations.settings.timers)
        self._begins_to_serve()
        _log.info("The new supervisor has taken over {count} workers", count=len(list(generations.current or ())))
        self._changes.have_follow(fresh)
