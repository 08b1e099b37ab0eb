"""Puts a new supervisor in the place of this one: first asks it whether it would start, then becomes it, by exec().

Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from twisted.logger import Logger

from wsgicontainer.process import succession
from wsgicontainer.process.signals import HELD
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.surroundings import Note
from wsgicontainer.workers.upgrade import note as notes
from wsgicontainer.workers.upgrade.check import Check
from wsgicontainer.workers.upgrade.command import Command, command_from

_log = Logger()
HELD_BACK = HELD - {signal.SIGCHLD}
"""Signals that wait until the new supervisor can take them."""


class Becoming:
    """The step from one to the next."""

    def __init__(self, machine: Machine, began_in: str, systemds: Mapping[str, str], below_init: bool) -> None:
        """Have the next one begin in the same folder, and find systemd's variables."""
        self._machine, self._began_in, self._began_as = machine, began_in, os.getpid()
        self._systemds, self._below_init = systemds, below_init

    def begin(self, note: Callable[[], Note | None], patience: float, failed: Callable[[str], object]) -> None:
        """Check, and if all is well never return; else call `failed(reason)`.

        `note()` returns what the next supervisor has to know; None if nobody can take over now.
        """
        if os.getpid() != self._began_as:
            failed("a daemon of twistd can't be upgraded; run twistd --nodaemon, twist or wsgicontainer")
            return
        command = command_from(sys.orig_argv, os.environ, shutil.which)

        def checked(fault: str) -> None:
            if fault:
                failed(fault)
                return
            signal.pthread_sigmask(signal.SIG_BLOCK, HELD_BACK)
            # In the next turn: what signals have asked for before is done first.
            self._machine.reactor.callLater(0, lambda: failed(self._go(command, note)))

        words = command.check()
        environ = {**os.environ, succession.CHECKING: succession.VERSION}
        check = Check(self._machine.reactor, patience, checked)
        try:
            with _standing_in(self._began_in):  # Twisted looks where we are, and can't if that is no more
                self._machine.reactor.spawnProcess(check, words[0], words, environ, self._began_in)
        except OSError as error:
            failed(f"{words[0]} can't be started in {self._began_in} ({error.strerror})")

    def _go(self, command: Command, note: Callable[[], Note | None]) -> str:
        """Return only if it failed, with the reason: "" if nothing can be taken over now. Signals are held back."""
        try:
            left = note()
            return "" if left is None else self._become(command, left)
        except Exception as error:  # noqa: BLE001 (otherwise no signal would ever be heard again)
            _log.failure("The upgrade failed")
            return f"{type(error).__name__}: {error}"
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)

    def _become(self, command: Command, note: Note) -> str:
        """Return only if it failed, with the reason."""
        descriptors, reason = notes.descriptors_of(note), "nothing was executed"
        try:
            notes.leave_note(note, descriptors, os.environ, self._below_init)
            os.environ.update(self._systemds)
            with _standing_in(self._began_in), _set_aside(command.pid_file):
                self._execute(command)
        except OSError as error:
            reason = f"{command.words[0]} can't be executed ({error.strerror})"
        finally:
            notes.take_back(descriptors, os.environ)
            for name in self._systemds:
                os.environ.pop(name, None)
        return reason

    def _execute(self, command: Command) -> None:
        with suppress(OSError):  # nobody may read what we print
            sys.stdout.flush()
            sys.stderr.flush()
        self._machine.execute(command.words[0], list(command.words))


@contextmanager
def _standing_in(folder: str) -> Iterator[None]:
    """Be in a folder for a while; the one before, where we go back to, may have been deleted. Raises OSError."""
    before = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)


@contextmanager
def _set_aside(pid_file: str) -> Iterator[None]:
    """Remove the file that would keep a second twistd from starting, for a while. Raises OSError."""
    path, octets = Path(pid_file), None
    with suppress(OSError):  # there is none
        octets = path.read_bytes()
        path.unlink()
    try:
        yield
    finally:
        if octets is not None:
            path.write_bytes(octets)
