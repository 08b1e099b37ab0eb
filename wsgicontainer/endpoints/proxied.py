"""`haproxy:` before any other endpoint: connections that begin with a PROXY header, from proxies that may send one.

Twisted's policies wrap the transport; reading the header is our own (docs/design/decisions says why not Twisted's).
Nothing reaches the wrapped protocol before the header is whole, so its own clock for the first head bounds the wait.
Runs in: reactor thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, IProtocolFactory, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from zope.interface import implementer

from wsgicontainer.endpoints import proxyheader
from wsgicontainer.endpoints.proxyheader import End, Malformed, ProxyHeader

_log = Logger()
_NAMES = 1024
"""Peers whose refusal was told: each once, until there are so many."""


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """An endpoint whose peers are proxies that tell who their clients are."""

    def __init__(self, endpoint: IStreamServerEndpoint, trusts: Callable[[str], bool]) -> None:
        """`trusts(peer)` tells whether an address, or `unix:`, may send a PROXY header."""
        self._endpoint, self._trusts = endpoint, trusts

    def listen(self, protocolFactory: IProtocolFactory) -> Any:  # noqa: N803 (Twisted's name)
        """Listen for proxies; the factory sees connections as the clients have made them."""
        return self._endpoint.listen(_Factory(protocolFactory, self._trusts))


class _Connection(ProtocolWrapper):
    """One connection of a proxy; after its header, the client's."""

    transport: Any
    _begun = b""
    _header: ProxyHeader | None = None
    _refused = False

    def dataReceived(self, data: bytes) -> None:
        if self._header is not None:
            self.wrappedProtocol.dataReceived(data)
        elif not self._refused:
            self._begun += data
            try:
                self._header = proxyheader.read(self._begun)
            except Malformed as reason:
                self._refuse(reason)
            else:
                self._pass_on()

    def _pass_on(self) -> None:
        if self._header is None:
            return
        rest, self._begun = self._begun[self._header.octets :], b""
        if rest:
            self.wrappedProtocol.dataReceived(rest)

    def _refuse(self, reason: Malformed) -> None:
        self._refused, self._begun = True, b""
        peer = _name(self.transport.getPeer())
        _log.warn("{peer} is closed: it sent no good PROXY header ({reason})", peer=peer, reason=str(reason))
        self.loseConnection()

    def getPeer(self) -> Any:
        """Return the client's end."""
        return _address(self._header.source if self._header else None) or self.transport.getPeer()

    def getHost(self) -> Any:
        """Return the end that the client has connected to."""
        return _address(self._header.destination if self._header else None) or self.transport.getHost()


class _Factory(WrappingFactory):
    protocol = _Connection
    noisy = False

    def __init__(self, wrapped: IProtocolFactory, trusts: Callable[[str], bool]) -> None:
        super().__init__(wrapped)
        self._trusts = trusts
        self._told: set[str] = set()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Take a trusted peer's connection; None has Twisted close it."""
        name = _name(addr)
        if self._trusts(name):
            return super().buildProtocol(addr)
        if name not in self._told:
            if len(self._told) >= _NAMES:
                self._told.clear()
            self._told.add(name)
            _log.warn("{peer} may not send a PROXY header: --forwarded-allow-ips does not name it", peer=name)
        return None


def _name(address: object) -> str:
    return "unix:" if isinstance(address, UNIXAddress) else str(getattr(address, "host", ""))


def _address(end: End | None) -> IAddress | None:
    if end is None:
        return None
    return (IPv6Address if ":" in end[0] else IPv4Address)("TCP", *end)
