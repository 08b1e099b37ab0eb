"""What the supervisor knows of one generation's zygote: the process that forks its workers.

One that has died is followed by another, in time; workers that it has forked live on. What it tells of workers is the
crew's business. Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from wsgicontainer.links import Channel, ChannelReader, Message, pair, retell
from wsgicontainer.workers.backoff import Backoff
from wsgicontainer.workers.claims import OF_ZYGOTES, claim
from wsgicontainer.workers.machine import Machine

_log = Logger()
AGAIN = 1.0
"""Seconds before a zygote that has died is followed by another."""
ENDS = 2.0
"""Seconds that a zygote has to end by itself."""


@define(eq=False)
class Zygote:
    """The process, and those that follow it."""

    machine: Machine
    start_words: dict[str, Any]
    """The message that starts it."""
    told: Callable[[str, dict[str, Any]], object]
    """Whom it tells of its workers, and that it can't boot."""
    ended: Callable[[], bool]
    """Whom it tells its end: is another one to follow?"""
    pid: int = 0
    """0 if there is none."""
    loaded: bool = False
    proven: bool = False
    """Whether one was ever loaded."""
    since: float = 0.0
    """When it was started."""
    closing: bool = False
    rebirths: Backoff = field(factory=Backoff)
    channel: Channel | None = None
    log_channel: Channel | None = None
    _link: ChannelReader | None = None
    _relay: ChannelReader | None = None

    def start(self) -> None:
        """Start the process. Raises OSError."""
        with ExitStack() as opened:
            ends = [opened.enter_context(closing(end)) for _ in range(2) for end in pair()]
            link, their_link, log, their_log = ends
            self.pid = self.machine.spawn(their_link.fileno(), their_log.fileno())
            opened.pop_all()
        their_link.close()
        their_log.close()
        self.channel, self.log_channel = link, log
        self.since = self.machine.reactor.seconds()
        self.listen()
        self.channel.send(self.start_words)

    def listen(self) -> None:
        """Read what it says, and the log of all its workers."""
        assert self.channel is not None and self.log_channel is not None
        reactor = self.machine.reactor
        self._link = ChannelReader(reactor, self.channel, self._received, self._lost)
        self._relay = ChannelReader(reactor, self.log_channel, retell, lambda: None)

    def send(self, words: dict[str, Any], descriptors: Sequence[int]) -> bool:
        """Give it an order."""
        return self.channel is not None and self.channel.send(words, descriptors)

    def _received(self, message: Message) -> None:
        kind = claim(message.words, OF_ZYGOTES)
        if kind == "loaded":
            self.loaded = self.proven = True
        elif kind == "unforkable":
            self._import_in_workers(message.words["reason"])
        self.told(kind, message.words)

    def _import_in_workers(self, reason: str) -> None:
        _log.warn(
            "--preload: the application {reason} on import, and then it can't be forked: each worker imports it",
            reason=reason,
        )
        self.start_words = {**self.start_words, "preload": False}
        assert self._link is not None
        self._link.stop()
        self._start_again()

    def imports_for(self, now: float) -> float:
        """Return the seconds for which it has been importing, or could not be started to do so; 0 if it does not."""
        speaks = self._link is not None and self._link.fileno() >= 0
        missing = not self.pid and not self.proven  # otherwise there are workers, and time
        return now - self.since if not self.loaded and (speaks or missing) else 0.0

    def replace(self, how: str, details: str = "") -> None:
        """Have another one follow one that can't do its work: it may be able to when the code has been mended."""
        if self._link is not None:
            self._link.stop()
        self.kill()
        self._lost(how, details)

    def _lost(self, how: str = "has ended", details: str = "") -> None:
        now = self.machine.reactor.seconds()
        served = now - self.since if self.loaded else 0.0
        self.loaded = False
        if self.ended():
            self._tell(self.rebirths.crashed(now, served), how, details)
            self.machine.reactor.callLater(max(AGAIN, self.rebirths.not_before - now), self._start_again)

    def _tell(self, times: int, how: str, details: str) -> None:
        if times and details:
            _log.error("{details}", details=details)
        if times:
            what, many = "The process that forks workers", f" (ended {times} times)" if times > 1 else ""
            _log.error("{what} (pid {pid}) {how}; starting it anew{many}", what=what, pid=self.pid, how=how, many=many)

    def _start_again(self) -> None:
        if self.closing:
            return
        if self.pid:
            self.machine.wait(self.pid)
            self.pid = 0  # another process may have it soon
        try:
            self.start()
        except OSError as error:
            _log.error("It can't be started ({reason}); trying again", reason=error.strerror)
            self.machine.reactor.callLater(AGAIN, self._start_again)

    def kill(self) -> None:
        """End it at once."""
        if self.pid:
            self.machine.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Have it end, at once if it is still busy. No worker is left by now."""
        self.closing = True
        if self._relay is not None and self._relay.fileno() >= 0:
            self._relay.doRead()
        for reader in (self._link, self._relay):
            if reader is not None:
                reader.stop()
        if not self.loaded:
            self.kill()


class LastZygotes:
    """Those that are to end: each has a while for it, and is killed then."""

    def __init__(self, machine: Machine) -> None:
        """Expect nobody yet."""
        self._machine = machine
        self._until: dict[int, float] = {}

    def __iter__(self) -> Iterator[int]:
        """Iterate over their process ids, in a copy."""
        return iter(list(self._until))

    def expect(self, pid: int) -> None:
        """Wait for one's end."""
        if pid:
            self._until[pid] = self._machine.reactor.seconds() + ENDS

    def reap(self) -> None:
        """Take note of who has ended, and kill who is late."""
        for pid in self:
            if self._machine.wait(pid)[0]:
                del self._until[pid]
            elif self._machine.reactor.seconds() > self._until[pid]:
                self._machine.kill(pid, signal.SIGKILL)
