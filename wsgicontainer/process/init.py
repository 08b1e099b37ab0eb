"""PID 1: divides the process into an init, which is the parent, and the server, its child.

In a container whoever is started first has to reap every orphan, and gets no signal that it has not asked for. A server
can't do the first: waiting for any child would steal the exit statuses of the application's own. So the process forks
before it has threads; the parent is an init and nothing else, see `reaping`, and never returns from `divide`.

It keeps no descriptor but the standard ones: neither the reactor's, installed but not running, nor listening sockets.
The upgrade of a running server below it has to keep the server's process id: when that one ends, so does init.
Runs in: the main thread, with no other.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterable, MutableMapping
from contextlib import suppress
from typing import NoReturn

from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.process import prctl, reaping

FIRST = 1
"""The process id of whoever has to be init."""
_PIDS = ("LISTEN_PID", "WATCHDOG_PID", "SYSTEMD_EXEC_PID")
"""Variables with which systemd says whom it means."""
_DESCRIPTORS = 4096
"""Closed where /proc does not list the open ones."""


def is_needed(asked: bool, pid: int) -> bool:
    """Tell whether a process has to divide itself: it is the first one, or the operator wants it so."""
    return asked or pid == FIRST


def divide() -> int:
    """Fork; return init's process id in the child, which is the server from here on. The parent ends as the child does.

    Raises ConfigurationError where there is no such thing, BootError if the system has no room for one more process.
    """
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("--init needs Linux; leave it out")
    init = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if it is ignored, and that is inherited, no child has a status
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD, *reaping.PASSED_ON})
    try:
        server = os.fork()
    except OSError as error:
        raise BootError(
            f"--init: the system allows no more process ({error.strerror}); raise its limit (ulimit -u, pids.max)"
        ) from None
    if server:
        _be_init(init, server)
    follow(init)
    rename(os.environ, init, os.getpid())
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return init


def follow(init: int) -> None:
    """End, by draining, when init does; to be said again whenever user or group have changed."""
    prctl.end_with_parent(signal.SIGTERM)
    if os.getppid() != init:  # it has ended just before
        os.kill(os.getpid(), signal.SIGTERM)


def rename(environ: MutableMapping[str, str], before: int, after: int) -> None:
    """Let what systemd says to one process be said to another: socket activation and the watchdog's period."""
    for name in _PIDS:
        if environ.get(name) == str(before):
            environ[name] = str(after)


def _be_init(pid: int, server: int) -> NoReturn:
    status = 1
    try:
        if pid != FIRST:
            prctl.adopt_orphans()
        _close(_open_descriptors())
        _become_small(server)
        status = reaping.main(server)
    except BaseException:  # noqa: BLE001 (whatever it is: the server's code must not run here)
        traceback.print_exc()
    finally:
        os._exit(status)


def _become_small(server: int) -> None:
    """Run init's few lines without the server's code around them, where there is an interpreter and a file of them."""
    if sys.executable and not hasattr(sys, "frozen"):
        with suppress(OSError):
            program = os.path.abspath(reaping.__file__)
            if os.path.isfile(program):
                os.execv(sys.executable, [sys.executable, "-I", "-S", program, str(server)])  # noqa: S606 (that is it)


def _open_descriptors() -> Iterable[int]:
    try:
        return [int(name) for name in os.listdir("/proc/self/fd")]
    except OSError:
        return range(_DESCRIPTORS)


def _close(descriptors: Iterable[int]) -> None:
    for number in descriptors:
        if number > 2:
            with suppress(OSError):
                os.close(number)
