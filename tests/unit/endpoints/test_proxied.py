"""A `haproxy:` port: who may connect, what the protocol behind it sees, how a bad header ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from wsgicontainer.endpoints.proxied import ProxiedEndpoint

PROXY = IPv4Address("TCP", "10.0.0.1", 4000)
OURS = IPv4Address("TCP", "10.0.0.2", 8000)
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 5678 80\r\n"


class Seen(Protocol):
    def __init__(self):
        self.data, self.lost = b"", False

    def dataReceived(self, data):
        self.data += data

    def connectionLost(self, reason=None):
        self.lost = True


class Port:
    """A port that listens in memory."""

    def __init__(self) -> None:
        reactor = MemoryReactorClock()
        factory = Factory.forProtocol(Seen)
        trusted = {"10.0.0.1", "unix:"}
        ProxiedEndpoint(TCP4ServerEndpoint(reactor, 8000), lambda peer: peer in trusted).listen(factory)
        self.factory = reactor.tcpServers[0][1]

    def connect(self, peer=PROXY):
        protocol = self.factory.buildProtocol(peer)
        if protocol is not None:
            protocol.makeConnection(StringTransport(OURS, peer))
        return protocol


@pytest.fixture
def port() -> Port:
    return Port()


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@pytest.mark.parametrize("size", [1, 3, 8, 500])
def test_the_protocol_sees_the_client_and_its_octets(port, size):
    """However the header comes: in one piece, or an octet at a time."""
    connection = port.connect()
    assert connection.getPeer() == PROXY
    octets = HEADER + b"GET"
    for start in range(0, len(octets), size):
        connection.dataReceived(octets[start : start + size])
    assert connection.wrappedProtocol.data == b"GET"
    assert connection.getPeer() == IPv4Address("TCP", "192.0.2.7", 5678)
    assert connection.getHost() == IPv4Address("TCP", "192.0.2.1", 80)
    connection.dataReceived(b" /")
    assert connection.wrappedProtocol.data == b"GET /"


def test_clients_of_ipv6(port):
    connection = port.connect()
    connection.dataReceived(b"PROXY TCP6 ::7 ::1 5678 80\r\n")
    assert (connection.getPeer(), connection.wrappedProtocol.data) == (IPv6Address("TCP", "::7", 5678), b"")


def test_a_proxy_that_speaks_for_itself_is_the_peer(port):
    connection = port.connect()
    connection.dataReceived(b"PROXY UNKNOWN\r\nGET")
    assert (connection.getPeer(), connection.getHost()) == (PROXY, OURS)
    assert connection.wrappedProtocol.data == b"GET"


def test_a_unix_socket_may_be_trusted(port):
    assert port.connect(UNIXAddress("/run/proxy")) is not None


def test_strangers_are_closed_and_told_once_each(port, told):
    for _ in range(3):
        for host in ("192.0.2.1", "192.0.2.2"):
            assert port.connect(IPv4Address("TCP", host, 1)) is None
    assert told == [
        f"{host} may not send a PROXY header: --forwarded-allow-ips does not name it"
        for host in ("192.0.2.1", "192.0.2.2")
    ]


def test_what_is_remembered_of_strangers_is_bounded(port):
    for number in range(5_000):
        assert port.connect(IPv4Address("TCP", f"192.0.{number >> 8}.{number & 255}", 1)) is None
    assert len(port.factory._told) <= 1024


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY TCP4 1 2 3 4\r\n", b"PROXY " + b"x" * 200])
def test_a_bad_header_closes_with_one_line_and_reaches_nobody(port, told, octets):
    connection = port.connect()
    connection.dataReceived(octets)
    connection.dataReceived(HEADER + b"GET")
    assert connection.transport.disconnecting
    assert connection.wrappedProtocol.data == b""
    assert len(told) == 1
    assert told[0].startswith("10.0.0.1 is closed: it sent no good PROXY header (")
    behind = connection.wrappedProtocol
    connection.connectionLost(None)
    assert behind.lost
