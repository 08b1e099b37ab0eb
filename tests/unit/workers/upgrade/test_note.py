"""What one supervisor leaves to the next: whoever it was that has written it, also another version."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.links import pair
from wsgicontainer.process import succession
from wsgicontainer.settings import Settings
from wsgicontainer.workers.crew import Crew, Told
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.upgrade import note as notes
from wsgicontainer.workers.upgrade.becoming import HELD_BACK
from wsgicontainer.workers.worker import Worker

TODAYS = Settings(wsgi="c:d", workers=3, ports=["tcp:9"])


def told() -> Told:
    return Told(bool, lambda *_: None, lambda *_: None)


@pytest.fixture
def left():
    """A generation as one supervisor has it, and how the next one gets it."""
    machine = Machine(MemoryReactorClock())
    port = HeldPort("tcp:0:interface=127.0.0.1", 10)
    crew = Crew(1, Settings(wsgi="a:b", workers=2), [port], machine, told(), {"do": "start"})
    zygote = crew.zygote
    zygote.channel, theirs = pair()
    zygote.log_channel, their_log = pair()
    ours, its = pair()
    worker = Worker(1, 0, 0.0, ours, os.memfd_create("stacks"), zygote, pid=4711, phase=Phase.SERVING)
    crew.workers[1] = worker
    note = notes.crew_note(crew, 10.0)

    def follow(**changed: Any) -> Crew:
        for channel in (zygote.channel, zygote.log_channel, ours):
            channel._socket.detach()
        note["settings"].update(changed)
        again = Crew(1, notes.settings_from(note["settings"], TODAYS), [port], machine, told(), {})
        notes.take_over(again, note)
        return again

    yield note, worker, follow
    for reader in list(machine.reactor.getReaders()):
        reader.stop()
    for channel in (zygote.channel, zygote.log_channel, ours, theirs, their_log, its):
        channel.close()
    os.close(worker.stacks)


def test_whoever_has_lost_its_zygote_is_still_looked_after(left) -> None:
    note, _, follow = left
    note["workers"][0].update(orphan=True, due="is tired")
    (again,) = follow()
    assert (again.orphan, again.due, again.pid, again.phase) == (True, "is tired", 4711, Phase.SERVING)


def test_the_note_tells_of_orphans(left) -> None:
    note, worker, _ = left
    assert note["workers"][0]["orphan"] is False
    worker.orphan, worker.due = True, "is old"
    assert notes._worker_note(worker, 0.0)["orphan"] is True
    assert notes._worker_note(worker, 0.0)["due"] == "is old"


def test_an_option_that_is_no_more_hinders_nobody(left) -> None:
    """The package itself was upgraded."""
    crew = left[2](**{"of-the-version-before": 5})
    assert crew.settings.workers == 2


def test_a_value_that_is_not_allowed_any_more_hinders_nobody(left) -> None:
    """The operator has mended it before the upgrade: today's are taken, but for the ports, which are open."""
    crew = left[2](workers="a dozen")
    assert (crew.settings.wsgi, crew.settings.workers) == (TODAYS.wsgi, 3)
    assert crew.settings.ports == Settings(wsgi="a:b").ports
    assert [worker.pid for worker in crew] == [4711]


def test_ports_that_are_not_allowed_any_more_hinder_nobody_either(left) -> None:
    crew = left[2](port=["nonsense"])
    assert crew.settings == TODAYS


def test_whoever_was_killed_is_still_waited_for(left) -> None:
    """Its zygote may be stuck, and tell no end."""
    note, worker, follow = left
    note["workers"][0].update(phase="KILLED")
    worker.zygote.machine.reactor.advance(5)
    (again,) = follow()
    assert again.leaves_at == 5


def test_a_version_that_could_not_read_the_note_says_so_before() -> None:
    succession.check_version({})
    succession.check_version({succession.CHECKING: succession.VERSION})
    with pytest.raises(ConfigurationError, match="can't take over"):
        succession.check_version({succession.CHECKING: "2"})


def test_signals_that_would_stop_the_process_wait_too() -> None:
    """TTIN and TTOU stop whoever has no handler for them."""
    assert {signal.SIGTTIN, signal.SIGTTOU, signal.SIGTERM, signal.SIGHUP} <= HELD_BACK
    assert signal.SIGCHLD not in HELD_BACK
