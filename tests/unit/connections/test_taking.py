"""Accepted connections are taken over, whole; a closed one is gone at once, without the collector."""

from __future__ import annotations

import gc
import socket
import ssl
import weakref
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from authority import Authority
from twisted.internet import tcp, unix
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, ISSLTransport
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides

from wsgicontainer.connections.nest import Nest
from wsgicontainer.connections.overflow import Room
from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.connections.roll import Roll
from wsgicontainer.connections.socketwire import SocketWire
from wsgicontainer.connections.taking import Taking
from wsgicontainer.connections.tlswire import Front
from wsgicontainer.connections.transportwire import TransportWire

ROOM = Room(budget=1000, patience=1.0)


class Reactor(MemoryReactorClock):
    """A reactor in memory whose calls from threads run when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...]]] = []

    def callFromThread(self, call, *arguments):
        self.calls.append((call, arguments))

    def turn(self) -> None:
        calls, self.calls = self.calls, []
        for call, arguments in calls:
            call(*arguments)


class Reading:
    """A connection that reads until the end, then closes, as the real one does."""

    def __init__(self, wire: Any, roll: Roll) -> None:
        self.wire, self.roll, self.read = wire, roll, b""
        self.deadline = 0.0
        self.own = Ownership()
        roll.enter(self)

    def noticed(self, event: int) -> None:
        if self.wire.noticed(event):
            self.ready()

    def ready(self) -> None:
        while (data := self.wire.receive()) is not None:
            self.read += data
            if not data:
                if self.wire.close():
                    self.roll.strike(self)
                return


class House:
    """A factory for everything that can be accepted."""

    def __init__(self, nested: bool = True) -> None:
        self.reactor = Reactor()
        self.nest = Nest()
        self.roll = Roll(1000)
        self.opened: list[Reading] = []
        self.factory = Taking(self.open, self.nest if nested else None, self.reactor, ROOM)

    def open(self, wire: Any) -> Reading:
        self.opened.append(Reading(wire, self.roll))
        return self.opened[-1]

    def accept_socket(self, kind: type = tcp.Server) -> tuple[Any, socket.socket]:
        """Accept as Twisted's Port does; return its transport and the peer."""
        if kind is unix.Server:
            ours, peer = socket.socketpair()
        else:
            with socket.create_server(("127.0.0.1", 0)) as door:
                peer = socket.create_connection(door.getsockname())
                ours, _ = door.accept()
        ours.setblocking(False)
        protocol = self.factory.buildProtocol(None)
        address = ("127.0.0.1", 1) if kind is not unix.Server else ""
        transport = kind(ours, protocol, address, None, 0, self.reactor)
        protocol.makeConnection(transport)
        return transport, peer


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.nest.close()


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What is gone without it was freed by its last reference."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("kind", [tcp.Server, unix.Server])
def test_a_plain_socket_leaves_the_reactor_for_the_nest(house, kind):
    _, peer = house.accept_socket(kind)
    assert house.reactor.getReaders() == []
    connection = house.opened[0]
    assert type(connection.wire) is SocketWire
    peer.send(b"hello")
    house.nest.take(0)
    assert connection.read == b"hello"
    connection.wire.close()
    peer.close()


def test_what_came_before_it_was_taken_is_read(house):
    """Octets that arrived while the connection was still being accepted ring no bell; they are read all the same."""
    _, peer = house.accept_socket()
    peer.send(b"at once")
    house.nest.take(0)
    assert house.opened[0].read == b"at once"
    peer.close()
    house.nest.take(0)


def test_a_subclass_keeps_its_transport(house):
    """Only what is exactly Twisted's plain server is known to be a bare socket."""

    class Special(tcp.Server):
        pass

    transport, peer = house.accept_socket(Special)
    assert type(house.opened[0].wire) is TransportWire
    transport.connectionLost(Failure(ConnectionDone()))
    peer.close()


def test_without_a_nest_every_connection_keeps_its_transport():
    house = House(nested=False)
    transport, peer = house.accept_socket()
    assert type(house.opened[0].wire) is TransportWire
    assert house.reactor.getReaders() == [transport]
    transport.connectionLost(Failure(ConnectionDone()))
    peer.close()
    house.nest.close()


def test_a_transport_rings_its_connection(house):
    """Data, and the end, reach the connection through the protocol that Twisted sees."""
    protocol = house.factory.buildProtocol(None)
    transport = StringTransport()
    directlyProvides(transport, ISSLTransport)
    protocol.makeConnection(transport)
    connection = house.opened[0]
    assert connection.wire.secure
    protocol.dataReceived(b"hello")
    assert connection.read == b"hello"
    protocol.connectionLost()
    assert len(house.roll) == 0


def test_a_peer_that_sends_no_more_is_not_lost(house):
    """Twisted tells of a half-close; the wire passes it on as the end of input."""
    protocol = house.factory.buildProtocol(None)
    assert IHalfCloseableProtocol.providedBy(protocol)
    protocol.makeConnection(StringTransport())
    protocol.readConnectionLost()
    assert len(house.roll) == 1
    protocol.writeConnectionLost()
    protocol.connectionLost()
    assert len(house.roll) == 0


