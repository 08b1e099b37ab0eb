"""Listens on a socket that somebody else has opened: a supervisor's (`fd:N`), or systemd's (`systemd:`).

Twisted adopts such sockets, too, but treats a unix socket as its own: it changes the file's mode, shortens the queue
of connections to 50, and on leaving shuts the socket down for all who hold it and removes its file. That would end what
the supervisor keeps for the next process: here the socket stays as it is.
Runs in: reactor thread.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from zope.interface import implementer


@implementer(IStreamServerEndpoint)
class AdoptedEndpoint:
    """Takes a descriptor over when it begins to listen."""

    def __init__(self, reactor: Any, find: Callable[[], int], backlog: int) -> None:
        """`find()` returns the descriptor, or raises BootError; it is closed once it was taken over."""
        self._reactor, self.find, self._backlog = reactor, find, backlog

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:  # noqa: N803 (Twisted's name)
        """Listen; fires with the port, or fails with what `find` raises."""
        waiting: Deferred[Any] = execute(self._adopt, protocolFactory)
        return waiting

    def _adopt(self, factory: IProtocolFactory) -> Any:
        descriptor = self.find()
        os.set_blocking(descriptor, False)
        port = self._port(descriptor, factory)
        os.close(descriptor)
        port.startListening()
        return port

    def _port(self, descriptor: int, factory: IProtocolFactory) -> Any:
        family = family_of(descriptor)
        if family != socket.AF_UNIX:
            return self._from(tcp.Port)(self._reactor, descriptor, family, factory)
        port = self._from(unix.Port)(self._reactor, descriptor, factory)
        # A name as if it had no file, which nobody changes or removes then.
        port._bindPath = b"\0" + os.fsencode(port._bindPath)  # noqa: SLF001
        port._shouldShutdown = False  # noqa: SLF001
        port.backlog = self._backlog
        return port

    @staticmethod
    def _from(kind: Any) -> Callable[..., Any]:
        """Return how Twisted's reactor makes such a port."""
        make: Callable[..., Any] = kind._fromListeningDescriptor  # noqa: SLF001 (its name says what it does)
        return make


def family_of(descriptor: int) -> socket.AddressFamily:
    """Return the address family of a listening stream socket. Raises OSError for anything else."""
    with socket.socket(fileno=os.dup(descriptor)) as found:
        if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            raise OSError("it is not listening")
        if found.type != socket.SOCK_STREAM:
            raise OSError("it is no stream")
        return found.family
