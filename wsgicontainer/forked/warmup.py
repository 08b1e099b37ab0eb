"""The request that a worker answers before it listens: through its own connections, queue and threads, in memory.

Whoever is not able to answer finds out here, and not a client. A 5xx, an exception, the connection's early end or
silence is a fault; a redirect or "not found" shows that the application answers.
Runs in: worker, reactor thread; the application's part in an application thread.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.protocol import Factory, Protocol

FAILING = 500
"""The least status that says the application does not work."""


def ask(
    reactor: Any, server: Callable[[socket.socket], object], path: str, seconds: float, done: Callable[[str], object]
) -> None:
    """Ask for `path`; `done(fault)` is called once, with "" for a good answer.

    `server(sock)` takes over the server's end of the connection.
    """
    ours, theirs = socket.socketpair()
    for each in (ours, theirs):
        each.setblocking(False)
    client = _Client(path, done)
    factory = Factory.forProtocol(lambda: client)
    factory.noisy = False
    client.clock = reactor.callLater(seconds, client.give_up, f"{path} was not answered within {seconds:g} s")
    with ours, theirs:
        reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, factory)
        server(theirs)


class _Client(Protocol):
    """The client's end."""

    transport: Any
    clock: Any = None

    def __init__(self, path: str, done: Callable[[str], object]) -> None:
        self._path, self._done = path, done
        self._octets = b""

    def connectionMade(self) -> None:
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: wsgicontainer-warm-up\r\n"
            "Connection: close\r\n\r\n".encode("latin-1")
        )

    def dataReceived(self, data: bytes) -> None:
        if len(self._octets) < 1024:
            self._octets += data

    def connectionLost(self, reason: object = None) -> None:
        self._end(fault_of(self._path, self._octets))

    def give_up(self, fault: str) -> None:
        """Wait no longer."""
        self._end(fault)
        self.transport.abortConnection()

    def _end(self, fault: str) -> None:
        done, self._done = self._done, bool
        if self.clock is not None and self.clock.active():
            self.clock.cancel()
        done(fault)


def fault_of(path: str, octets: bytes) -> str:
    """Say what is wrong with a reply, "" if nothing is."""
    words = octets.partition(b"\r\n")[0].split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        return f"{path} was not answered"
    return f"{path} was answered with {int(words[1])}" if int(words[1]) >= FAILING else ""
