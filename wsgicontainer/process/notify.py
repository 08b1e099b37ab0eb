"""Tells systemd how the server fares: sd_notify(3), a datagram for each event to the socket that NOTIFY_SOCKET names.

What is told never waits and never fails: systemd that does not listen costs one line in the log. The variables are
taken out of the environment, so that neither the application nor its children speak in our name.
Runs in: reactor thread, of the one process that systemd has started.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping

from attrs import define
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.interfaces import IOperatorNotices

_log = Logger()
_MICROSECONDS = 1_000_000
_VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")

Send = Callable[[bytes], object]


@implementer(IOperatorNotices)
class NobodyListens:
    """Nobody has asked to be told."""

    heard = False
    patience: float | None = None

    def ready(self, text: str) -> None:
        """Say nothing."""

    def reloading(self) -> None:
        """Say nothing."""

    def reloaded(self, reason: str | None = None) -> None:
        """Say nothing."""

    def stopping(self, text: str) -> None:
        """Say nothing."""

    def status(self, text: str) -> None:
        """Say nothing."""

    def alive(self) -> None:
        """Say nothing."""


@implementer(IOperatorNotices)
@define(eq=False)
class SystemdNotices:
    """Says it as systemd reads it."""

    send: Send
    """Sends one datagram."""
    patience: float | None = None
    getpid: Callable[[], int] = os.getpid
    clock: Callable[[], float] = time.monotonic
    heard = True

    def ready(self, text: str) -> None:
        """Say that requests are answered, and by which process: after an upgrade it is another one."""
        self._say("READY=1", f"STATUS={text}", f"MAINPID={self.getpid()}")

    def reloading(self) -> None:
        """Say that a reload has begun, and when: systemd takes only what is newer than its own request."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={int(self.clock() * _MICROSECONDS)}", "STATUS=Reloading")

    def reloaded(self, reason: str | None = None) -> None:
        """Say that the reload is over; READY ends it, however it went."""
        self._say("READY=1", "STATUS=Reloaded" if reason is None else f"STATUS=Not reloaded: {reason}")

    def stopping(self, text: str) -> None:
        """Say that the way out has begun."""
        self._say("STOPPING=1", f"STATUS={text}")

    def status(self, text: str) -> None:
        """Say what `systemctl status` is to show."""
        self._say(f"STATUS={text}")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        self.send("\n".join(line.replace("\n", " ") for line in lines).encode(errors="replace"))


class Datagrams:
    """Sends to one unix socket; `@` begins an abstract name."""

    def __init__(self, address: str) -> None:
        """Open nothing yet."""
        self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else os.fsencode(address)
        self._told = False

    def __call__(self, datagram: bytes) -> None:
        """Send, or say once that it can't be sent; wait for nobody."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto(datagram, self._address)
        except OSError as error:
            if not self._told:
                self._told = True
                _log.warn("systemd can't be told how the server fares ({reason})", reason=error.strerror)


def notices_from(
    environ: MutableMapping[str, str],
    getpid: Callable[[], int] = os.getpid,
    sender: Callable[[str], Send] = Datagrams,
) -> IOperatorNotices:
    """Return whom to tell, and take systemd's variables out of the environment.

    `sender(address)` returns what sends a datagram to NOTIFY_SOCKET's address.
    """
    address, period, watched = (environ.pop(name, "") for name in _VARIABLES)
    if address[:1] not in ("/", "@"):
        if address:
            _log.warn("NOTIFY_SOCKET={address} is no unix socket: systemd will not be told", address=address)
        return NobodyListens()
    fits = period.isdecimal() and int(period) > 0 and watched in ("", str(getpid()))
    return SystemdNotices(sender(address), int(period) / _MICROSECONDS if fits else None, getpid)
