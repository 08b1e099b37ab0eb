"""Whether a connection that began as HTTP/1.1 goes on as HTTP/2. Runs in: the connection's owner."""

from __future__ import annotations

from collections.abc import Callable

from wsgicontainer.http.site import Site
from wsgicontainer.http2.connection import Connection
from wsgicontainer.http2.requests import Shared
from wsgicontainer.interfaces import IOwnership, IWire

_FIRST_LINE = b"PRI * HTTP/2.0\r\n"


def successor(shared: Shared) -> Callable[[Site, IWire, IOwnership, bytes], Connection | None]:
    """Return who decides whether a connection that begins with `octets` goes on as HTTP/2 (RFC 9113 section 3.3).

    On TLS the client has asked for it (ALPN). Without, anybody could have sent these octets through a proxy that takes
    them for something else: only who may speak for clients is believed to mean them.
    """

    def succeed(site: Site, wire: IWire, own: IOwnership, octets: bytes) -> Connection | None:
        if not octets.startswith(_FIRST_LINE):
            return None
        agreed = getattr(wire, "alpn", None)  # only TLS has it
        if agreed != "h2" and (agreed is not None or wire.secure or not site.trusts(wire)):
            return None
        return Connection(site, wire, shared, own, octets)

    return succeed
