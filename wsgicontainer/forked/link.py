"""A worker's side of its link to the supervisor: what it tells, and what it is told.

It tells `warm` (with the fault of its warm-up, if any), `listening`, a `beat` each second with what the pool does, and
`recycle` if it wants to be replaced. It is told to `listen`, `adopt` or `release` a slot's sockets, `tick` a timer,
`reopen` logs, `drain`, `hurry`. The supervisor's end is the order to drain.
Runs in: worker, reactor thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.forked.zygote import failure_words
from wsgicontainer.links import Channel, ChannelReader, Message

_log = Logger()
BEAT = 1.0
"""Seconds between beats."""
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@frozen
class Duties:
    """What a worker does when it is told; each is given the message."""

    listen: Callable[[], object]
    """Accept from the worker's own sockets."""
    adopt: Callable[[int, Mapping[int, int]], object]
    """Accept from a slot's sockets too: number of the port -> descriptor."""
    release: Callable[[int], object]
    tick: Callable[[int], object]
    """Have the task of the timer at that position run."""
    reopen: Callable[[], object]
    drain: Callable[[bool], object]
    """Drain; True: nobody else will take what waits in the kernel's queue."""
    hurry: Callable[[], object]
    fail: Callable[[int], object]
    """End, with a status."""
    pool: Callable[[], tuple[bool, int]]
    """Tell whether the application threads move, and how many jobs are done."""


class WorkerLink(Service):
    """The service that keeps up the link."""

    name = "link"

    def __init__(
        self, reactor: Any, channel: Channel, duties: Duties, warm_up: Callable[[Callable[[str], object]], object]
    ) -> None:
        """`warm_up(done)` has one request answered, and calls `done(fault)`."""
        self._reactor, self._channel, self._duties, self._warm_up = reactor, channel, duties, warm_up
        self._beats = LoopingCall(self.beat)
        self._beats.clock = reactor
        self._moved_at = 0.0

    def startService(self) -> None:
        """Read what the supervisor says, and warm up once the reactor runs."""
        super().startService()
        ChannelReader(self._reactor, self._channel, self._received, self._orphaned)
        self._reactor.callWhenRunning(self._begin)

    def stopService(self) -> None:
        """Beat no more; the channel stays open until the process ends."""
        super().stopService()
        if self._beats.running:
            self._beats.stop()

    def recycle(self, reason: str) -> None:
        """Ask to be replaced."""
        self._tell({"tell": "recycle", "reason": reason})

    def leave(self) -> None:
        """Drain, though the supervisor has not asked for it: it makes another worker meanwhile."""
        self._tell({"tell": "leaving"})
        self._duties.drain(True)

    def beat(self) -> None:
        """Say that the reactor turns, and whether the pool does."""
        moves, done = self._duties.pool()
        now = self._reactor.seconds()
        if moves:
            self._moved_at = now
        stalled = max(0.0, round(now - self._moved_at, 1))
        self._tell({"tell": "beat", "done": done, "stalled": stalled, "rss": _rss(), "pid": os.getpid()})

    def _begin(self) -> None:
        self._beats.start(BEAT)
        self._warm_up(lambda fault: self._tell({"tell": "warm", "fault": fault}))

    def _tell(self, words: dict[str, Any]) -> None:
        if self._channel.fileno() >= 0:
            self._channel.send(words)

    def _received(self, message: Message) -> None:
        words, duties = message.words, self._duties
        match words.get("do"):
            case "listen":
                self._listen()
            case "adopt":
                duties.adopt(words["slot"], dict(zip(words["ports"], message.descriptors, strict=True)))
                self._tell({"tell": "adopted", "slot": words["slot"]})
            case "release":
                duties.release(words["slot"])
            case "tick":
                duties.tick(words["timer"])
            case "reopen":
                duties.reopen()
            case "drain":
                duties.drain(bool(words.get("empty")))
            case "hurry":
                duties.hurry()

    def _listen(self) -> None:
        """Listen, or end: nobody would be served here, and another worker may be."""
        try:
            self._duties.listen()
        except ConfigurationError as error:
            self._tell(failure_words(error))
            self._duties.fail(error.exit_status)
        else:
            self._tell({"tell": "listening"})

    def _orphaned(self) -> None:
        """Drain: the supervisor has ended without a word."""
        _log.error("The supervisor has gone: this worker ends once it has answered what it has")
        self._duties.drain(True)


def _rss() -> int:
    """Return the resident memory in octets, what is shared with other workers included; 0 if nobody knows."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
