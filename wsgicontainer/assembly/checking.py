"""What --check-config does: everything that a start does, but nothing is started.

Runs in: a process that ends after it; with a new supervisor's command it is asked by the supervisor that stays.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Mapping

from twisted.logger import Logger

from wsgicontainer.assembly.becoming import account_of, enter
from wsgicontainer.assembly.ports import circumstances, endpoint_at, inside, present
from wsgicontainer.assembly.site import load_routes, load_timers
from wsgicontainer.assembly.supervisor import check_supervised, checks_for_upgrade
from wsgicontainer.endpoints import HeldPort, Passed, trying
from wsgicontainer.errors import PortError
from wsgicontainer.process import pidfile, privileges, succession
from wsgicontainer.process.identity import check_spool
from wsgicontainer.process.privileges import Account
from wsgicontainer.settings import Settings
from wsgicontainer.settings.securing import is_file
from wsgicontainer.telemetry import accesslog
from wsgicontainer.telemetry.accessline import compile_format
from wsgicontainer.wsgi.loading import make_importable

_log = Logger()
_LONGEST = 107
"""Octets in the path of a unix socket: what Linux has room for."""


def check(settings: Settings, shed: Callable[[Account], object] = privileges.shed) -> None:
    """Do everything that makeService does, but start nothing: for --check-config. Raises ConfigurationError.

    With several workers it becomes the user for good before it imports the application, as a zygote does: it may be the
    supervisor, which stays root, that has asked.
    """
    succession.check_version(os.environ)
    enter(settings)
    compile_format(settings.access_log_format)
    present(settings)
    account = account_of(settings)
    sockets = _sockets(settings)  # as who we are: the user may not read what is imported for it
    if settings.workers > 1:
        _check_ports(settings)
        check_supervised(settings)
    _try_ports(settings)
    if settings.workers > 1 and account is not None:
        shed(account)
    with privileges.acting_as(account):
        _check_places(settings, sockets)
        if account is not None:
            check_spool(account.label)
    make_importable(os.getcwd(), sys.path)
    load_routes(settings)
    load_timers(settings)
    if settings.workers == 1:
        _check_ports(settings)


def _check_ports(settings: Settings) -> None:
    from twisted.internet.testing import MemoryReactorClock

    at = circumstances(settings, MemoryReactorClock(), Passed([]))
    for port in settings.ports:
        if not checks_for_upgrade(port):
            endpoint_at(port, at)


def _try_ports(settings: Settings) -> None:
    """Say whether ports could be opened; not to a supervisor, which has them and may have given up what opened them."""
    if succession.CHECKING in os.environ:
        return
    for port in settings.ports:
        error = trying.obstacle(inside(port))
        if error is not None and error.errno != errno.EADDRINUSE:
            raise PortError(port, error)
        if error is not None:
            _log.warn(
                "--port {port} is taken: by this server, if it runs already; otherwise {mend}",
                port=port,
                mend="choose another port, or stop what listens there",
            )


def _sockets(settings: Settings) -> dict[str, str]:
    """Return where unix sockets are to be: port -> path."""
    return {port: HeldPort(inside(port), settings.backlog).path() for port in settings.ports if is_file(port)}


def _check_places(settings: Settings, sockets: Mapping[str, str]) -> None:
    """Look, without writing, whether files can be made where they are to be."""
    if settings.access_log not in (None, "-") and (error := _obstacle(settings.access_log)):
        raise accesslog.refused(settings.access_log, error)
    if settings.pid_file is not None and (error := _obstacle(settings.pid_file)):
        raise pidfile.refused(settings.pid_file, error)
    for port, path in sockets.items():
        if error := _obstacle_to_listen(path):
            raise PortError(port, error)


def _obstacle_to_listen(path: str) -> OSError | None:
    """Return what will hinder this user to have a socket there; one that is there may be a running server's."""
    if len(os.fsencode(path)) > _LONGEST:
        return OSError(None, "AF_UNIX path too long")
    if os.path.lexists(path) and not stat.S_ISSOCK(os.lstat(path).st_mode):
        return OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    return _obstacle(os.path.join(os.path.dirname(path), "new"))


def _obstacle(path: str) -> OSError | None:
    """Return what will hinder this user to write a file; None if nothing does, or only a start can tell (a pipe)."""
    folder = os.path.dirname(os.path.abspath(path))
    code = 0
    if os.path.isdir(path):
        code = errno.EISDIR
    elif os.path.isfile(path):
        code = 0 if os.access(path, os.W_OK) else errno.EACCES
    elif not os.path.isdir(folder):
        code = errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT
    elif not os.path.exists(path) and not os.access(folder, os.W_OK | os.X_OK):
        code = errno.EACCES
    return OSError(code, os.strerror(code)) if code else None
