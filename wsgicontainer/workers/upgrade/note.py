"""What a new supervisor in the same process needs of the old one: it goes through exec(), as descriptors and a note.

The process id stays, and with it the parent's, systemd's or the container's knowledge of us; no socket is ever closed.
The note lies in a file in memory; one environment variable names its descriptor and is removed at once.
Runs in: supervisor.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterable, MutableMapping
from contextlib import AbstractContextManager, suppress
from typing import Any

from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.links import Channel
from wsgicontainer.process import succession
from wsgicontainer.settings import Settings
from wsgicontainer.settings.table import FIELDS
from wsgicontainer.workers.changes import FIXED
from wsgicontainer.workers.crew import Crew
from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.places import Places
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.surroundings import Note
from wsgicontainer.workers.worker import Worker

_log = Logger()

# Writing ----------------------------------------------------------------------------------


def note_of(generations: Generations, places: Places, numbers: int, now: float) -> Note:
    """Write all down; `numbers` is the last worker's."""
    kept = [crew for crew in generations if crew.zygote.loaded]
    return {
        "count": places.count,
        "slots": places.slots,
        "numbers": numbers,
        "generations": generations.number,
        "zygotes": list(generations.last_zygotes),
        "ports": [_port_note(port) for port in places.ports],
        "crews": [crew_note(crew, now) for crew in kept],
    }


def _port_note(port: HeldPort) -> dict[str, Any]:
    """Write down a port."""
    return {
        "description": port.description,
        "backlog": port.backlog,
        "shared": port.shared,
        "sockets": [each.fileno() for each in port.sockets],
    }


def crew_note(crew: Crew, now: float) -> dict[str, Any]:
    """Write down a generation."""
    zygote = crew.zygote
    assert zygote.channel is not None and zygote.log_channel is not None
    return {
        "number": crew.number,
        "settings": crew.settings.as_plain(),
        "start": zygote.start_words,
        "zygote": zygote.pid,
        "link": zygote.channel.fileno(),
        "log": zygote.log_channel.fileno(),
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
        "kept": worker.kept,
    }


def leave_note(note: Note, descriptors: Iterable[int], environ: MutableMapping[str, str], below_init: bool) -> None:
    """Write the note, and have the descriptors survive an exec()."""
    memory = os.memfd_create("takeover", 0)
    os.write(memory, json.dumps({**note, "version": succession.VERSION, "pid": os.getpid()}).encode())
    for descriptor in (memory, *descriptors):
        os.set_inheritable(descriptor, True)
    environ[succession.VARIABLE] = succession.written(memory, below_init)


def descriptors_of(note: Note) -> list[int]:
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
    environ.pop(succession.VARIABLE, None)
    if memory is not None:
        os.close(memory)
    for descriptor in descriptors:
        with suppress(OSError):  # it may be what could not be handed over
            os.set_inheritable(descriptor, False)


# Reading ----------------------------------------------------------------------------------


def find_note(environ: MutableMapping[str, str]) -> Note | None:
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


def resume(note: Note, generations: Generations, places: Places) -> None:
    """Go on where the supervisor before has stopped, and read what its workers and zygotes say."""
    places.count, places.slots, generations.number = note["count"], note["slots"], note["generations"]
    fresh = generations.settings
    for pid in note["zygotes"]:
        generations.last_zygotes.expect(int(pid))
    for each in note["crews"]:
        crew = generations.make(each["number"], settings_from(each["settings"], fresh))
        take_over(crew, each)
        if generations.current is None:
            generations.current, generations.settings = crew, crew.settings
        else:
            generations.leaving.append(crew)


def take_over(crew: Crew, note: dict[str, Any]) -> None:
    """Take over a generation's processes."""
    zygote = crew.zygote
    crew.open = zygote.loaded = zygote.proven = True
    zygote.start_words, zygote.pid = note["start"], note["zygote"]
    zygote.channel, zygote.log_channel = _channel(note["link"]), _channel(note["log"])
    now = crew.machine.reactor.seconds()
    for each in note["workers"]:
        worker = Worker(each["number"], each["slot"], now, _channel(each["link"]), each["stacks"], zygote)
        worker.lifetime, worker.orphan, worker.due = crew.lifetime(), each["orphan"], each["due"]
        worker.pid, worker.phase, worker.beat_at = each["pid"], Phase[each["phase"]], now
        worker.serving_since, worker.adopted = now - each["served"], set(each["adopted"])
        worker.kept = each.get("kept", [])
        if worker.phase in (Phase.DRAINING, Phase.KILLED):
            worker.leaves_at = now + (crew.settings.graceful_timeout if worker.phase is Phase.DRAINING else 0.0)
        crew.workers[worker.number] = worker
        crew.listen_to(worker)
    zygote.listen()


def _channel(descriptor: int) -> Channel:
    return Channel(socket.socket(fileno=descriptor), takes_descriptors=False)


def settings_from(plain: dict[str, Any], fresh: Settings) -> Settings:
    """Read settings that another version has written: what has no name here means nothing.

    What is not allowed here any more must not keep us from the workers: then all but what can't change is `fresh`.
    """
    known = {option.name: plain[option.name] for option in FIELDS if option.name in plain}
    try:
        return Settings.from_plain(known)
    except ConfigurationError as error:
        _log.warn("The settings of those who serve can't be read ({reason}): today's are taken", reason=str(error))
    fixed = {option.name for option in FIELDS if option.attribute in FIXED}
    ours = {name: value for name, value in fresh.as_plain().items() if name not in fixed}
    with suppress(ConfigurationError):
        return Settings.from_plain({**ours, **{name: value for name, value in known.items() if name in fixed}})
    return fresh
