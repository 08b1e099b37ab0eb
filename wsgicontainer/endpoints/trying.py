"""Whether a TCP port could be listened on, without listening: for a check beside a running server.

The address is bound and let go at once. Nobody can connect to it in between, and a server that starts meanwhile gets it
all the same: both have SO_REUSEADDR, and this one does not listen.
"""

from __future__ import annotations

import socket

from wsgicontainer.endpoints.held import HeldPort

_TCP = ("tcp", "tcp6")


def obstacle(description: str) -> OSError | None:
    """Return what the system has against a TCP port; None if nothing, or if it is no TCP port.

    Raises BootError, ConfigurationError for what can't be described so.
    """
    if description.removeprefix("haproxy:").partition(":")[0] not in _TCP:
        return None
    family, address = HeldPort(description, 1).address()
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        return error
    return None
