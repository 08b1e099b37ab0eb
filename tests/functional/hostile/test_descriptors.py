"""Fewer descriptors than clients: the server says so at the start, and goes on answering."""

from __future__ import annotations

import sys
import time
from contextlib import suppress

import pytest
from observing import Vigil
from rawclient import Client

DESCRIPTORS, CLIENTS = 64, 200
FEW = f'ulimit -n {DESCRIPTORS} && exec "$@"'


@pytest.fixture
def confined(start, apps, transport, tmp_path):
    """A server that may open 64 descriptors."""
    words = [sys.executable, "-m", "wsgicontainer", "besieged:application", "--transport", transport]
    words += ["--chdir", str(apps), "--port", "tcp:0:interface=127.0.0.1", "--threads", "4", "--min-threads", "4"]
    return start("/bin/sh", "-c", FEW, "sh", *words, cwd=tmp_path).started()


FIRST = {"silent": b"", "idle": b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "half": b"GET / HT"}


@pytest.mark.parametrize("kind", FIRST)
def test_more_clients_than_descriptors(confined, attack_seconds, kind):
    """200 connections that come and stay: a newcomer is answered all the same, and soon."""
    clients: list[Client] = []
    with Vigil(confined) as vigil:
        for _ in vigil.during(attack_seconds):
            while len(clients) < CLIENTS:
                clients.append(Client(confined.port))
                with suppress(OSError):  # closed to make room
                    clients[-1].socket.sendall(FIRST[kind])
            time.sleep(0.1)
    for client in clients:
        client.close()
    vigil.check()
    confined.wait_for("at most 32 connections")
