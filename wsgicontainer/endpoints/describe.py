"""Turns endpoint descriptions into Twisted server endpoints: Twisted's own strings and plugins, `fd:N`, `haproxy:`.

TLS is no matter of endpoints here: what asks for it (`settings/securing.py`) was taken off before. Nothing is opened
but for `fd:N`, whose socket is there already.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import AdoptedStreamServerEndpoint, quoteStringArgument, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from wsgicontainer.endpoints.proxied import ProxiedEndpoint
from wsgicontainer.errors import BootError, ConfigurationError

_WITH_BACKLOG = ("tcp", "tcp6", "unix")


def endpoint_for(reactor: Any, description: str, backlog: int, trusts: Callable[[str], bool]) -> IStreamServerEndpoint:
    """Return the endpoint of a description; `backlog` connections may wait to be accepted.

    `trusts(peer)` tells whether an address, or `unix:`, may send a PROXY header.
    Raises ConfigurationError for what is no description, BootError for an `fd:N` that is no listening socket.
    """
    kind, _, rest = description.partition(":")
    if kind == "fd":
        return _adopted(reactor, description, rest)
    if kind == "haproxy":
        return ProxiedEndpoint(endpoint_for(reactor, rest, backlog, trusts), trusts)
    full = description
    if kind in _WITH_BACKLOG and ":backlog=" not in description:
        full += f":backlog={backlog}"
    try:
        endpoint: IStreamServerEndpoint = serverFromString(reactor, full)
    except OSError as error:
        raise BootError(
            f"--port {description}: {error.filename or 'a file'} can't be read ({error.strerror}); "
            "name a file that exists and that this user may read"
        ) from None
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ConfigurationError(
            f"--port {description!r} is not an endpoint ({error}); write it as tcp:8000 or "
            f"unix:{quoteStringArgument('/run/site.sock')}"
        ) from None
    return endpoint


def _adopted(reactor: Any, description: str, number: str) -> IStreamServerEndpoint:
    try:
        descriptor = int(number)
        with socket.socket(fileno=os.dup(descriptor)) as found:
            family = found.family
            if not found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                raise OSError("it is not listening")
    except (ValueError, OSError) as error:
        raise BootError(
            f"--port {description}: descriptor {number} is no listening socket ({error}); "
            "have systemd or your supervisor pass one"
        ) from None
    return AdoptedStreamServerEndpoint(reactor, descriptor, family)
