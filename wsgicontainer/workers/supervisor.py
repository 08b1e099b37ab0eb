"""The supervisor: holds the sockets, has workers made and ended, and lets one code generation follow another.

Whatever happens, `_look` asks `plan` what is due and carries it out. One generation (`_current`) serves; at a reload a
second one (`_coming`) boots beside it and takes over only when all its workers have answered and stayed up; those that
were replaced (`_leaving`) drain. No application is imported here. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.settings import Settings
from wsgicontainer.workers import takeover, watching
from wsgicontainer.workers.crew import Crew, Told
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.notices import Notices, described
from wsgicontainer.workers.plan import COMING, Action, Do, Phase, plan
from wsgicontainer.workers.schedule import Schedule
from wsgicontainer.workers.worker import Worker

_log = Logger()
LOOK = 0.25
"""Seconds between looks at everybody's clocks."""
STAY_UP = 1.0
"""Seconds that a new generation has to stay up, warm, before it takes over."""
ZYGOTE_ENDS = 2.0
"""Seconds that a zygote has to end by itself."""
SUDDEN = 2.0
"""Seconds that workers have to end when nothing is waited for."""
FIXED = ("ports", "backlog", "pid_file", "user", "group", "init", "name")
"""Settings that a reload can't change: what only the supervisor has, from its start on."""


@frozen
class Surroundings:
    """What the supervisor is given beside its settings."""

    machine: Machine
    reread: Callable[[], Settings]
    """Reads all options anew; raises ConfigurationError."""
    start_words: Callable[[Settings], dict[str, Any]]
    """Makes the message that starts a zygote."""
    stacks_signal: int
    boot_failed: Callable[[int, str, str], object]
    """Ends the server, which has never served: exit status, sentence, details."""
    announce: Callable[[], object]
    """Says where the server listens."""
    upgrade: Callable[[Callable[[], dict[str, Any] | None], float, Callable[[str], object]], object]
    """Puts a new supervisor in the place of this one, given what it has to know, or calls back with what hinders it:
    with "" if just then there is nothing to take over."""
    note: dict[str, Any] | None = None
    """What the supervisor has left that this one takes the place of."""
    notices: Sequence[IOperatorNotices] = ()


