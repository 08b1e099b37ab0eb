"""What the supervisor takes from the machine: processes, signals, memory files, chance; all handed in."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.process import reapProcessHandlers

from wsgicontainer.process.signals import HELD

_SCRIPT = "import sys;sys.path[:]=sys.argv[1:];del sys.argv[1:];from wsgicontainer.worker import main;main()"
"""The zygote's whole command: its path is ours, also where that is not the interpreter's own (a pex, a zip). Nothing is
imported before: Python would look into the working directory first, which may be the application's."""


def spawn_zygote(link: int, log: int) -> int:
    """Start a zygote whose link is descriptor 3 and whose log is 4; return its process id. Raises OSError."""
    flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 (as multiprocessing)
    command = [sys.executable, *flags, "-c", _SCRIPT, *map(os.fspath, sys.path)]
    link, log = os.dup(link), os.dup(log)  # so that neither is 3 or 4 already, the wrong way round
    try:
        moves = [(os.POSIX_SPAWN_DUP2, _above(link), 3), (os.POSIX_SPAWN_DUP2, _above(log), 4)]
        return os.posix_spawn(sys.executable, command, os.environ, file_actions=moves, setsigmask=HELD)
    finally:
        os.close(link)
        os.close(log)


def _above(descriptor: int) -> int:
    """Say that it is above 4: the listening sockets are opened before any link."""
    assert descriptor > 4
    return descriptor


def wait_for(pid: int) -> tuple[bool, int]:
    """Say whether a process has ended, and its wait status; one that is not our child is asked by signal 0."""
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        try:
            os.kill(pid, 0)
        except OSError:
            return True, 0
        return False, 0
    return bool(ended), status


def send_signal(pid: int, number: int) -> None:
    """Signal a process, if it is still there."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def parent_of(pid: int) -> int:
    """Return the process id of a process's parent, 0 if nobody knows."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def memory_file() -> int:
    """Open a file in memory, for a worker's stacks."""
    return os.memfd_create("stacks", os.MFD_CLOEXEC)


def reap_strangers(known: Collection[int]) -> None:
    """Wait for children that nobody else waits for: what workers have left behind, and this process has adopted."""
    ours = {*known, *reapProcessHandlers}
    with suppress(OSError):
        for word in Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text("ascii").split():
            if int(word) not in ours:
                with suppress(ChildProcessError):
                    os.waitpid(int(word), os.WNOHANG)


def ending(status: int) -> str:
    """Say how a process has ended, from its wait status."""
    if os.WIFSIGNALED(status):
        try:
            name = signal.Signals(os.WTERMSIG(status)).name
        except ValueError:
            name = f"signal {os.WTERMSIG(status)}"
        return f"was killed by {name}"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"


@frozen
class Machine:
    """The effects."""

    reactor: Any
    spawn: Callable[[int, int], int] = spawn_zygote
    wait: Callable[[int], tuple[bool, int]] = wait_for
    kill: Callable[[int, int], None] = send_signal
    reap: Callable[[Collection[int]], None] = reap_strangers
    memory: Callable[[], int] = memory_file
    chance: Callable[[], float] = random.random
    execute: Callable[[str, list[str]], object] = os.execv
    parent: Callable[[int], int] = parent_of
    getpid: Callable[[], int] = os.getpid
    stacks_signal: int = 0
    """On which a worker writes its threads' stacks; 0: none."""
