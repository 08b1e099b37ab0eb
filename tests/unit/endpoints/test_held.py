"""Sockets that one process opens and others accept from: what a description means does not change."""

from __future__ import annotations

import os
import socket
import stat

import pytest

from wsgicontainer.endpoints import HeldPort, held_endpoint, inherited
from wsgicontainer.errors import BootError, ConfigurationError


@pytest.fixture
def held():
    made: list[HeldPort] = []

    def held(description: str, slots: int = 2) -> HeldPort:
        made.append(HeldPort(description, 64))
        made[-1].open(slots)
        return made[-1]

    yield held
    for each in made:
        each.close()


@pytest.mark.parametrize("description", ["tcp:0:interface=127.0.0.1", "haproxy:tcp:0:interface=127.0.0.1"])
def test_each_slot_has_a_socket_at_one_port(held, description):
    port = held(description)
    port.grow(3)
    assert not port.shared
    assert len({each.getsockname() for each in port.sockets}) == 1
    assert len({port.of_slot(slot).fileno() for slot in range(3)}) == 3


def test_a_part_that_is_unknown_is_told_as_such(held):
    """Twisted's own words are about a function of its own."""
    with pytest.raises(ConfigurationError, match=r"is not an endpoint \(it has the unknown part foo=\); write"):
        held("tcp:0:foo=3")


def test_connections_are_spread(held):
    """Each socket gets its part."""
    port = held("tcp:0:interface=127.0.0.1")
    clients = [socket.create_connection(port.sockets[0].getsockname()) for _ in range(40)]
    counts = []
    for each in port.sockets:
        accepted = []
        try:
            while True:
                accepted.append(each.accept()[0])
        except BlockingIOError:
            counts.append(len(accepted))
        for connection in accepted:
            connection.close()
    for client in clients:
        client.close()
    assert sum(counts) == 40
    assert min(counts) > 0


def test_a_port_that_somebody_else_has_is_refused(held):
    """Also if that is another server of ours: SO_REUSEPORT alone would share it silently."""
    port = held("tcp:0:interface=127.0.0.1")
    number = port.sockets[0].getsockname()[1]
    with pytest.raises(
        BootError, match=r"--port tcp:\d+:interface=127.0.0.1 can't be opened \(Address already in use\)"
    ):
        held(f"tcp:{number}:interface=127.0.0.1")


def test_a_unix_socket_is_one_for_all_and_is_removed_at_the_end(held, tmp_path):
    path = tmp_path / "site.sock"
    port = held(f"unix:{path}:mode=600")
    assert port.shared
    assert port.of_slot(0) is port.of_slot(5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(BootError, match="another server has its lock"):
        held(f"unix:{path}")
    port.close()
    assert list(tmp_path.iterdir()) == []


def test_a_port_with_tls_is_refused_by_what_the_operator_wrote(tmp_path):
    port = HeldPort(f"unix:{tmp_path}/none/s", 7, written=f"txsni:certificates:unix:{tmp_path}/none/s")
    assert port.path() == f"{tmp_path}/none/s"
    with pytest.raises(BootError, match=r"--port txsni:certificates:unix:.* can't be opened \(No such file"):
        port.open(1)


def test_a_socket_that_was_left_behind_is_taken_over(held, tmp_path):
    """As Twisted does it: the lock names a process that is gone."""
    path = tmp_path / "site.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    os.symlink("999999999", f"{path}.lock")
    assert held(f"unix:{path}").sockets[0].getsockname() == str(path)


def test_who_takes_a_unix_socket_over_removes_it_at_the_end(held, tmp_path):
    path = tmp_path / "site.sock"
    first = held(f"unix:{path}")
    second = HeldPort(f"unix:{path}", 7, [first.sockets[0].dup()], shared=True)
    second.remove_path_later()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_an_inherited_socket_is_shared(held):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = held(f"fd:{os.dup(listening.fileno())}")
        assert port.shared
        assert port.sockets[0].getsockname() == listening.getsockname()
    assert inherited("fd:3")
    assert inherited("haproxy:systemd:domain=INET:index=0")
    assert not inherited("tcp:80")


@pytest.mark.parametrize("description", ["stdio:", "stdio"])
def test_what_can_not_be_shared_is_told(description):
    with pytest.raises(ConfigurationError, match="write --workers 1"):
        HeldPort(description, 7).check()


def test_adopting_neither_changes_nor_ends_the_socket(held, tmp_path):
    """Its mode and path stay, and others go on listening when one stops."""
    from twisted.internet.protocol import Factory
    from twisted.internet.testing import MemoryReactor

    path = tmp_path / "site.sock"
    port = held(f"unix:{path}:mode=600")
    reactor = MemoryReactor()
    adopted = []
    held_endpoint(reactor, "unix:x", os.dup(port.sockets[0].fileno()), 7, bool).listen(Factory()).addCallback(
        adopted.append
    )
    adopted[0].connectionLost(None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