class Supervisor(Service):
    """The service `workers`."""

    name = "workers"

    def __init__(self, settings: Settings, ports: list[HeldPort], around: Surroundings) -> None:
        """Start nothing yet."""
        self._settings, self._ports, self._around = settings, ports, around
        self._machine, self._reactor = around.machine, around.machine.reactor
        self._count = self._slots = settings.workers
        self._current: Crew | None = None
        self._coming: Crew | None = None
        self._leaving: list[Crew] = []
        self._zygotes: dict[int, float] = {}
        """Zygotes that are to end -> when they are killed."""
        self._numbers = self._generations = 0
        self._served = self._stopping = self._hurried = self._again = self._looking = self._upgrading = False
        self._upgrade_wanted = False
        self._more = 0
        """How many workers the coming generation is to have more than the current one."""
        self._looked_at = 0.0
        self._looks = LoopingCall(self._tick_on)
        self._looks.clock = self._reactor
        self._notices = Notices(around.notices, self._reactor.seconds)
        self._schedule = Schedule(self._reactor, self._run_timer)
        self._told = Told(self._look, self._failed, self._crashed)

    # Life

    def privilegedStartService(self) -> None:
        """Open the ports before privileges are shed. Raises BootError."""
        super().privilegedStartService()
        self._open()

    def startService(self) -> None:
        """Have the first generation made, with the ports open. Raises BootError."""
        super().startService()
        self._open()
        self._reactor.callWhenRunning(self._begin)

    def _open(self) -> None:
        for port in self._ports:
            if not port.sockets:  # otherwise it was opened before, or handed over
                try:
                    port.open(self._slots)
                except ConfigurationError:
                    for each in self._ports:
                        each.close()
                    raise

    def _begin(self) -> None:
        self._looks.start(LOOK, now=False)
        if self._stopping:
            return
        if self._around.note is not None:
            self._take_over(self._around.note)
            return
        self._current = self._new_crew(self._settings)
        self._current.open = True
        self._start(self._current)

    def _take_over(self, note: dict[str, Any]) -> None:
        """Go on where the supervisor before has stopped, and have a generation of today's code follow."""
        self._count, self._slots, self._numbers = note["count"], note["slots"], note["numbers"]
        self._generations, self._served = note["generations"], True
        self._zygotes = {int(pid): self._reactor.seconds() + ZYGOTE_ENDS for pid in note["zygotes"]}
        crews = [
            takeover.crew_from(each, self._ports, self._machine, self._told, self._around.stacks_signal)
            for each in note["crews"]
        ]
        fresh, self._settings = self._settings, crews[0].settings
        self._current, self._leaving = crews[0], crews[1:]
        self._schedule.follow(self._settings.timers)
        self._around.announce()
        self._notices.ready(described(self._current))
        _log.info("The new supervisor has taken over {count} workers", count=len(crews[0].workers))
        self._want(fresh)
        self._coming = self._new_crew(evolve(fresh, **{name: getattr(self._settings, name) for name in FIXED}))
        self._start(self._coming)

    def _note(self) -> dict[str, Any] | None:
        """Write down what the next supervisor has to know; None if it can't take over now."""
        if self._stopping or self._busy():
            return None
        now = self._reactor.seconds()
        crews = [crew for crew in (self._current, *self._leaving) if crew is not None and crew.loaded]
        return {
            "count": self._count,
            "slots": self._slots,
            "numbers": self._numbers,
            "generations": self._generations,
            "zygotes": list(self._zygotes),
            "ports": [takeover.port_note(port) for port in self._ports],
            "crews": [takeover.crew_note(crew, now) for crew in crews],
        }

    def upgrade(self) -> None:
        """Have a new interpreter, with all that is installed now, take this process over: USR2."""
        if self._stopping:
            return
        if not self._served or self._upgrading or self._busy():
            self._upgrade_wanted = True
            _log.info("Something else is under way: the upgrade follows it")
            return
        _log.info("Upgrading: checking what is installed now")
        self._upgrading, self._upgrade_wanted = True, False
        self._notices.reloading()
        self._around.upgrade(self._note, self._settings.worker_timeout, self._not_upgraded)

    def _busy(self) -> bool:
        """Say whether somebody is being made: whoever waits for that can't be handed over."""
        loading = self._current is None or not self._current.loaded
        return loading or self._coming is not None or any(worker.phase in COMING for worker in self._all())

    def _not_upgraded(self, reason: str) -> None:
        """Go on; without a reason something else has come between, and the upgrade follows that."""
        self._upgrading = False
        if self._stopping:
            return
        if not reason:
            self._upgrade_wanted = True
            return
        _log.error("The upgrade failed, and everything goes on as before: {reason}", reason=reason)
        self._notices.reloaded(reason)
        self._reload_again()

    def _all(self) -> Iterator[Worker]:
        yield from (worker for crew in self._crews() for worker in crew)

    def _new_crew(self, settings: Settings) -> Crew:
        self._generations += 1
        around = self._around
        words = around.start_words(settings)
        return Crew(self._generations, settings, self._ports, self._machine, self._told, words, around.stacks_signal)

    def _start(self, crew: Crew) -> None:
        try:
            crew.start()
        except OSError as error:
            self._failed(crew, {"status": 3, "sentence": f"no process can be started ({error.strerror})"})

    def stopService(self) -> Deferred[None]:
        """Drain all workers; fires when they have ended or were killed."""
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._stopping = True
        self._notices.stopping(f"Draining: {described(self._current)}")
        self._give_up_coming()
        self._schedule.follow(())
        for port in self._ports:
            port.deafen()  # workers accept for the last time now, each when it comes to it
        for crew in self._crews():
            for worker in crew:
                crew.drain(worker, empty=True)
        for port in self._ports:
            port.close()
        await self._until_empty(self._settings.graceful_timeout + SUDDEN)
        self._kill_all()
        await self._until_empty(SUDDEN)
        for crew in list(self._crews()):
            self._dismiss(crew)
        self._current, self._leaving = None, []
        await self._zygotes_ended()
        if self._looks.running:
            self._looks.stop()

    def _kill_all(self) -> None:
        for crew in self._crews():
            for worker in crew:
                crew.kill(worker)

    async def _zygotes_ended(self) -> None:
        until = self._reactor.seconds() + ZYGOTE_ENDS + 1
        while self._zygotes and self._reactor.seconds() < until:
            self._reap_zygotes()
            await deferLater(self._reactor, 0.01)

    async def _until_empty(self, seconds: float) -> None:
        until = self._reactor.seconds() + seconds
        while any(crew.workers for crew in self._crews()) and self._reactor.seconds() < until:
            if self._hurried:
                self._hurried = False
                until = min(until, self._reactor.seconds() + SUDDEN)
                self._tell_all({"do": "hurry"})
            for crew in self._crews():
                crew.wait_for_orphans()
            await deferLater(self._reactor, 0.01)

    def _crews(self) -> Iterator[Crew]:
        yield from (crew for crew in (self._current, self._coming, *self._leaving) if crew is not None)

    # What an operator asks for

    def hurry(self) -> None:
        """Cut a drain short."""
        self._hurried = True

    def reopen(self) -> None:
        """Have all workers reopen their logs."""
        self._tell_all({"do": "reopen"})

    def change_count(self, by: int) -> None:
        """Have one worker more, or less: TTIN, TTOU."""
        wanted = self._count + by
        if wanted < 1 or self._stopping:
            _log.warn("There is only one worker: it stays")
            return
        if self._make_room(wanted):
            self._count = wanted
            _log.info("Workers wanted: {count}", count=wanted)
            self._look()

    def _run_timer(self, number: int) -> None:
        """Have a timer's task run, by one worker."""
        serving = [each for each in self._current or () if each.listens()]
        if serving:
            min(serving, key=lambda each: each.slot).channel.send({"do": "tick", "timer": number})
        else:
            timer = self._settings.timers[number]
            _log.warn("Timer {timer}: no worker serves; this run is skipped", timer=timer)

    def reload(self) -> None:
        """Have a new generation, of the code and the settings as they are now, take over."""
        if self._stopping:
            return
        if not self._served or self._coming is not None or self._upgrading:
            self._again = True
            _log.info("A generation is under way: another one follows it")
            return
        _log.info("Reloading")
        self._notices.reloading()
        try:
            settings = self._reread()
        except ConfigurationError as error:
            self._reload_failed(str(error))
            return
        self._coming = self._new_crew(settings)
        self._start(self._coming)

    def _reread(self) -> Settings:
        fresh = self._around.reread()
        fixed = [name for name in FIXED if getattr(fresh, name) != getattr(self._settings, name)]
        if fixed:
            words = ", ".join(f"--{name.removesuffix('s').replace('_', '-')}" for name in fixed)
            _log.warn("{options} changed, which needs a restart: the old value stays", options=words)
            fresh = evolve(fresh, **{name: getattr(self._settings, name) for name in fixed})
        self._want(fresh)
        return fresh

    def _want(self, fresh: Settings) -> None:
        """Have the coming generation be so many, if the option has changed; what TTIN and TTOU have asked for stays."""
        if fresh.workers != self._settings.workers and self._make_room(fresh.workers):
            self._more = fresh.workers - self._count

    def _count_of(self, crew: Crew) -> int:
        return max(1, self._count + self._more) if crew is self._coming else self._count

    def _make_room(self, count: int) -> bool:
        """Have a socket for each of so many workers."""
        try:
            for port in self._ports:
                port.grow(count)
        except OSError as error:
            _log.error("No more sockets can be opened ({reason})", reason=error.strerror)
            return False
        self._slots = max(self._slots, count)
        return True

    # What is due

    def _tick_on(self) -> None:
        """Look at everybody's clocks, and go on doing so whatever happens."""
        try:
            self._tick()
        except Exception:  # noqa: BLE001 (nobody else would look any more)
            _log.failure("The supervisor's look at its workers failed")

    def _tick(self) -> None:
        now = self._reactor.seconds()
        late, self._looked_at = now - self._looked_at > watching.FRESH, now
        self._reap_zygotes()
        self._machine.reap(self._known())
        for crew in self._crews():
            crew.wait_for_orphans()
            if not late:  # otherwise it was this process that stood still, and beats wait to be read
                self._look_at_clocks(crew, now)
        self._look()
        serves = self._served and self._current is not None and watching.alive(self._current, now)
        if serves or self._stopping:
            self._notices.alive()

    def _look(self) -> None:
        """Do what is due; what happens meanwhile is looked at in the next turn."""
        if self._looking or self._stopping:
            return
        self._looking = True
        try:
            for crew in (self._current, self._coming):
                if crew is not None and crew.loaded:
                    self._carry_out(crew)
            self._let_follow()
            if self._current is not None:
                self._current.cover(self._slots)
            self._notices.status_of(self._current)
            for crew in [crew for crew in self._leaving if not crew.workers]:
                self._leaving.remove(crew)
                self._dismiss(crew)
        finally:
            self._looking = False
        if self._upgrade_wanted and self._served and not self._upgrading and not self._busy():
            self._reactor.callLater(0, self.upgrade)
            self._upgrade_wanted = False

    def _carry_out(self, crew: Crew) -> None:
        now = self._reactor.seconds()
        seen = [worker.seen() for worker in crew]
        waits = {slot: each.not_before for slot, each in crew.backoffs.items()}
        for action in plan(self._count_of(crew), seen, waits, now, open_=crew.open):
            self._do(crew, action)

    def _do(self, crew: Crew, action: Action) -> None:
        if action.do is Do.FORK:
            self._numbers += 1
            for worker in crew:
                if worker.slot == action.target and worker.due and worker.listens():
                    _log.info("{name} {reason}: another one replaces it", name=worker.name, reason=worker.due)
            crew.fork(self._numbers, action.target)
        elif action.do is Do.LISTEN:
            self._tell_fault(crew.workers[action.target])
            crew.listen(crew.workers[action.target])
        else:
            crew.drain(crew.workers[action.target])

    def _tell_fault(self, worker: Worker) -> None:
        if worker.fault:
            _log.warn("{name} serves, but its warm-up failed: {fault}", name=worker.name, fault=worker.fault)

    def _let_follow(self) -> None:
        """Let the coming generation take over, or the first one count as started."""
        crew = self._coming or (None if self._served else self._current)
        if crew is None:
            return
        count = self._count_of(crew)
        workers = [worker for worker in crew if worker.slot < count]
        if not crew.open:
            self._open_when_warm(crew, workers, count)
        elif len({worker.slot for worker in workers if worker.listens()}) == count:
            self._follow(crew, count)

    def _open_when_warm(self, crew: Crew, workers: list[Worker], count: int) -> None:
        faulty = next((worker for worker in workers if worker.fault), None)
        if faulty is not None:
            self._failed(crew, {"status": 3, "sentence": f"the warm-up failed: {faulty.fault}"})
            return
        warm = [worker.warm_since for worker in workers if worker.phase is Phase.WARM]
        if len(warm) == count and self._reactor.seconds() - max(warm) >= STAY_UP:
            crew.open = True
            self._carry_out(crew)

    def _follow(self, crew: Crew, count: int) -> None:
        seconds = self._reactor.seconds() - crew.since
        _log.info(
            "Generation {number} serves with {count} workers after {seconds:.2f} s",
            number=crew.number,
            count=count,
            seconds=seconds,
        )
        self._schedule.follow(crew.settings.timers)
        if not self._served:
            self._served = True
            self._around.announce()
            self._notices.ready(described(self._current))
            self._reload_again()
            return
        before, self._current, self._coming = self._current, crew, None
        self._settings, self._count, self._more = crew.settings, count, 0
        if before is not None:
            self._leave(before)
        self._notices.reloaded()
        self._reload_again()

    def _leave(self, crew: Crew) -> None:
        self._leaving.append(crew)
        for worker in crew:
            crew.drain(worker)

    def _reload_again(self) -> None:
        if self._again:
            self._again = False
            self._reactor.callLater(0, self.reload)

    # What goes wrong

    def _failed(self, crew: Crew, words: dict[str, Any]) -> None:
        """Take note that a generation can't boot."""
        if self._stopping:
            return
        if crew is self._coming:
            if words.get("details"):
                _log.error("{details}", details=words["details"])
            self._give_up_coming()
            self._reload_failed(words["sentence"])
        elif not self._served:
            self._stopping = True
            self._around.boot_failed(words["status"], words["sentence"], words.get("details", ""))
        else:
            _log.error("Generation {number}: {reason}", number=crew.number, reason=words["sentence"])

    def _reload_failed(self, reason: str) -> None:
        _log.error("The reload failed, and the old code goes on serving: {reason}", reason=reason)
        self._notices.reloaded(reason)
        self._reload_again()

    def _give_up_coming(self) -> None:
        crew, self._coming, self._more = self._coming, None, 0
        if crew is not None:
            self._leaving.append(crew)
            for worker in crew:  # some may serve already
                crew.drain(worker, empty=self._stopping)

    def _crashed(self, crew: Crew, worker: Worker, how: str) -> None:
        words = worker.failure or {"status": 3, "sentence": f"{worker.name} {how} before it served"}
        if self._stopping:
            return
        if crew is self._coming or not self._served:
            self._failed(crew, words)
            return
        crew.note_crash(worker, how)

    def _look_at_clocks(self, crew: Crew, now: float) -> None:
        """Find who is late, frozen or due."""
        patience = self._settings.worker_timeout
        trying = crew is self._coming or not self._served
        if trying and not crew.loaded and not crew.workers and now - crew.since > patience:
            sentence = f"the import took longer than --worker-timeout {patience:g} s"
            self._failed(crew, {"status": 3, "sentence": sentence})
        for worker in crew:
            watching.look_at(crew, worker, now)

    # Ends

    def _dismiss(self, crew: Crew) -> None:
        pid = crew.close()
        if pid:
            self._zygotes[pid] = self._reactor.seconds() + ZYGOTE_ENDS

    def _known(self) -> set[int]:
        """Return the processes whose ends are waited for by somebody; any other child was adopted."""
        return {*self._zygotes, *(crew.zygote for crew in self._crews()), *(worker.pid for worker in self._all())}

    def _reap_zygotes(self) -> None:
        for pid, until in list(self._zygotes.items()):
            if self._machine.wait(pid)[0]:
                del self._zygotes[pid]
            elif self._reactor.seconds() > until:
                self._machine.kill(pid, 9)

    def _tell_all(self, words: dict[str, Any]) -> None:
        for crew in self._crews():
            for worker in crew:
                worker.channel.send(words)
