"""Clients that take their reply slowly or not at all: memory stays flat, and application threads stay free."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

import pytest
from observing import Vigil
from rawclient import Client

READERS = 1000
MB = 1_000_000
GB = 1 << 30
PER_READER = {"nested": 64_000, "twisted": 200_000}
"""Octets of memory: --output-buffer and the connection; a Twisted transport keeps up to two blocks of 64 KiB beside."""


def asking(port: int, target: str) -> Client:
    """Ask for a reply, with as little room for it as the kernel allows."""
    client = Client(port, small=True)
    client.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    client.socket.setblocking(False)
    return client


def unsent_in_kernel(port: int) -> int:
    """Return the most octets that the kernel keeps for any one connection of a local port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return max(int(row[4].partition(":")[0], 16) for row in rows if row[1] == f"0100007F:{port:04X}")


def test_a_gigabyte_for_nobody(besieged, attack_seconds):
    """A reply of 1 GB whose client reads nothing costs its output budget, in the server and in the kernel."""
    server = besieged()
    most = 0
    with Vigil(server) as vigil:
        clients = [asking(server.port, f"/{kind}?{GB}") for kind in ("stream", "file")]
        for _ in vigil.during(attack_seconds):
            most = max(most, vigil.grown())
            time.sleep(0.1)
        kept = unsent_in_kernel(server.port)
        for client in clients:
            client.reset()
    assert most < 8 * MB and kept < 1 * MB
    vigil.check()


@pytest.mark.parametrize("kinds", [["file"], ["stream", "whole"]], ids="-".join)
def test_slow_readers(kinds, besieged, attack_seconds, transport):
    """1,000 clients that sip at 512 KiB: memory stays flat, and the application's threads answer others."""
    server = besieged("--output-buffer", "32K")
    clients: list[Client] = []
    most = 0
    with Vigil(server) as vigil:
        while len(clients) < READERS and not vigil.probe.failures:
            clients.append(asking(server.port, f"/{kinds[len(clients) % len(kinds)]}?{1 << 19}"))
        for _ in vigil.during(attack_seconds):
            for client in clients:
                sip(client)
            most = max(most, vigil.grown())
            if vigil.probe.failures:
                break
            time.sleep(0.1)
    for client in clients:
        client.reset()
    vigil.check()
    assert len(clients) == READERS
    assert most < READERS * PER_READER[transport]


def sip(client: Client) -> None:
    """Take a few octets, if there are any."""
    with suppress(BlockingIOError):
        client.socket.recv(16)
