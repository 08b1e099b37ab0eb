"""A listening socket in the nest: whoever leads accepts, and new connections never pass through the reactor.

A connection that serves one request costs half as much this way: Twisted makes a transport, an address and a protocol
of each. The port itself stays Twisted's; a door only takes its place towards the server: same names, same meaning.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from wsgicontainer.connections.nest import Nest

_log = Logger()
ACCEPTS = 64
"""Connections accepted in one go: those that are open already have their turn too."""
_WILDCARDS = ("0.0.0.0", "::")


class Door:
    """Stands for an IListeningPort. Runs in: reactor thread, unless said otherwise."""

    def __init__(self, port: Any, nest: Nest, welcome: Callable[[socket.SocketType, Any, Any], object]) -> None:
        """Take over accepting from a plain port that is listening.

        `welcome(sock, peer, local)` is called for each connection by whoever accepts it; `local` is None where only the
        connection's own socket knows to which of our addresses it came.
        """
        self.socket: socket.socket = port.socket
        self.ours: bool = getattr(port, "_shouldShutdown", False)
        """Whether nobody else holds the socket: Twisted has opened it."""
        self._port, self._nest, self._welcome = port, nest, welcome
        self._room: Callable[[], int] = lambda: ACCEPTS
        self._paused = False
        port.stopReading()
        if self.socket.family != socket.AF_UNIX:
            # Accepted sockets inherit it: a system call less for each.
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kind = int(self.socket.family), int(self.socket.type), self.socket.proto
        name = self.socket.getsockname()
        self._local = None if isinstance(name, tuple) and name[0] in _WILDCARDS else name
        nest.listen(self.fileno(), self._ready)

    def bound(self, room: Callable[[], int]) -> None:
        """Have no more accepted at once than `room()`."""
        self._room = room

    def fileno(self) -> int:
        """Return the listening socket's descriptor."""
        return int(self._port.fileno())

    def getHost(self) -> Any:
        """Return where it listens, as an IAddress."""
        return self._port.getHost()

    def doRead(self) -> None:
        """Accept what waits. Runs in: any."""
        accept = self.socket._accept  # type: ignore[attr-defined]  # noqa: SLF001 (what accept() calls: half its price)
        for _ in range(min(ACCEPTS, self._room())):
            try:
                descriptor, peer = accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            sock = socket.SocketType(*self._kind, descriptor)
            sock.setblocking(False)
            self._welcome(sock, peer, self._local)

    def _ready(self, event: int) -> None:
        """Accept, or stop for a while if the system has nothing left to do it with. Runs in: the holder of the lead."""
        try:
            self.doRead()
        except OSError as error:
            if self.socket.fileno() >= 0:
                _log.error("Accepting fails ({reason}); trying again in a second", reason=error.strerror)
                self._nest.mute(self.fileno(), True)
                self._port.reactor.callFromThread(self._port.reactor.callLater, 1, self._try_again)

    def stopReading(self) -> None:  # noqa: N802 (Twisted's name)
        """Accept nothing for now; what comes waits in the kernel's queue."""
        self._paused = True
        if self.socket.fileno() >= 0:
            self._nest.mute(self.fileno(), True)

    def startReading(self) -> None:  # noqa: N802
        """Accept again."""
        self._paused = False
        if self.socket.fileno() >= 0:
            self._nest.mute(self.fileno(), False)

    def _try_again(self) -> None:
        """Accept again after trouble, unless that was stopped meanwhile: with no room it would only spin."""
        if not self._paused:
            self.startReading()

    def stopListening(self) -> Deferred[None] | None:  # noqa: N802
        """Close the listening socket, and take it out of the set: it would stay while another process holds it."""
        self._paused = True
        if self.socket.fileno() >= 0:
            self._nest.dismiss(self.fileno())
        closing: Deferred[None] | None = self._port.stopListening()
        return closing
