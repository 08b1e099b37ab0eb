"""The protocol factory that any Twisted endpoint calls: it takes each accepted connection over.

A plain TCP or unix socket leaves the reactor for the nest; anything else keeps its Twisted transport. Twisted's
transport object of a taken socket is dropped: no port keeps count of it, and nothing of it stays in the reactor. Where
the port itself is plain, whoever leads accepts (`Door`), and no transport is made at all.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocolNegotiationFactory
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from wsgicontainer.connections.door import Door
from wsgicontainer.connections.nest import Nest
from wsgicontainer.connections.overflow import Room
from wsgicontainer.connections.socketwire import SocketWire
from wsgicontainer.connections.tlswire import Front, TLSWire
from wsgicontainer.connections.transportwire import TransportWire

_PLAIN = (tcp.Server, unix.Server)
_PORTS = (tcp.Port, unix.Port)
Wire = SocketWire | TransportWire | TLSWire


@implementer(IProtocolNegotiationFactory)
class Taking(Factory):
    """Turns accepted transports into wires and hands each to `open_connection(wire)`."""

    noisy = False

    def __init__(
        self,
        open_connection: Callable[[Wire], Any],
        nest: Nest | None,
        reactor: Any,
        room: Room,
        front: Front | None = None,
    ) -> None:
        """Without a nest every connection stays on its Twisted transport; with a `front` each speaks TLS."""
        self._open_plain, self._nest, self._reactor, self._room = open_connection, nest, reactor, room
        self._front = front

    def _open(self, wire: SocketWire | TransportWire) -> Any:
        """Make the connection of a wire, or of TLS on it. Runs in: whoever accepted it."""
        return self._open_plain(wire if self._front is None else TLSWire(wire, self._front))

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        """Make the protocol of one connection."""
        return _Taken(self)

    def acceptableProtocols(self) -> list[bytes]:  # noqa: N802 (Twisted's name)
        """Return what is spoken, for a TLS client that offers several (RFC 7301)."""
        return [b"http/1.1"]

    def adopt(self, port: Any) -> Any:
        """Take over accepting from a port if its connections are plain and ours; return what stands for it.

        Runs in: reactor thread.
        """
        if self._nest is None or type(port) not in _PORTS or port.factory is not self:
            return port
        return Door(port, self._nest, self._welcome)

    def _welcome(self, sock: socket.SocketType, peer: object, local: object) -> None:
        """Take a connection that was just accepted. Runs in: the holder of the lead."""
        assert self._nest is not None
        wire = SocketWire(sock, self._nest, self._room, (peer, local))
        self._nest.add(sock.fileno(), self._open(wire).noticed)

    def connected(self, protocol: _Taken) -> None:
        """Take over a connection that was just accepted. Runs in: reactor thread."""
        transport: Any = protocol.transport
        if self._nest is not None and type(transport) in _PLAIN:
            transport.stopReading()
            wire = SocketWire(transport.getHandle(), self._nest, self._room)
            connection = self._open(wire)
            self._nest.add(transport.fileno(), connection.noticed)
            protocol.transport = None  # they would hold each other until the collector comes
            return
        protocol.wire = TransportWire(transport, self._reactor, self._room)
        protocol.wire.bind(self._open(protocol.wire).ready)


@implementer(IHalfCloseableProtocol)
class _Taken(Protocol):
    """What Twisted sees of a connection; it only passes things on. Runs in: reactor thread."""

    wire: TransportWire

    def __init__(self, factory: Taking) -> None:
        self._taking = factory

    def connectionMade(self) -> None:
        self._taking.connected(self)

    def dataReceived(self, data: bytes) -> None:
        self.wire.received(data)

    def readConnectionLost(self) -> None:
        self.wire.hung_up()

    def writeConnectionLost(self) -> None:
        """Do nothing: we asked for it."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.wire.lost()
