"""All that the supervisor sees of the machine: zygotes and workers are other ends of real channels, the rest fakes."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.links import Channel
from wsgicontainer.settings import Settings
from wsgicontainer.workers import Supervisor
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.surroundings import Surroundings

CRASH = signal.SIGSEGV


@implementer(IOperatorNotices)
class Notices:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    heard = True
    patience = 10.0

    def ready(self, text: str) -> None:
        self.told.append("ready")

    def reloading(self) -> None:
        self.told.append("reloading")

    def reloaded(self, reason: str | None = None) -> None:
        self.told.append("reloaded" if reason is None else f"failed: {reason}")

    def stopping(self, text: str) -> None:
        self.told.append("stopping")

    def status(self, text: str) -> None:
        self.told.append(text)

    def alive(self) -> None:
        if self.told[-1:] != ["alive"]:
            self.told.append("alive")


class World:
    """All that the supervisor sees of the machine; `forked` maps workers to their end of the link and process id."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.reactor = MemoryReactorClock()
        self.settings = Settings(wsgi="a:b", **{"workers": 2, **settings})
        self.notices = Notices()
        self.zygotes: dict[int, Channel] = {}
        self.logs: list[Channel] = []
        self.forked: dict[int, tuple[Channel, int]] = {}
        self.slots: dict[int, int] = {}
        self.killed: list[tuple[int, int]] = []
        self.ended: set[int] = set()
        self.fault: tuple[int, str, str] | None = None
        self.upgrades: list[Any] = []
        self._folder = folder
        self._pids = 1000
        self.parents: dict[int, int] = {}
        machine = Machine(
            self.reactor,
            lambda *words: self.spawn(*words),  # noqa: PLW0108
            lambda pid: self.wait(pid),  # noqa: PLW0108 (tests change it)
            self.kill,
            lambda known: None,
            lambda: self.memory(),  # noqa: PLW0108 (tests change it)
            lambda: 0.5,
            parent=lambda pid: self.parents.get(pid, os.getpid()),
            stacks_signal=60,
        )
        around = Surroundings(
            machine=machine,
            reread=lambda: self.reread(),  # noqa: PLW0108 (tests change it)
            start_words=lambda settings: {"do": "start", "preload": settings.preload},
            boot_failed=lambda *words: setattr(self, "fault", words),
            announce=bool,
            upgrade=lambda *words: self.upgrades.append(words),
            notices=[self.notices],
        )
        self.port = HeldPort("tcp:0:interface=127.0.0.1", 10)
        self.supervisor = Supervisor(self.settings, [self.port], around)

    def reread(self) -> Settings:
        return self.settings

    def spawn(self, link: int, log: int) -> int:
        self._pids += 1
        self.zygotes[self._pids] = Channel(socket.socket(fileno=os.dup(link)))
        self.logs.append(Channel(socket.socket(fileno=os.dup(log))))
        return self._pids

    def wait(self, pid: int) -> tuple[bool, int]:
        return pid in self.ended, 0

    def kill(self, pid: int, number: int) -> None:
        self.killed.append((pid, number))

    def memory(self) -> int:
        return os.memfd_create("stacks")

    # Steps

    def begin(self) -> None:
        self.supervisor.startService()
        for call, *words in [each[:2] for each in self.reactor.whenRunningHooks]:
            call(*words[0])

    def turn(self, seconds: float = 0.0) -> None:
        """Have the reactor read everything; then let time pass."""
        for _ in range(3):
            for reader in list(self.reactor.getReaders()):
                if reader.fileno() >= 0:
                    reader.doRead()
        while seconds > 0:
            self.reactor.advance(min(seconds, 0.25))
            seconds -= 0.25
            for reader in list(self.reactor.getReaders()):
                if reader.fileno() >= 0:
                    reader.doRead()

    def orders(self, zygote: int) -> list[dict[str, Any]]:
        """Take what a zygote was told, and do it."""
        found = []
        while (message := self.zygotes[zygote].receive()) is not None:
            found.append(message.words)
            if message.words["do"] == "fork":
                self._pids += 1
                number = message.words["worker"]
                self.forked[number] = Channel(socket.socket(fileno=message.descriptors[0])), self._pids
                self.slots[number] = message.words["slot"]
                for each in message.descriptors[1:]:
                    os.close(each)
                self.zygotes[zygote].send({"tell": "forked", "worker": number, "pid": self._pids})
        return found

    def load(self, zygote: int) -> None:
        self.orders(zygote)
        self.zygotes[zygote].send({"tell": "loaded"})
        self.turn()
        self.orders(zygote)
        self.turn()

    def tell(self, worker: int, **words: Any) -> None:
        self.forked[worker][0].send(words)
        self.turn()

    def told(self, worker: int) -> list[str]:
        found = []
        while (message := self.forked[worker][0].receive()) is not None:
            found.append(json.dumps({key: value for key, value in message.words.items() if key != "ports"}))
            for each in message.descriptors:
                os.close(each)
        return found

    def serve(self, *workers: int) -> None:
        for worker in workers:
            self.tell(worker, tell="warm", fault="")
        for worker in workers:
            self.tell(worker, tell="listening")

    def die(self, zygote: int, worker: int, status: int = CRASH) -> None:
        channel, pid = self.forked.pop(worker)
        channel.close()
        self.zygotes[zygote].send({"tell": "exited", "pid": pid, "status": status})
        self.turn()

    def phases(self) -> dict[int, Phase]:
        return {worker.number: worker.phase for crew in self.supervisor._generations for worker in crew}

    def started(self) -> int:
        """Have the first generation serve; return its zygote."""
        self.begin()
        (zygote,) = self.zygotes
        self.load(zygote)
        self.serve(*self.forked)
        return zygote

    def close(self) -> None:
        for channel in (*self.zygotes.values(), *self.logs, *(each for each, _ in self.forked.values())):
            channel.close()
        for crew in self.supervisor._generations:
            for worker in crew:
                worker.close()
            crew.zygote.close()
        for reader in list(self.reactor.getReaders()):
            reader.stop()
        self.port.close()


@pytest.fixture
def world(tmp_path):
    made: list[World] = []

    def world(**settings: Any) -> World:
        made.append(World(tmp_path, **settings))
        return made[-1]

    yield world
    for each in made:
        each.close()
