"""An upgrade that fails at its last step leaves everything as it was."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from wsgicontainer.process import succession
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.upgrade.becoming import HELD_BACK, Becoming
from wsgicontainer.workers.upgrade.command import Command

NOTE: dict[str, Any] = {"ports": [], "crews": []}


@pytest.fixture
def fail(tmp_path, monkeypatch):
    """Fail to execute; `seen` looks around at that moment."""
    monkeypatch.chdir(tmp_path)

    def fail(seen: Any, began_in: Path = tmp_path, note: dict[str, Any] = NOTE) -> str:
        def execute(_path: str, _words: list[str]) -> None:
            seen()
            raise OSError(7, "Argument list too long")

        machine = Machine(MemoryReactorClock(), execute=execute)
        becoming = Becoming(machine, str(began_in), {"NOTIFY_SOCKET": "/run/notify"}, False)
        signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
        return becoming._go(Command(("/nowhere/twistd",), pid_file="twistd.pid"), lambda: note)

    return fail


def test_a_pid_file_of_twistd_is_there_again(fail, tmp_path) -> None:
    """It has to go before: the next twistd would take us for another one."""
    file = tmp_path / "twistd.pid"
    file.write_text("4711")
    there: list[bool] = []
    assert fail(lambda: there.append(file.exists())) == "/nowhere/twistd can't be executed (Argument list too long)"
    assert there == [False]
    assert file.read_text() == "4711"


def test_none_is_made_where_there_was_none(fail, tmp_path) -> None:
    fail(bool)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("began_in", [Path("."), Path("/nowhere")])
def test_signals_are_heard_again_and_the_environment_is_as_before(fail, began_in) -> None:
    """Also if the folder in which the server was started is gone."""
    before, working = dict(os.environ), os.getcwd()
    assert "can't be executed" in fail(bool, began_in)
    assert dict(os.environ) == before
    assert succession.VARIABLE not in os.environ
    assert os.getcwd() == working
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & HELD_BACK


def test_the_folder_where_the_server_stands_may_be_deleted(fail, tmp_path, monkeypatch) -> None:
    """Somebody has put a new release in its place: signals are heard all the same, and the upgrade is tried."""
    release = tmp_path / "release"
    release.mkdir()
    monkeypatch.chdir(release)
    there = os.stat(".").st_ino
    release.rmdir()
    stood: list[str] = []
    assert "Argument list too long" in fail(lambda: stood.append(os.getcwd()))
    assert stood == [str(tmp_path)]
    assert os.stat(".").st_ino == there
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & HELD_BACK


@pytest.mark.parametrize("note", [{"ports": [{"sockets": [-1]}], "crews": []}, {}])
def test_what_can_not_be_handed_over_leaves_a_server_that_ends_on_a_signal(fail, note) -> None:
    """A descriptor that is none, a mistake of ours: everything goes on as before."""
    before = dict(os.environ)
    assert fail(bool, note=note)
    assert dict(os.environ) == before
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & HELD_BACK
