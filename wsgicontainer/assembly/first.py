"""The process that somebody starts: it serves by itself, or with several workers supervises those that do.

    watchdog · signals · identity · pid-file · the core · notices

Runs in: reactor thread, before the reactor runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve
from twisted.application.service import MultiService, Service
from twisted.logger import Logger

from wsgicontainer.assembly.becoming import account_of, enter, steps_of
from wsgicontainer.assembly.core import Core, Prepared, core_of
from wsgicontainer.assembly.ports import circumstances, endpoint_at, present
from wsgicontainer.assembly.signals import signals_of_single
from wsgicontainer.assembly.supervisor import Identified, supervised
from wsgicontainer.endpoints import Circumstances, passed_sockets
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.process import privileges, succession
from wsgicontainer.process.identity import Identity
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.notify import notices_from
from wsgicontainer.process.pidfile import PidFile
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.serving import OrderedService, Telling, Watchdog
from wsgicontainer.settings import Settings
from wsgicontainer.settings.securing import is_file
from wsgicontainer.settings.table import without_effect
from wsgicontainer.tls.ports import Presented
from wsgicontainer.wsgi.loading import make_importable

_log = Logger()


def makeService(
    settings: Settings,
    reactor: Any,
    reread: Callable[[], Settings] | None = None,
    notices: Sequence[IOperatorNotices] = (),
) -> MultiService:
    """Return the server, ready to start: a MultiService with named children.

    Imports the application, unless workers do, but listens nowhere and starts no thread or process. `reread` reads the
    options anew at a reload, and `notices` are told how all the workers are. Raises ConfigurationError, and its kind
    LoadError if the application does not import.
    """
    if settings.workers > 1 or succession.note_of(os.environ) is not None:
        account = account_of(settings)  # workers'; this process keeps what it may
        steps = steps_of(evolve(settings, user=None, group=None), None)
        identity = Identified(steps, lambda: privileges.acting_as(account))
        return supervised(settings, reactor, reread or (lambda: settings), notices, identity)
    return _single(settings, reactor)


def _single(settings: Settings, reactor: Any) -> MultiService:
    vain = without_effect(settings)
    if vain:
        _log.warn("{options}: without effect with --workers 1", options=", ".join(vain))
    pids = [os.getpid(), *([os.getppid()] if settings.init else [])]  # whom systemd has started may be init now
    operator, passed = notices_from(os.environ), passed_sockets(os.environ, pids)
    enter(settings)
    way_out = WayOut(reactor)
    presented = present(settings)
    make_importable(os.getcwd(), sys.path)
    core = core_of(Prepared(settings, presented), reactor, way_out, way_out.replace)
    _listen(core, circumstances(settings, reactor, passed))
    signals = signals_of_single(way_out, core.web, core.reopen, lambda: _reload(operator, core))
    children = [SignalHandlers(reactor, signals), *_identity(settings, presented), *core.children(reactor)]
    return OrderedService(_told(children, operator, reactor, core))


def _listen(core: Core, at: Circumstances) -> None:
    """Have the ports listened on, once the service starts; unix sockets as whom the process has become."""
    stays = account_of(core.settings) is None
    for port in core.settings.ports:
        core.web.add(core.listener(port, endpoint_at(port, at), early=stays or not is_file(port)))


def _identity(settings: Settings, presented: Presented | None) -> list[Service]:
    """Return the services that make the process what it is to be, and say which it is."""
    services: list[Service] = []
    steps = steps_of(settings, presented)
    if steps:
        services.append(Identity(steps))
    if settings.pid_file is not None:
        services.append(PidFile(settings.pid_file, account_of(settings) is None))
    return services


def _told(children: list[Service], notices: IOperatorNotices, reactor: Any, core: Core) -> list[Service]:
    """Return the services, and around them those that tell of them."""
    watchdog = [Watchdog(reactor, notices, core.threads.moving)] if notices.patience is not None else []
    telling = [Telling(reactor, notices, core.described)] if notices.heard else []
    return [*watchdog, *children, *telling]


def _reload(notices: IOperatorNotices, core: Core) -> None:
    """Take over all that has changed and does not need a new process: the log's file, certificates."""
    notices.reloading()
    core.reopen()
    if core.presented is not None:
        core.presented.look()
    notices.reloaded()
