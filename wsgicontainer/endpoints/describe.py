"""Turns endpoint descriptions into Twisted server endpoints: Twisted's own strings and plugins, and three of ours.

    fd:N        a socket that a supervisor has opened
    systemd:    a socket that systemd has passed
    haproxy:    before any other: its peers are proxies

TLS is no matter of endpoints here: what asks for it (`settings/securing.py`) was taken off before. Nothing is opened.
"""

from __future__ import annotations

import re
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
    find = opened_already(description, at.passed)
    if find is not None:
        return AdoptedEndpoint(at.reactor, find, at.backlog)
    kind, _, rest = description.partition(":")
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
            f"--port {description!r} is not an endpoint ({_reason(error)}); write it as tcp:8000 or "
            f"unix:{quoteStringArgument('/run/site.sock')}"
        ) from None
    return endpoint


def opened_already(description: str, passed: Passed) -> Callable[[], int] | None:
    """Return what finds the descriptor of a socket that somebody else has opened; None if it is ours to open.

    Raises BootError; so does what is returned.
    """
    kind, _, number = description.partition(":")
    if kind == "systemd":
        wanted = activated(number)
        return lambda: passed.find(description, wanted)
    if kind != "fd":
        return None
    try:
        descriptor = int(number)
        family_of(descriptor)
    except (ValueError, OSError) as error:
        raise BootError(
            f"--port {description}: descriptor {number} is no listening socket ({error}); "
            "have systemd or your supervisor pass one"
        ) from None
    return lambda: descriptor


def _reason(error: Exception) -> str:
    """Return what Twisted has against a description; of an unknown part it speaks as of a function's."""
    match = re.search(r"unexpected keyword argument '(.+)'", str(error))
    return f"it has the unknown part {match[1]}=" if match else str(error)
