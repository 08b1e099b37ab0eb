"""One code generation: its zygote, and the workers that it has forked.

Carries out what the supervisor decides and keeps the record of who is there; it decides nothing but that a zygote that
has died is followed by another. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.links import ChannelReader, Message, pair
from wsgicontainer.settings import Settings
from wsgicontainer.workers.crashes import Crashes
from wsgicontainer.workers.hearing import hear
from wsgicontainer.workers.lifetime import Lifetime, draw
from wsgicontainer.workers.machine import Machine, ending
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.slots import covers
from wsgicontainer.workers.worker import Worker
from wsgicontainer.workers.zygote import Zygote

_log = Logger()
GRACE = 5.0
"""Seconds beyond --graceful-timeout before a worker that drains is killed."""


@define
class Told:
    """Whom a crew tells what the supervisor has to decide about."""

    changed: Callable[[], object]
    failed: Callable[[Crew, dict[str, Any]], object]
    """It can't boot: the words of `failed`."""
    crashed: Callable[[Crew, Worker, str], object]
    """A worker has ended without being told to."""


@define(eq=False)
class Crew:
    """A zygote and its workers."""

    number: int
    settings: Settings
    ports: list[HeldPort]
    machine: Machine
    told: Told
    start_words: dict[str, Any]
    """The message that starts its zygote."""
    workers: dict[int, Worker] = field(factory=dict)
    open: bool = False
    """Whether its workers may listen."""
    crashes: Crashes = field(init=False)
    zygote: Zygote = field(init=False)

    @crashes.default
    def _no_crashes(self) -> Crashes:
        return Crashes(self.machine.reactor.seconds)

    @zygote.default
    def _no_zygote(self) -> Zygote:
        return Zygote(self.machine, self.start_words, self._zygote_tells, self._zygote_ended)

    def __iter__(self) -> Iterator[Worker]:
        """Iterate over a copy."""
        return iter(list(self.workers.values()))

    # The zygote

    def start(self) -> None:
        """Start the zygote."""
        try:
            self.zygote.start()
        except OSError as error:
            self.fail(f"no process can be started ({error.strerror})")

    def fail(self, sentence: str) -> None:
        """Say that it can't do what it was made for."""
        self.told.failed(self, {"status": 3, "sentence": sentence})

    def _zygote_tells(self, kind: str, words: dict[str, Any]) -> None:
        match kind:
            case "failed":
                self.told.failed(self, words)
            case "forked":
                self._forked(words["worker"], words["pid"])
            case "unborn":
                self._unborn(words["worker"], words["reason"])
            case "exited":
                self._exited(words["pid"], words["status"])
        self.told.changed()

    def _zygote_ended(self) -> bool:
        """Have another one follow, if this was not asked for; workers live on, and are ours to wait for now."""
        for worker in self:
            worker.orphan = True
            self._give_up_lost(worker)
        if self.zygote.closing:
            return False
        if not self.workers and not (self.open and self.zygote.proven):
            self.fail("the process that forks workers ended while starting")
            return False
        return True

    # Workers come

    def fork(self, number: int, slot: int) -> None:
        """Have a worker made."""
        now = self.machine.reactor.seconds()
        stacks = -1
        try:
            stacks = self.machine.memory()
            ours, theirs = pair()
        except OSError as error:
            if stacks >= 0:
                os.close(stacks)
            self.crashes.note_unmade(slot, error)
            return
        worker = Worker(number, slot, now, ours, stacks, self.zygote, self.lifetime(), beat_at=now)
        self.listen_to(worker)
        self.workers[number] = worker
        words = {
            "do": "fork",
            "worker": number,
            "slot": slot,
            "shared": [port.shared for port in self.ports],
            "backlogs": [port.backlog for port in self.ports],
        }
        sockets = [port.of_slot(slot).fileno() for port in self.ports]
        if not self.zygote.send(words, [theirs.fileno(), stacks, *sockets]):
            self._unborn(number, "the process that forks workers does not answer")
        theirs.close()

    def lifetime(self) -> Lifetime:
        """Draw a worker's limits."""
        settings = self.settings
        return draw(
            settings.max_requests,
            settings.max_requests_jitter,
            settings.max_worker_lifetime,
            settings.max_worker_rss,
            self.machine.chance,
        )

    def listen_to(self, worker: Worker) -> None:
        """Read what a worker says."""
        reactor = self.machine.reactor
        worker.reader = ChannelReader(
            reactor, worker.channel, lambda message: self._worker_tells(worker, message), lambda: self._mute(worker)
        )

    def _worker_tells(self, worker: Worker, message: Message) -> None:
        if hear(worker, message.words, self.machine.reactor.seconds(), self._patience()):
            self.told.changed()

    def _forked(self, number: int, pid: int) -> None:
        if number in self.workers and not self.workers[number].pid:
            self.workers[number].pid = pid
            if self.workers[number].phase is Phase.KILLED:  # before it had a name
                self.workers[number].signal(signal.SIGKILL)

    # Workers go

    def _patience(self) -> float:
        return self.settings.graceful_timeout + GRACE

    def drain(self, worker: Worker, *, empty: bool = False) -> None:
        """Have a worker drain; `empty`: nobody else will take what waits in the kernel's queue."""
        worker.drain(self._patience(), empty=empty)

    def _mute(self, worker: Worker) -> None:
        """Take note that a worker's link has ended; its zygote tells how it has ended itself, if it still can."""
        self._give_up_lost(worker)
        self.told.changed()

    def _give_up_lost(self, worker: Worker) -> None:
        if worker.is_lost() and worker.number in self.workers:
            self._gone(worker, "was lost with the process that forks workers")

    def _unborn(self, number: int, reason: str) -> None:
        worker = self.workers.pop(number, None)
        if worker is not None:
            worker.close()
            self.told.crashed(self, worker, f"could not be made ({reason})")

    def _exited(self, pid: int, status: int) -> None:
        worker = next((each for each in self if each.pid == pid), None)
        if worker is not None:
            self._gone(worker, ending(status))

    def look_after(self) -> None:
        """Give workers what was kept for them, and wait for those whose zygote has died: nobody tells it."""
        for worker in self:
            worker.send_kept()
            if worker.orphan and worker.pid:
                gone, status = self.machine.wait(worker.pid)
                if gone:
                    self._gone(worker, ending(status))

    def _gone(self, worker: Worker, how: str) -> None:
        if worker.reader is not None and worker.channel.fileno() >= 0:
            worker.reader.doRead()  # its last words; only then may its place count as empty
        del self.workers[worker.number]
        worker.close()
        if worker.phase not in (Phase.DRAINING, Phase.KILLED):
            self.told.crashed(self, worker, how)
        elif worker.phase is Phase.DRAINING:
            _log.info("{name} has ended", name=worker.name)
        self.told.changed()

    # Who accepts where

    def cover(self, slots: int) -> None:
        """See to it that somebody accepts from each of so many slots."""
        own = {worker.slot: worker.number for worker in sorted(self, key=lambda each: each.number) if worker.listens()}
        for number, further in covers(slots, own).items():
            worker = self.workers[number]
            for slot in sorted(further - worker.adopted):
                own_sockets = {i: port.of_slot(slot) for i, port in enumerate(self.ports) if not port.shared}
                worker.adopt(slot, {index: each.fileno() for index, each in own_sockets.items()})
            for slot in sorted(worker.adopted - further):
                worker.release(slot)
