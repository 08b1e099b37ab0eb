"""Turns endpoint descriptions into Twisted server endpoints: Twisted's own strings and plugins, and three of ours.

    fd:N        a socket that a supervisor has opened
    systemd:    a socket that systemd has passed
    haproxy:    before any other: its peers are proxies

TLS is no matter of endpoints here: what asks for it (`settings/securing.py`) was taken off before. Nothing is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from wsgicontainer.endpoints.adopted import AdoptedEndpoint, family_of
from wsgicontainer.endpoints.passed import Passed
from wsgicontainer.endpoints.proxied import ProxiedEndpoint
from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.settings.activation import activated

_WITH_BACKLOG = ("tcp", "tcp6", "unix")


@frozen
class Circumstances:
    """What a description alone does not say."""

    reactor: Any
    backlog: int
    """How many connections may wait to be accepted."""
    trusts: Callable[[str], bool]
    """Tells whether an address, or `unix:`, may send a PROXY header."""
    passed: Passed
    """What systemd has passed."""


def endpoint_for(description: str, at: Circumstances) -> IStreamServerEndpoint:
    """Return the endpoint of a description.

    Raises ConfigurationError for what is no description, BootError for an `fd:N` that is no listening socket.
    """
    kind, _, rest = description.partition(":")
    if kind == "fd":
        return _adopted(at, description, rest)
    if kind == "systemd":
        wanted = activated(rest)
        return AdoptedEndpoint(at.reactor, lambda: at.passed.find(description, wanted), at.backlog)
    if kind == "haproxy":
        return ProxiedEndpoint(endpoint_for(rest, at), at.trusts)
    full = description
    if kind in _WITH_BACKLOG and ":backlog=" not in description:
        full += f":backlog={at.backlog}"
    try:
        endpoint: IStreamServerEndpoint = serverFromString(at.reactor, full)
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


def _adopted(at: Circumstances, description: str, number: str) -> IStreamServerEndpoint:
    try:
        descriptor = int(number)
        family_of(descriptor)
    except (ValueError, OSError) as error:
        raise BootError(
            f"--port {description}: descriptor {number} is no listening socket ({error}); "
            "have systemd or your supervisor pass one"
        ) from None
    return AdoptedEndpoint(at.reactor, lambda: descriptor, at.backlog)
