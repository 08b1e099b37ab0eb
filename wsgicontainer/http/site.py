"""What all connections of the server share: limits, clocks, routes, the queue, the log; handed in by assembly."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain, count, repeat
from operator import add

from attrs import Factory, define, frozen

from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.forwarding import UNIX, Proxies
from wsgicontainer.http.head import HeadParser
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.interfaces import (
    IAccessLog,
    IApplicationThreads,
    IOwnership,
    IRoll,
    ISecureWire,
    ISuccessor,
    IWire,
)
from wsgicontainer.messages import Moment


@frozen
class Clocks:
    """How long each wait may take, in seconds."""

    header: float
    body: float
    keep_alive: float
    send: float
    queue: float
    body_rate: int = 0
    """Octets per second that content must come at, after the first `body` seconds; 0 means that any rate will do."""


@frozen
class ContentLimits:
    """Bounds on a request's content, in octets."""

    most: int
    """413 beyond it; 0 means any."""
    in_memory: int
    """More than this goes to a temporary file."""
    head: int
    """Octets of a head that may be kept while its end has not come."""


def _nobody(site: Site, wire: IWire, own: IOwnership, octets: bytes) -> None:
    """Have nobody go on: what is no HTTP/1.1 is refused."""


@define(eq=False)
class Site:
    """Shared by all threads; only `draining` and `https_port` change after they were made."""

    parser: HeadParser
    responses: ResponseHeads
    routes: Routes
    threads: IApplicationThreads
    roll: IRoll
    new_ownership: Callable[[], IOwnership]
    clocks: Clocks
    limits: ContentLimits
    template: dict[str, object]
    """What every environ starts from."""
    access_log: IAccessLog | None = None
    proxies: Proxies | None = None
    """Who may speak for clients."""
    proxied: HeadParser | None = None
    """Reads their heads: the parser that knows `proxies`."""
    over_tls: ResponseHeads | None = None
    """Renders what goes over TLS, if that differs."""
    https_port: int = 0
    """The number of the first port with TLS, once it listens."""
    draining: bool = False
    new_exchange: Callable[[], Exchange] = Exchange
    successor: Callable[[Site, IWire, IOwnership, bytes], ISuccessor | None] = _nobody
    """Who goes on with a connection whose first octets are no HTTP/1.1, if anybody may."""
    moment: Moment = Factory(Moment)
    names: Iterator[str] = Factory(lambda: _names(os.urandom(7)))
    """Requests' names: 16 hex digits, from a random start upwards."""

    def parser_for(self, wire: IWire) -> HeadParser:
        """Return who reads the heads of a connection: it depends on whether its peer may speak for clients."""
        return self.proxied if self.proxied is not None and self.trusts(wire) else self.parser

    def trusts(self, wire: IWire) -> bool:
        """Tell whether a connection's peer may speak for clients."""
        if self.proxies is None:
            return False
        # A TCP peer that has left before it was asked for its name has none either: that is no unix socket.
        return self.proxies.trusts(wire.peer[0] or ("" if wire.local[0] else UNIX))

    def template_for(self, wire: IWire, origin: dict[str, str] | None = None) -> dict[str, object]:
        """Return what every environ of a connection starts from (PEP 3333; RFC 3875 section 4.1).

        `origin` is what a trusted proxy says of the one request whose template it is.
        """
        template = self.template.copy()
        template["REMOTE_ADDR"], template["REMOTE_PORT"] = wire.peer
        name, port = wire.local
        template["SERVER_NAME"] = name or "localhost"
        template["SERVER_PORT"] = port or ("443" if wire.secure else "80")
        template["wsgi.url_scheme"] = "https" if wire.secure else "http"
        template["wsgicontainer.disconnected"] = wire.gone
        if wire.secure and ISecureWire.providedBy(wire):
            template.update(wire.variables())
        template.update(origin or {})
        return template


_ENDINGS = [f"{number:03x}" for number in range(0x1000)]


def _names(start: bytes) -> Iterator[str]:
    """Return names without end, for any thread to take from: no Python code runs for most of them."""
    first = int.from_bytes(start, "big") >> 4 | 1 << 51
    blocks = map(_block, count(first))
    return chain.from_iterable(blocks)


def _block(number: int) -> Iterator[str]:
    return map(add, repeat(f"{number:013x}"[-13:]), _ENDINGS)
