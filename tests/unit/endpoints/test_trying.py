"""Whether a TCP port could be listened on is seen without listening."""

from __future__ import annotations

import errno
import socket

import pytest

from wsgicontainer.endpoints import HeldPort
from wsgicontainer.endpoints.trying import obstacle
from wsgicontainer.errors import ConfigurationError


def code(description: str) -> int | None:
    error = obstacle(description)
    return None if error is None else error.errno


@pytest.mark.parametrize("before", ["", "haproxy:"])
def test_a_port_that_somebody_has_is_an_obstacle_and_one_that_nobody_has_stays_free(before: str) -> None:
    held = HeldPort("tcp:0:interface=127.0.0.1", 64)
    held.open(2)
    number = held.sockets[0].getsockname()[1]
    described = f"{before}tcp:{number}:interface=127.0.0.1"
    assert code(described) == errno.EADDRINUSE
    held.close()
    assert code(described) is None
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", number))


def test_an_address_of_another_machine_is_an_obstacle() -> None:
    assert code("tcp:0:interface=192.0.2.1") == errno.EADDRNOTAVAIL


@pytest.mark.parametrize("description", ["fd:3", "systemd:", "unix:s", "haproxy:unix:s", "somebodys:plugin"])
def test_what_is_no_tcp_port_is_not_tried(description: str) -> None:
    assert code(description) is None


def test_what_is_no_description_is_told() -> None:
    with pytest.raises(ConfigurationError, match="is not an endpoint"):
        obstacle("tcp:8000:foo=3")
