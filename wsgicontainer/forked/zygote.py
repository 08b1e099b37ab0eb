"""The zygote: a process without a reactor that prepares what all workers of one code generation share, then only forks.

Told by messages of the supervisor: `start` (settings), then `fork` for each worker, its descriptors beside it. Tells
`loaded` or `failed`, `forked`, and how its children end. It ends with the supervisor's side of the channel. In the
child `serve` returns the order, and the door runs it: so no frame of the zygote's loop is left in a worker.
Runs in: zygote; single thread, or it would not fork.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from attrs import frozen
from twisted.logger import Logger

from wsgicontainer.errors import ConfigurationError, LoadError
from wsgicontainer.forked import birth
from wsgicontainer.links import Channel, Closed, Message

_log = Logger()


@frozen
class Order:
    """What a new worker is to be."""

    words: dict[str, Any]
    descriptors: tuple[int, ...]
    """Its link, where its stacks go, then one listening socket for each port."""
    prepared: Any


def failure_words(error: ConfigurationError) -> dict[str, Any]:
    """Return the message that tells what the operator has to mend."""
    details = error.details if isinstance(error, LoadError) else ""
    return {
        "tell": "failed",
        "status": error.exit_status,
        "sentence": str(error)[:10_000],
        "details": details[-10_000:],
    }


class Zygote:
    """One code generation's parent of workers."""

    def __init__(self, channel: Channel, prepare: Callable[[dict[str, Any]], Any], fork: Callable[[], int]) -> None:
        """`prepare(words)` makes what workers share of the words of `start`; it may raise ConfigurationError."""
        self._channel, self._prepare, self._fork = channel, prepare, fork
        self._prepared: Any = None
        self._children: set[int] = set()

    def serve(self) -> Order | None:
        """Do what the supervisor says until it ends; in a child, return what that is to be."""
        near, far = socket.socketpair()
        for each in (near, far):
            each.setblocking(False)
        signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        birth.pass_all_over()
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(near, select.POLLIN)
        order = None
        while order is None:
            poll.poll()
            with suppress(BlockingIOError):
                near.recv(4096)
            self._reap()
            try:
                order = self._obey()
            except Closed:
                break
        near.close()
        far.close()
        self._channel.close()
        return order

    def _obey(self) -> Order | None:
        while (message := self._channel.receive()) is not None:
            order = self._do(message)
            if order is not None:
                return order
        return None

    def _do(self, message: Message) -> Order | None:
        if message.words.get("do") == "start":
            self._start(message.words)
        elif message.words.get("do") == "fork":
            return self._fork_worker(message)
        return None

    def _start(self, words: dict[str, Any]) -> None:
        try:
            self._prepared = self._prepare(words)
        except ConfigurationError as error:
            self._tell(failure_words(error))
            return
        obstacle = self._obstacle()
        if obstacle:
            self._tell({"tell": "unforkable", "reason": obstacle})
            return
        # What is loaded stays, and no collection may write to the pages that workers share.
        gc.collect()
        gc.freeze()
        self._tell({"tell": "loaded"})

    def _obstacle(self) -> str:
        """Say why this process must not fork, if it must not."""
        if "twisted.internet.reactor" in sys.modules:
            return "imports Twisted's reactor"
        count = max(threading.active_count(), _threads()) - 1
        return f"starts {count} thread{'s' if count > 1 else ''}" if count else ""

    def _fork_worker(self, message: Message) -> Order | None:
        birth.hold_signals()
        zygote = os.getpid()
        try:
            pid = self._fork()
        except OSError as error:
            birth.let_signals_come()
            self._tell({"tell": "unborn", "worker": message.words["worker"], "reason": str(error.strerror)})
            pid = -1
        if pid == 0:
            birth.set_right(message.descriptors[1], zygote)
            return Order(message.words, message.descriptors, self._prepared)
        for descriptor in message.descriptors:
            os.close(descriptor)
        if pid > 0:
            self._children.add(pid)
            self._tell({"tell": "forked", "worker": message.words["worker"], "pid": pid})
            birth.let_signals_come()
        return None

    def _reap(self) -> None:
        """Tell which children have ended; only ours, as an application that was imported may have started others."""
        for pid in list(self._children):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                self._children.discard(pid)
                self._tell({"tell": "exited", "pid": pid, "status": status})

    def _tell(self, words: dict[str, Any]) -> None:
        self._channel.send(words, patience=5)


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1
