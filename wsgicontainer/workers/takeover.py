"""A new supervisor in the same process: what it needs of the old one goes through exec(), as descriptors and a note.

The process id stays, and with it the parent's, systemd's or the container's knowledge of us; no socket is ever closed.
The note lies in a file in memory; one environment variable names its descriptor and is removed at once.
Runs in: supervisor.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.links import Channel
from wsgicontainer.process import succession
from wsgicontainer.process.signals import HELD
from wsgicontainer.settings import Settings
from wsgicontainer.settings.table import FIELDS
from wsgicontainer.workers.crew import Crew, Told
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.worker import Worker

HELD_BACK = HELD - {signal.SIGCHLD}
"""Signals that wait until the new supervisor can take them."""
_MOST_TOLD = 20_000

# Writing ----------------------------------------------------------------------------------


def port_note(port: HeldPort) -> dict[str, Any]:
    """Write down a port."""
    return {
        "description": port.description,
        "backlog": port.backlog,
        "shared": port.shared,
        "sockets": [each.fileno() for each in port.sockets],
    }


def crew_note(crew: Crew, now: float) -> dict[str, Any]:
    """Write down a generation."""
    assert crew.channel is not None and crew.log_channel is not None
    return {
        "number": crew.number,
        "settings": crew.settings.as_plain(),
        "start": crew.start_words,
        "zygote": crew.zygote,
        "link": crew.channel.fileno(),
        "log": crew.log_channel.fileno(),
        "workers": [_worker_note(worker, now) for worker in crew if worker.channel.fileno() >= 0],
    }


def _worker_note(worker: Worker, now: float) -> dict[str, Any]:
    return {
        "number": worker.number,
        "slot": worker.slot,
        "pid": worker.pid,
        "phase": worker.phase.name,
        "orphan": worker.orphan,
        "due": worker.due,
        "served": now - worker.serving_since,
        "link": worker.channel.fileno(),
        "stacks": worker.stacks,
        "adopted": sorted(worker.adopted),
    }


def leave_note(
    note: dict[str, Any], descriptors: Iterable[int], environ: MutableMapping[str, str], below_init: bool
) -> None:
    """Write the note, and have the descriptors survive an exec()."""
    memory = os.memfd_create("takeover", 0)
    os.write(memory, json.dumps({**note, "version": succession.VERSION, "pid": os.getpid()}).encode())
    for descriptor in (memory, *descriptors):
        os.set_inheritable(descriptor, True)
    environ[succession.VARIABLE] = succession.written(memory, below_init)


def descriptors_of(note: dict[str, Any]) -> list[int]:
    """List all descriptors that a note names."""
    found = [each for port in note["ports"] for each in port["sockets"]]
    for crew in note["crews"]:
        found += [crew["link"], crew["log"]]
        for worker in crew["workers"]:
            found += [worker["link"], worker["stacks"]]
    return found


def take_back(descriptors: Iterable[int], environ: MutableMapping[str, str]) -> None:
    """Undo `leave_note`: the exec() has failed."""
    memory = succession.note_of(environ)
    del environ[succession.VARIABLE]
    if memory is not None:
        os.close(memory)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)


# Reading ----------------------------------------------------------------------------------


def find_note(environ: MutableMapping[str, str]) -> dict[str, Any] | None:
    """Return the note that was left for this process, if there is one; nobody else will find it."""
    memory = succession.note_of(environ)
    environ.pop(succession.VARIABLE, None)
    if memory is None:
        return None
    try:
        with open(memory, "rb") as file:
            file.seek(0)
            note = json.load(file)
    except (OSError, ValueError):
        return None
    if not isinstance(note, dict) or note.get("pid") != os.getpid() or note.get("version") != succession.VERSION:
        return None
    for descriptor in descriptors_of(note):
        os.set_inheritable(descriptor, False)
    return note


def port_from(note: dict[str, Any], acting: Callable[[], AbstractContextManager[object]]) -> HeldPort:
    """Take over a port; `acting` is as whom its file is removed in the end."""
    port = HeldPort(note["description"], note["backlog"], shared=note["shared"], acting=acting)
    port.sockets = [socket.socket(fileno=each) for each in note["sockets"]]
    port.remove_path_later()
    return port


def crew_from(note: dict[str, Any], ports: list[HeldPort], machine: Machine, told: Told, stacks: int) -> Crew:
    """Take over a generation, and read what its processes say."""
    settings = _settings_from(note["settings"])
    crew = Crew(note["number"], settings, ports, machine, told, note["start"], stacks)
    crew.loaded = crew.proven = crew.open = True
    crew.zygote = note["zygote"]
    crew.channel, crew.log_channel = _channel(note["link"]), _channel(note["log"])
    now = machine.reactor.seconds()
    for each in note["workers"]:
        worker = Worker(each["number"], each["slot"], now, _channel(each["link"]), each["stacks"])
        worker.lifetime, worker.orphan, worker.due = crew.lifetime(), each["orphan"], each["due"]
        worker.pid, worker.phase, worker.beat_at = each["pid"], Phase[each["phase"]], now
        worker.serving_since, worker.adopted = now - each["served"], set(each["adopted"])
        if worker.phase is Phase.DRAINING:
            worker.leaves_at = now + settings.graceful_timeout
        crew.workers[worker.number] = worker
        crew.listen_to(worker)
    crew.listen_to_zygote()
    return crew


def _channel(descriptor: int) -> Channel:
    return Channel(socket.socket(fileno=descriptor), takes_descriptors=False)


def _settings_from(plain: dict[str, Any]) -> Settings:
    """Read settings that another version has written: what has no name here means nothing."""
    known = {option.name for option in FIELDS}
    return Settings.from_plain({name: value for name, value in plain.items() if name in known})


# Checking ----------------------------------------------------------------------------------


class Check(ProcessProtocol):
    """Runs `--check-config` with what is installed now; `done(fault)` gets "" if all is well."""

    transport: Any

    def __init__(self, reactor: Any, seconds: float, done: Any) -> None:
        """Give it so many seconds."""
        self._reactor, self._seconds, self._done = reactor, seconds, done
        self._told = b""
        self._clock: Any = None
        self._trigger: Any = None

    def connectionMade(self) -> None:
        """Begin to count; a server that ends does not leave it behind."""
        self._clock = self._reactor.callLater(self._seconds, self._too_long)
        self._trigger = self._reactor.addSystemEventTrigger("during", "shutdown", self._kill)

    def errReceived(self, data: bytes) -> None:
        """Keep what it complains of."""
        self._told = (self._told + data)[-_MOST_TOLD:]

    def processEnded(self, reason: Failure) -> None:
        """Tell how it went."""
        if self._clock is not None and self._clock.active():
            self._clock.cancel()
        if self._trigger is not None:
            self._reactor.removeSystemEventTrigger(self._trigger)
        if not reason.check(ProcessTerminated):
            self._done("")
            return
        lines = self._told.decode(errors="replace").strip().splitlines()
        self._done(lines[-1] if lines else f"--check-config {reason.getErrorMessage()}")

    def _too_long(self) -> None:
        self._told = f"--check-config took longer than {self._seconds:g} s".encode()
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")
