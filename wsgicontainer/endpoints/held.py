"""Listening sockets that one process opens and holds while others accept from them.

The endpoint itself is asked where it would listen, so a description means what it means in a single process. A TCP port
becomes one SO_REUSEPORT socket for each slot: the kernel spreads connections over them, and what waits in one stays
there when the process that accepts from it changes. Anything else is one socket for all.
Runs in: the holder (`HeldPort`), or the process that accepts (`held_endpoint`).
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from attrs import define, field, frozen
from twisted.internet.abstract import isIPv6Address
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.python.lockfile import FilesystemLock

from wsgicontainer.endpoints.adopted import AdoptedEndpoint
from wsgicontainer.endpoints.deaf import begin_no_more
from wsgicontainer.endpoints.describe import Circumstances, endpoint_for, opened_already
from wsgicontainer.endpoints.passed import Passed
from wsgicontainer.endpoints.proxied import ProxiedEndpoint
from wsgicontainer.errors import BootError, ConfigurationError, PortError

_KNOWN = ("tcp", "tcp6", "unix", "systemd", "fd")


@frozen
class _Wish:
    """Where an endpoint would listen."""

    address: Any
    family: int
    backlog: int
    mode: int = 0
    lock: bool = False


class _Asked:
    """Stands for the reactor: an endpoint that is told to listen says here where."""

    wish: _Wish | None = None

    def listenTCP(self, port: int, _factory: object, backlog: int = 50, interface: str = "") -> None:  # noqa: N802
        """Take a TCP address."""
        family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
        found = socket.getaddrinfo(interface or None, port, family, socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.wish = _Wish(found[0][4], family, backlog)

    def listenUNIX(  # noqa: N802
        self,
        address: str,
        _factory: object,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,  # noqa: N803
    ) -> None:
        """Take a path."""
        self.wish = _Wish(address, socket.AF_UNIX, backlog, mode, bool(wantPID))


@define(eq=False)
class HeldPort:
    """One `--port`, open for as long as the server runs."""

    description: str
    backlog: int
    sockets: list[socket.socket] = field(factory=list)
    """One for each slot, or only one."""
    shared: bool = False
    """Whether one socket serves all slots."""
    passed: Passed = field(factory=lambda: Passed([]))
    """What systemd has passed."""
    acting: Callable[[], AbstractContextManager[object]] = nullcontext
    """As whom files of unix sockets are made and removed: in a folder of that user they may be links to anything."""
    written: str = ""
    """What the operator wrote, if that is more than the description: with TLS before it."""
    _path: str = ""
    _lock: FilesystemLock | None = None

    def open(self, slots: int) -> None:
        """Listen for so many slots; more may come later. Raises BootError, ConfigurationError."""
        find = opened_already(self.description.removeprefix("haproxy:"), self.passed)
        if find is not None:
            found = socket.socket(fileno=find())
            found.setblocking(False)
            found.set_inheritable(False)
            self.sockets, self.shared = [found], True
            return
        wish = self._wish()
        try:
            if wish.family == socket.AF_UNIX:
                with self.acting():
                    self._open_path(wish)
            else:
                self._open_group(wish, slots)
        except OSError as error:
            self.close()
            raise PortError(self.written or self.description, error) from None

    def check(self) -> None:
        """Say whether it could be opened so, as far as that can be known before. Raises ConfigurationError."""
        self._wish()

    def address(self) -> tuple[int, Any]:
        """Return the family and the address that it would listen on. Raises BootError, ConfigurationError."""
        wish = self._wish()
        return wish.family, wish.address

    def path(self) -> str:
        """Return where in the file system it would listen; "" if it is no unix socket. Raises ConfigurationError."""
        wish = self._wish()
        return os.fspath(wish.address) if wish.family == socket.AF_UNIX else ""

    def grow(self, slots: int) -> None:
        """Have a socket for each of so many slots. Raises OSError."""
        while not self.shared and len(self.sockets) < slots:
            self.sockets.append(_listening(self.sockets[0].getsockname(), self.sockets[0].family, self.backlog))

    def of_slot(self, slot: int) -> socket.socket:
        """Return the socket that a slot accepts from."""
        return self.sockets[0 if self.shared else slot]

    def remove_path_later(self) -> None:
        """Become the one who removes the path of a socket that was taken over. Runs in: the next holder."""
        name = self.sockets[0].getsockname()
        if self.sockets[0].family == socket.AF_UNIX and not inherited(self.description):
            self._path = name
            self._lock = FilesystemLock(name + ".lock")
            self._lock.locked = os.path.lexists(name + ".lock")

    def deafen(self) -> None:
        """Have no more connections begun: the end is near for all who accept. Not where somebody else will go on."""
        for each in self.sockets:
            if each.family != socket.AF_UNIX and not inherited(self.description):
                begin_no_more(each)

    def close(self) -> None:
        """Stop listening, as far as this process goes."""
        for each in self.sockets:
            each.close()
        self.sockets.clear()
        if self._path:
            with self.acting():
                self._remove_path()
        self._path, self._lock = "", None

    def _remove_path(self) -> None:
        with suppress(OSError):
            os.unlink(self._path)
        if self._lock is not None and self._lock.locked:
            with suppress(OSError, ValueError):
                self._lock.unlock()

    def _wish(self) -> _Wish:
        if self.description.removeprefix("haproxy:").partition(":")[0] not in _KNOWN:
            raise ConfigurationError(
                f"--port {self.description}: only tcp:, tcp6:, unix:, systemd: and fd: can be shared by several "
                "workers; write --workers 1"
            )
        asked = _Asked()
        endpoint = endpoint_for(self.description, Circumstances(asked, self.backlog, lambda _peer: False, self.passed))
        failures: list[Failure] = []
        endpoint.listen(Factory()).addErrback(failures.append)
        if asked.wish is None:
            reason = failures[0].getErrorMessage() if failures else "it does not say where"
            raise BootError(f"--port {self.description} can't be opened ({reason}); choose another address")
        return asked.wish

    def _open_group(self, wish: _Wish, slots: int) -> None:
        # Without SO_REUSEPORT first: with it, the port of another server of this user would silently be shared.
        with socket.socket(wish.family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(wish.address)
            address = probe.getsockname()
        self.backlog = wish.backlog
        self.sockets.append(_listening(address, wish.family, wish.backlog))
        self.grow(slots)

    def _open_path(self, wish: _Wish) -> None:
        path = os.fspath(wish.address)
        if wish.lock:
            self._lock = FilesystemLock(path + ".lock")
            if not self._lock.lock():
                self._lock = None
                raise OSError(None, "another server has its lock")
            if not self._lock.clean and os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
                os.remove(path)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sockets, self.shared, self.backlog = [bound], True, wish.backlog
        bound.setblocking(False)
        bound.bind(path)
        self._path = os.path.abspath(path)
        os.chmod(path, wish.mode)
        bound.listen(wish.backlog)


def _listening(address: Any, family: int, backlog: int) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(address)
        made.listen(backlog)
    except OSError:
        made.close()
        raise
    return made


def inherited(description: str) -> bool:
    """Say whether somebody else opens the socket: it is handed over once, at the start."""
    return description.removeprefix("haproxy:").startswith(("fd:", "systemd:"))


def held_endpoint(
    reactor: Any, description: str, descriptor: int, backlog: int, trusts: Callable[[str], bool]
) -> IStreamServerEndpoint:
    """Return the endpoint of a description whose socket is there; `descriptor` is closed once it listens."""
    endpoint: IStreamServerEndpoint = AdoptedEndpoint(reactor, lambda: descriptor, backlog)
    return ProxiedEndpoint(endpoint, trusts) if description.startswith("haproxy:") else endpoint
