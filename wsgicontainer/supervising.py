"""The role of the supervisor: Settings + reactor -> one MultiService that serves nothing itself.

    signals · pid-file · leaving · workers

Runs in: supervisor, reactor thread, before the reactor runs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.forked.birth import STACKS
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.pidfile import PidFile
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.serving import OrderedService, where
from wsgicontainer.settings import Settings
from wsgicontainer.settings.securing import secured, tls_of
from wsgicontainer.workers import Supervisor
from wsgicontainer.workers.machine import Machine, adopt_orphans
from wsgicontainer.workers.supervisor import Surroundings

_log = Logger()


def supervised(
    settings: Settings, reactor: Any, reread: Callable[[], Settings], notices: Sequence[IOperatorNotices]
) -> MultiService:
    """Return the supervisor, ready to start. Raises ConfigurationError."""
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("--workers: several processes need Linux; write --workers 1")
    began_in = os.getcwd()
    if settings.chdir is not None:  # for relative names of sockets and of the pid file
        try:
            os.chdir(settings.chdir)
        except OSError as error:
            raise ConfigurationError(
                f"--chdir {settings.chdir} can't be entered ({error.strerror}); name a folder that exists"
            ) from None
    way_out = WayOut(reactor)
    ports = [HeldPort(_inside(port), settings.backlog) for port in settings.ports]

    def start_words(fresh: Settings) -> dict[str, Any]:
        return {"do": "start", "settings": fresh.as_plain(), "cwd": began_in, "preload": fresh.preload}

    def boot_failed(status: int, sentence: str, details: str) -> None:
        _tell(sentence, details)
        way_out.fail(status)

    around = Surroundings(
        machine=Machine(reactor),
        reread=reread,
        start_words=start_words,
        stacks_signal=STACKS,
        boot_failed=boot_failed,
        announce=lambda: _announce(settings, ports),
        notices=notices,
    )
    supervisor = Supervisor(settings, ports, around)
    children: list[Service] = [SignalHandlers(reactor, _signals(way_out, supervisor))]
    if settings.pid_file is not None:
        children.append(PidFile(settings.pid_file))
    container = OrderedService()
    for child in (*children, _Leaving(reactor, way_out), supervisor):
        child.setServiceParent(container)
    return container


def _inside(port: str) -> str:
    tls = secured(port)
    return port if tls is None else tls.inside


def _tell(sentence: str, details: str) -> None:
    """Tell the operator why there is no server, where a single process tells it."""
    details = details.rstrip() + "\n" if details else ""
    stream = sys.__stderr__ or sys.stderr
    stream.write(f"{details}wsgicontainer: {sentence}\n")
    stream.flush()


def _announce(settings: Settings, ports: Sequence[HeldPort]) -> None:
    for port, description in zip(ports, settings.ports, strict=True):
        secure = tls_of(description, settings.certfile, settings.keyfile) is not None
        place = where(_address(port), secure, description)
        _log.info("wsgicontainer is listening on {where}", where=place)


def _address(port: HeldPort) -> IAddress:
    name = port.sockets[0].getsockname()
    if isinstance(name, tuple):
        return (IPv6Address if len(name) > 2 else IPv4Address)("TCP", *name[:2])
    return UNIXAddress(name)


def _signals(way_out: WayOut, supervisor: Supervisor) -> dict[signal.Signals, Callable[[], object]]:
    """TERM drains; INT and QUIT, or any second one, end at once; HUP reloads; USR1 reopens logs; TTIN/TTOU: ±1."""
    asked: list[bool] = []

    def stop(hurry: bool) -> None:
        if hurry or asked:
            supervisor.hurry()
        asked.append(True)
        way_out.drain()

    return {
        signal.SIGTERM: lambda: stop(False),
        signal.SIGINT: lambda: stop(True),
        signal.SIGQUIT: lambda: stop(True),
        signal.SIGHUP: supervisor.reload,
        signal.SIGUSR1: supervisor.reopen,
        signal.SIGTTIN: lambda: supervisor.change_count(1),
        signal.SIGTTOU: lambda: supervisor.change_count(-1),
    }


class _Leaving(Service):
    """Sees to the exit status, and to orphans."""

    name = "leaving"

    def __init__(self, reactor: Any, way_out: WayOut) -> None:
        self._reactor, self._way_out = reactor, way_out

    def startService(self) -> None:
        super().startService()
        adopt_orphans()
        self._reactor.addSystemEventTrigger("after", "shutdown", self._way_out.leaving.begin)
