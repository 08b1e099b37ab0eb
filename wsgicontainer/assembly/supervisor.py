"""The role of the supervisor: Settings + reactor -> one MultiService that serves nothing itself.

    signals · identity · pid-file · leaving · workers

Runs in: supervisor, reactor thread, before the reactor runs.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger

from wsgicontainer.assembly.becoming import enter_folder
from wsgicontainer.assembly.ports import inside
from wsgicontainer.assembly.signals import Signals, signals_to_end
from wsgicontainer.endpoints import HeldPort, Passed, inherited, passed_sockets
from wsgicontainer.errors import ConfigurationError
from wsgicontainer.forked.birth import STACKS
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.process import prctl, succession
from wsgicontainer.process.descriptors import raise_descriptor_limit
from wsgicontainer.process.identity import Identity
from wsgicontainer.process.leaving import WayOut
from wsgicontainer.process.notify import notices_from
from wsgicontainer.process.pidfile import PidFile
from wsgicontainer.process.signals import SignalHandlers
from wsgicontainer.serving import OrderedService, where
from wsgicontainer.settings import Settings
from wsgicontainer.settings.securing import tls_of
from wsgicontainer.workers import Supervisor
from wsgicontainer.workers.machine import Machine
from wsgicontainer.workers.surroundings import Surroundings
from wsgicontainer.workers.upgrade import note as notes
from wsgicontainer.workers.upgrade.becoming import HELD_BACK, Becoming

_log = Logger()
_SYSTEMDS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
"""What systemd has said of itself: the next supervisor has to find it, too."""


@frozen
class Identified:
    """What the process is to become once its ports are open."""

    steps: Sequence[Callable[[], object]] = ()
    acting: Callable[[], AbstractContextManager[object]] = nullcontext
    """As whom it makes and removes files: unix sockets, the pid file."""


def supervised(
    settings: Settings,
    reactor: Any,
    reread: Callable[[], Settings],
    listeners: Sequence[IOperatorNotices],
    identity: Identified,
) -> MultiService:
    """Return the supervisor, ready to start. Raises ConfigurationError."""
    _need_linux()
    systemds = {name: os.environ[name] for name in _SYSTEMDS if name in os.environ}
    pids = [os.getpid(), *([os.getppid()] if settings.init else [])]  # whom systemd has started may be init now
    raise_descriptor_limit(_descriptors(settings))
    operator, passed = notices_from(os.environ), passed_sockets(os.environ, pids)
    began_in = os.getcwd()
    enter_folder(settings)
    way_out = WayOut(reactor)
    note = notes.find_note(os.environ)
    if note is None:
        ports = _ports(settings, passed, identity)
    else:
        ports = [notes.port_from(each, identity.acting) for each in note["ports"]]

    def start_words(fresh: Settings) -> dict[str, Any]:
        plain = evolve(fresh, init=False, name=None).as_plain()  # these are this process's
        reactor_of = type(reactor).__module__
        return {
            "do": "start",
            "supervisor": os.getpid(),
            "settings": plain,
            "cwd": began_in,
            "preload": fresh.preload,
            "reactor": reactor_of,
        }

    def boot_failed(status: int, sentence: str, details: str) -> None:
        _tell(sentence, details)
        way_out.fail(status)

    machine = Machine(reactor, stacks_signal=STACKS)
    around = Surroundings(
        machine=machine,
        reread=reread,
        start_words=start_words,
        boot_failed=boot_failed,
        announce=lambda: _announce(settings, ports),
        upgrade=Becoming(machine, began_in, systemds, settings.init).begin,
        note=note,
        notices=[operator, *listeners],
    )
    supervisor = Supervisor(settings, ports, around)
    children: list[Service] = [SignalHandlers(reactor, _signals(way_out, supervisor))]
    if identity.steps:
        children.append(Identity(identity.steps))
    if settings.pid_file is not None:
        children.append(PidFile(settings.pid_file, acting=identity.acting))
    return OrderedService([*children, _Leaving(reactor, way_out), supervisor])


def _need_linux() -> None:
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("--workers: several processes need Linux; write --workers 1")


def _descriptors(settings: Settings) -> int:
    """Count what it may have open: a link, stacks and sockets for each worker, and another generation beside."""
    return settings.workers * 2 * (2 + len(settings.ports))


def check_supervised(settings: Settings) -> None:
    """Raise ConfigurationError if several workers can't serve on these ports."""
    _need_linux()
    for port in settings.ports:
        if not inherited(inside(port)):
            HeldPort(inside(port), settings.backlog).check()


def checks_for_upgrade(port: str) -> bool:
    """Say whether this process only checks for a supervisor that has such a port already: it was handed over once."""
    return succession.CHECKING in os.environ and inherited(inside(port))


def _ports(settings: Settings, passed: Passed, identity: Identified) -> list[HeldPort]:
    """Return the ports, to be opened."""
    acting = identity.acting
    return [
        HeldPort(inside(port), settings.backlog, passed=passed, acting=acting, written=port) for port in settings.ports
    ]


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


def _signals(way_out: WayOut, supervisor: Supervisor) -> Signals:
    """HUP reloads; USR1 reopens logs; USR2 upgrades; TTIN is one worker more, TTOU one less."""
    return {
        **signals_to_end(way_out, supervisor.hurry),
        signal.SIGHUP: supervisor.reload,
        signal.SIGUSR1: supervisor.reopen,
        signal.SIGUSR2: supervisor.upgrade,
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
        prctl.adopt_orphans()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HELD_BACK)  # handlers are set by now
        self._reactor.addSystemEventTrigger("after", "shutdown", self._way_out.leaving.begin)