def test_a_closed_socket_is_gone_at_once(house, no_collector):
    """Nothing keeps connection, wire, protocol, transport or socket: no cycle, no forgotten table."""
    transport, peer = house.accept_socket()
    connection = house.opened.pop()
    watched = [weakref.ref(each) for each in (connection, transport, transport.protocol)]
    handle = weakref.ref(transport.getHandle())
    peer.close()
    house.nest.take(0)
    assert len(house.roll) == 0
    del connection, transport
    assert [each() for each in watched] == [None] * 3
    assert handle() is None


def test_a_lost_transport_is_gone_at_once(house, no_collector):
    """The same for what kept its transport; Twisted lets go of the protocol itself when a connection is lost."""
    protocol = house.factory.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    connection = house.opened.pop()
    watched = [weakref.ref(each) for each in (connection, connection.wire, protocol)]
    transport.producer = None  # as tcp.Connection.connectionLost does
    protocol.connectionLost()
    del connection, protocol, transport
    house.reactor.turn()
    assert [each() for each in watched] == [None] * 3


def test_a_real_connection_is_gone_at_once(no_collector):
    """The whole of it: site, connection, exchange, reply, and the end."""
    from wsgicontainer.http.h1 import Connection

    site = make_site()
    reactor, nest = Reactor(), Nest()
    opened: list[weakref.ref[Any]] = []

    def open_connection(wire: Any) -> Connection:
        connection = Connection(site, wire)
        opened.extend([weakref.ref(wire._socket)])
        return connection

    house = House()
    house.factory = Taking(open_connection, nest, reactor, ROOM)
    transport, peer = house.accept_socket()
    opened.append(weakref.ref(transport))
    del transport
    peer.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    nest.take(0)
    assert peer.recv(1000).startswith(b"HTTP/1.1 204 ")
    assert len(site.roll) == 1
    peer.close()
    nest.take(0)
    assert len(site.roll) == 0
    assert [each() for each in opened] == [None, None]
    nest.close()
    house.nest.close()


@pytest.mark.parametrize("cut", [0, 10, 1000])
def test_a_tls_connection_is_led_like_a_plain_one_and_gone_at_once(no_collector, tmp_path, cut):
    """Whole, after half a hello, and before the first octet."""
    from wsgicontainer.http.h1 import Connection

    authority = Authority(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority.write(tmp_path, "a.example"))
    site, nest, house = make_site(), Nest(), House()
    opened: list[weakref.ref[Any]] = []

    def open_connection(wire: Any) -> Connection:
        connection = Connection(site, wire)
        opened.append(weakref.ref(wire._below._socket))
        return connection

    house.factory = Taking(open_connection, nest, house.reactor, ROOM, Front(context))
    transport, peer = house.accept_socket()
    del transport
    peer.settimeout(10)
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = authority.client().wrap_bio(come, go, server_hostname="a.example")
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    hello = go.read()
    peer.sendall(hello[:cut])
    nest.take(0)
    if cut >= len(hello):
        come.write(peer.recv(65536))
        client.do_handshake()
        client.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n" * 2)
        peer.sendall(go.read())
        nest.take(0)
        while come.write(peer.recv(65536)) and not (reply := _read(client)):
            pass
        assert reply.startswith(b"HTTP/1.1 204 ")
        assert reply.count(b"HTTP/1.1 204 ") == 2
    assert len(site.roll) == 1
    peer.close()
    nest.take(0)
    assert len(site.roll) == 0
    assert [each() for each in opened] == [None]
    nest.close()
    house.nest.close()


def _read(client: ssl.SSLObject) -> bytes:
    data = b""
    with suppress(ssl.SSLWantReadError):
        while part := client.read(65536):
            data += part
    return data


def make_site() -> Any:
    """A site that answers 204 at once, in the thread that reads."""
    from wsgicontainer.http.head import HeadLimits, HeadParser
    from wsgicontainer.http.responses import ResponseHeads
    from wsgicontainer.http.routing import Routes
    from wsgicontainer.http.site import Clocks, ContentLimits, Site

    class Inline:
        def submit(self, job: Any) -> bool:
            job.run()
            return True

    class Nothing:
        def respond(self, exchange: Any) -> None:
            exchange.reply(exchange.prepare("204 No Content", []), b"")

    nothing = Nothing()
    return Site(
        parser=HeadParser(HeadLimits(8190, 100, 8190)),
        responses=ResponseHeads("test"),
        routes=Routes([], nothing, nothing),
        threads=Inline(),
        roll=Roll(10),
        new_ownership=Ownership,
        clocks=Clocks(header=30, body=60, keep_alive=75, send=60, queue=30),
        limits=ContentLimits(most=0, in_memory=1000, head=65536),
        template={},
    )
