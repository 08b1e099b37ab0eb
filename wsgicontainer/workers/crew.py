"""One code generation: its zygote, and the workers that it has forked.

Carries out what the supervisor decides and keeps the record of what zygote and workers tell. It decides nothing but
that a zygote that has died is started anew. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.links import Channel, ChannelReader, Message, pair, retell
from wsgicontainer.settings import Settings
from wsgicontainer.workers.backoff import Backoff
from wsgicontainer.workers.claims import OF_WORKERS, OF_ZYGOTES, claim
from wsgicontainer.workers.lifetime import Lifetime, draw
from wsgicontainer.workers.machine import Machine, ending
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.slots import covers
from wsgicontainer.workers.worker import Worker

_log = Logger()
GRACE = 5.0
"""Seconds beyond --graceful-timeout before a worker that drains is killed."""
STACKS_WITHIN = 1.0
"""Seconds that a frozen worker has to write its threads' stacks."""
KILL_AGAIN = 1.0
"""Seconds before a worker is killed again: the first time it may have had no name yet."""
ZYGOTE_AGAIN = 1.0
"""Seconds before a zygote that has died is started anew."""


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
    stacks_signal: int
    workers: dict[int, Worker] = field(factory=dict)
    backoffs: dict[int, Backoff] = field(factory=dict)
    rebirths: Backoff = field(factory=Backoff)
    """The crashes of its zygote."""
    loaded: bool = False
    proven: bool = False
    """Whether a zygote of it was ever loaded."""
    open: bool = False
    """Whether its workers may listen."""
    since: float = 0.0
    zygote: int = 0
    """Its process id, 0 if there is none."""
    closing: bool = False
    link: ChannelReader | None = None
    channel: Channel | None = None
    log: ChannelReader | None = None
    log_channel: Channel | None = None

    def __iter__(self) -> Iterator[Worker]:
        """Iterate over a copy."""
        return iter(list(self.workers.values()))

    # The zygote

    def start(self) -> None:
        """Start the zygote. Raises OSError."""
        self.channel, theirs = pair()
        self.log_channel, their_log = pair()
        try:
            self.zygote = self.machine.spawn(theirs.fileno(), their_log.fileno())
        finally:
            theirs.close()
            their_log.close()
        self.since = self.machine.reactor.seconds()
        self.listen_to_zygote()
        self.channel.send(self.start_words)

    def listen_to_zygote(self) -> None:
        """Read what the zygote, and the log of all, say."""
        assert self.channel is not None and self.log_channel is not None
        reactor = self.machine.reactor
        self.link = ChannelReader(reactor, self.channel, self._zygote_tells, self._zygote_ended)
        self.log = ChannelReader(reactor, self.log_channel, retell, lambda: None)

    def _zygote_tells(self, message: Message) -> None:
        words = message.words
        match claim(words, OF_ZYGOTES):
            case "loaded":
                self.loaded = self.proven = True
            case "failed":
                self.told.failed(self, words)
            case "unforkable":
                self._import_in_workers(words["reason"])
            case "forked":
                self._forked(words["worker"], words["pid"])
            case "unborn":
                self._unborn(words["worker"], words["reason"])
            case "exited":
                self._exited(words["pid"], words["status"])
        self.told.changed()

    def _import_in_workers(self, reason: str) -> None:
        _log.warn(
            "--preload: the application {reason} on import, and then it can't be forked: each worker imports it",
            reason=reason,
        )
        self.start_words = {**self.start_words, "preload": False}
        assert self.link is not None
        self.link.stop()
        self._start_again()

    def _zygote_ended(self) -> None:
        """Start a new one, if this was not asked for; workers live on, and are ours to wait for now."""
        loaded, self.loaded = self.loaded, False
        for worker in self:
            worker.orphan = True
            self._give_up_unborn(worker)
        if self.closing:
            return
        if not self.workers and not (self.open and self.proven):
            self.told.failed(self, {"status": 3, "sentence": "the process that forks workers ended while starting"})
            return
        now = self.machine.reactor.seconds()
        told = self.rebirths.crashed(now, now - self.since if loaded else 0.0)
        if told:
            many = f" (ended {told} times)" if told > 1 else ""
            _log.error(
                "The process that forks workers (pid {pid}) has ended; starting it anew{many}",
                pid=self.zygote,
                many=many,
            )
        self.machine.reactor.callLater(max(ZYGOTE_AGAIN, self.rebirths.not_before - now), self._start_again)

    def _start_again(self) -> None:
        if self.closing:
            return
        self.machine.wait(self.zygote)
        try:
            self.start()
        except OSError as error:
            _log.error("It can't be started ({reason}); trying again", reason=error.strerror)
            self.machine.reactor.callLater(ZYGOTE_AGAIN, self._start_again)

    # Workers

    def fork(self, number: int, slot: int) -> None:
        """Have a worker made."""
        assert self.channel is not None
        now = self.machine.reactor.seconds()
        stacks = -1
        try:
            stacks = self.machine.memory()
            ours, theirs = pair()
        except OSError as error:
            if stacks >= 0:
                os.close(stacks)
            self._note_unmade(slot, error)
            return
        worker = Worker(number, slot, now, ours, stacks, self.lifetime(), beat_at=now)
        self.listen_to(worker)
        self.workers[number] = worker
        sockets = [port.of_slot(slot).fileno() for port in self.ports]
        sent = self.channel.send(
            {
                "do": "fork",
                "worker": number,
                "slot": slot,
                "shared": [port.shared for port in self.ports],
                "backlogs": [port.backlog for port in self.ports],
            },
            [theirs.fileno(), worker.stacks, *sockets],
        )
        theirs.close()
        if not sent:
            self._unborn(number, "the process that forks workers does not answer")

    def _note_unmade(self, slot: int, error: OSError) -> None:
        """Try again later: the system has no room for what a worker needs."""
        if self.backoffs.setdefault(slot, Backoff()).crashed(self.machine.reactor.seconds(), 0.0):
            _log.error("No worker can be made ({reason}); trying again", reason=error.strerror)

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

    def _mute(self, worker: Worker) -> None:
        """Take note that a worker's link has ended; its zygote tells how it has ended itself, if it still can."""
        self._give_up_unborn(worker)
        self.told.changed()

    def _give_up_unborn(self, worker: Worker) -> None:
        """Count out whom a zygote that has died has not named: it was never made, or has ended."""
        if worker.orphan and not worker.pid and worker.channel.fileno() < 0 and worker.number in self.workers:
            self._gone(worker, "was lost with the process that forks workers")

    def _forked(self, number: int, pid: int) -> None:
        if number in self.workers and not self.workers[number].pid:
            self.workers[number].pid = pid
            if self.workers[number].phase is Phase.KILLED:  # before it had a name
                self.signal(self.workers[number], signal.SIGKILL)

    def signal(self, worker: Worker, number: int) -> None:
        """Signal a worker, if that is one: who told its process id may have lied, and another may have it by now."""
        if worker.pid and self.machine.parent(worker.pid) in (self.zygote, self.machine.getpid()):
            self.machine.kill(worker.pid, number)

    def _unborn(self, number: int, reason: str) -> None:
        worker = self.workers.pop(number, None)
        if worker is not None:
            worker.close()
            self.told.crashed(self, worker, f"could not be made ({reason})")

    def _exited(self, pid: int, status: int) -> None:
        worker = next((each for each in self if each.pid == pid), None)
        if worker is not None:
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

    def _worker_tells(self, worker: Worker, message: Message) -> None:
        kind = claim(message.words, OF_WORKERS)
        if kind:
            worker.beat_at = self.machine.reactor.seconds()
            self._take_note(worker, kind, message.words)

    def _take_note(self, worker: Worker, kind: str, words: dict[str, Any]) -> None:
        now = self.machine.reactor.seconds()
        match kind:
            case "beat":
                worker.done, worker.stalled, worker.rss = words["done"], words["stalled"], words["rss"]
                worker.pid = worker.pid or words.get("pid", 0)  # if its zygote has died before it could tell
                return
            case "failed":
                worker.failure = words
            case "warm":
                worker.fault, worker.warm_since = words["fault"], now
                if worker.phase is Phase.BOOTING:
                    worker.phase = Phase.WARM
            case "listening":
                self._listens(worker, now)
            case "recycle":
                worker.due = words["reason"]
            case "leaving":
                self._leaves(worker, now)
        self.told.changed()

    def _listens(self, worker: Worker, now: float) -> None:
        if worker.phase is Phase.OPENING:
            worker.phase, worker.serving_since = Phase.SERVING, now
            _log.info("{name} is ready after {seconds:.2f} s", name=worker.name, seconds=now - worker.born)

    def _leaves(self, worker: Worker, now: float) -> None:
        if worker.phase is Phase.SERVING:
            _log.info("{name} was told to end: another one takes its place", name=worker.name)
            worker.phase, worker.leaves_at = Phase.DRAINING, now + self.settings.graceful_timeout + GRACE
            worker.adopted.clear()

    def listen(self, worker: Worker) -> None:
        """Have a warm worker accept connections."""
        worker.phase = Phase.OPENING
        worker.channel.send({"do": "listen"})

    def drain(self, worker: Worker, *, empty: bool = False) -> None:
        """Have a worker drain; one that does not listen yet has nothing to drain."""
        if worker.phase in (Phase.BOOTING, Phase.WARM):
            self.kill(worker)
        elif worker.phase in (Phase.OPENING, Phase.SERVING):  # what it does on our order may not be told yet
            worker.phase = Phase.DRAINING
            worker.leaves_at = self.machine.reactor.seconds() + self.settings.graceful_timeout + GRACE
            worker.adopted.clear()
            worker.channel.send({"do": "drain", "empty": empty})
        elif worker.phase is Phase.DRAINING and empty:  # nobody serves beside it any more
            worker.channel.send({"do": "drain", "empty": True})

    def kill(self, worker: Worker) -> None:
        """End a worker at once."""
        worker.phase = Phase.KILLED
        worker.leaves_at = worker.leaves_at or self.machine.reactor.seconds() + KILL_AGAIN
        self.signal(worker, signal.SIGKILL)

    def show_stacks(self, worker: Worker, reason: str) -> None:
        """Log where a frozen worker's threads are, and kill it."""
        _log.error("{name} {reason}: it is killed", name=worker.name, reason=reason)
        self.signal(worker, self.stacks_signal)
        if not worker.pid and self.zygote and not worker.orphan:
            _log.error("The process that forks workers (pid {pid}) does not answer: it is killed", pid=self.zygote)
            self.machine.kill(self.zygote, signal.SIGKILL)
        worker.leaves_at = self.machine.reactor.seconds() + STACKS_WITHIN
        self.machine.reactor.callLater(STACKS_WITHIN, self._shown, worker)

    def _shown(self, worker: Worker) -> None:
        if worker.number in self.workers and worker.stacks >= 0:
            _log.error("{name}: its threads' stacks\n{stacks}", name=worker.name, stacks=worker.take_stacks() or "none")
            self.signal(worker, signal.SIGKILL)

    def cover(self, slots: int) -> None:
        """See to it that somebody accepts from each of so many slots."""
        own = {worker.slot: worker.number for worker in sorted(self, key=lambda each: each.number) if worker.listens()}
        for number, further in covers(slots, own).items():
            worker = self.workers[number]
            for slot in sorted(further - worker.adopted):
                ports = [index for index, port in enumerate(self.ports) if not port.shared]
                sockets = [self.ports[index].of_slot(slot).fileno() for index in ports]
                worker.channel.send({"do": "adopt", "slot": slot, "ports": ports}, sockets)
            for slot in sorted(worker.adopted - further):
                worker.channel.send({"do": "release", "slot": slot})
            worker.adopted = further

    def note_crash(self, worker: Worker, how: str) -> None:
        """Tell a crash, unless too many were told, and have its place filled in time."""
        now = self.machine.reactor.seconds()
        served = now - worker.serving_since if worker.phase is Phase.SERVING else 0.0
        told = self.backoffs.setdefault(worker.slot, Backoff()).crashed(now, served)
        if not told:
            return
        failure = worker.failure or {}
        reason = f"can't boot: {failure['sentence']}" if failure else how
        many = f"{told} crashes, the last: " if told > 1 else ""
        _log.error("{many}{name} {reason}", many=many, name=worker.name, reason=reason)
        if failure.get("details"):
            _log.error("{details}", details=failure["details"])

    def wait_for_orphans(self) -> None:
        """Look after workers whose zygote has died, and so can't tell their end."""
        for worker in self:
            if worker.orphan and worker.pid:
                gone, status = self.machine.wait(worker.pid)
                if gone:
                    self._gone(worker, ending(status))

    def close(self) -> int:
        """Have the zygote end, at once if it is still busy; return its process id. No worker is left by now."""
        self.closing = True
        if self.log is not None and self.log.fileno() >= 0:
            self.log.doRead()
        for reader in (self.link, self.log):
            if reader is not None:
                reader.stop()
        if not self.loaded and self.zygote:
            self.machine.kill(self.zygote, signal.SIGKILL)
        return self.zygote
