"""What a port is listened on with, and what its TLS presents.

Runs in: whoever serves or checks, before the reactor runs; a zygote for its workers.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IStreamServerEndpoint

from wsgicontainer.connections.tlswire import Front
from wsgicontainer.endpoints import Circumstances, Passed, endpoint_for
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.settings import Settings
from wsgicontainer.settings.listening import alpn
from wsgicontainer.settings.securing import secured, tls_of
from wsgicontainer.tls.clients import described
from wsgicontainer.tls.contexts import Policy
from wsgicontainer.tls.ports import Presented


def circumstances(settings: Settings, reactor: Any, passed: Passed) -> Circumstances:
    """Return what ports are opened with."""
    return Circumstances(reactor, settings.backlog, Proxies(settings.forwarded_allow_ips).trusts, passed)


def endpoint_at(port: str, at: Circumstances) -> IStreamServerEndpoint:
    """Return what a port listens on, its TLS taken off."""
    return endpoint_for(inside(port), at)


def inside(port: str) -> str:
    """Return the description of a port without its TLS."""
    tls = secured(port)
    return port if tls is None else tls.inside


def present(settings: Settings) -> Presented | None:
    """Return what ports with TLS present, certificates read; None if there is no such port. Raises BootError."""
    if not any(tls_of(port, settings.certfile, settings.keyfile) for port in settings.ports):
        return None
    protocols = alpn(settings.http_protocols)
    policy = Policy(settings.tls_min, settings.ciphers, protocols, settings.ca_certs, settings.cert_reqs)
    presented = Presented(policy)
    for port in settings.ports:
        front_of(settings, presented, port)
    return presented


def front_of(settings: Settings, presented: Presented | None, port: str) -> Front | None:
    """Return what begins the handshakes on a port; None if it has no TLS. Raises BootError."""
    tls = tls_of(port, settings.certfile, settings.keyfile)
    if tls is None or presented is None:
        return None
    label = "" if tls.inside == port else f"--port {port}"
    context = presented.folder(label, tls.folder) if tls.folder else presented.files(label, tls.files)
    return Front(context, None if settings.cert_reqs == "none" else described)
