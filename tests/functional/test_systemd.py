"""Under systemd: what it is told over a server's life, its watchdog, its sockets, its units."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

ANY_TRANSPORT = pytest.mark.parametrize("transport", ["auto"], indirect=True)
"""What is told does not depend on how connections are read: once is enough."""
PATIENCE = 10


class NotifySocket:
    """What systemd does of sd_notify(3). `told` is all that came, one dict per datagram, with the time of each."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.told: list[dict[str, str]] = []

    def next(self, seconds: float = PATIENCE) -> dict[str, str] | None:
        """Return what is told next; None if nothing is in time."""
        self._socket.settimeout(seconds)
        try:
            datagram = self._socket.recv(65536).decode()
        except TimeoutError:
            return None
        self.told.append(dict(line.split("=", 1) for line in datagram.split("\n")))
        return self.told[-1]

    def until(self, key: str) -> dict[str, str]:
        """Return what is told next with this key."""
        while (told := self.next()) is not None:
            if key in told:
                return told
        pytest.fail(f"{key} was not told, only {self.told}", pytrace=False)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["a file", "an abstract name"])
def systemd(request, tmp_path: Path) -> Iterator[NotifySocket]:
    if request.param == "a file":
        listening = NotifySocket(str(tmp_path / "notify"))
    else:
        listening = NotifySocket(f"@wsgicontainer-test-{os.getpid()}")
    yield listening
    listening.close()


A_FILE = pytest.mark.parametrize("systemd", ["a file"], indirect=True)


def get(url: str, seconds: float = 20) -> bytes:
    with urllib.request.urlopen(url, timeout=seconds) as reply:
        return reply.read()


def keys(told: list[dict[str, str]]) -> list[str]:
    """Name each datagram by what systemd acts on, leaving out what is only for people and for the watchdog."""
    names = ("READY", "RELOADING", "STOPPING")
    return [name for each in told for name in names if name in each]


@ANY_TRANSPORT
def test_systemd_is_told_of_boot_reload_and_end_in_order(serve, systemd):
    """READY when it answers, RELOADING and READY around HUP, STOPPING when it drains."""
    server = serve("frozen:application", env={"NOTIFY_SOCKET": systemd.address})
    ready = systemd.until("READY")
    assert ready["MAINPID"] == str(server.process.pid)
    assert ready["STATUS"] == "Serving: 1 threads, 0 connections, 0 requests wait"
    assert get(server.url)
    before = time.monotonic_ns() // 1000
    server.process.send_signal(signal.SIGHUP)
    reloading = systemd.until("RELOADING")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert systemd.until("READY")["STATUS"] == "Reloaded"
    server.process.terminate()
    assert systemd.until("STOPPING")["STATUS"].startswith("Draining: ")
    assert server.wait() == 0
    assert keys(systemd.told) == ["READY", "RELOADING", "READY", "STOPPING"]
    assert not any("WATCHDOG" in each for each in systemd.told)


@A_FILE
@ANY_TRANSPORT
@pytest.mark.parametrize("frozen", ["/thread", "/reactor"])
def test_the_watchdog_is_fed_until_the_threads_or_the_reactor_freeze(serve, systemd, frozen):
    """Then systemd kills and restarts. Requests that are served, or wait for their turn, do not stop it."""
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "600000"}
    server = serve("frozen:application", "--threads", "1", env=environ)
    systemd.until("READY")
    for _ in range(3):
        assert systemd.until("WATCHDOG") and get(server.url)
    askers = [Thread(target=ask, args=(server.url + frozen,), daemon=True) for _ in range(3)]
    for asker in askers:
        asker.start()
    deadline = time.monotonic() + PATIENCE
    while (told := systemd.next(2)) is not None:
        assert time.monotonic() < deadline, systemd.told
        assert "STATUS" in told or "WATCHDOG" in told
    server.kill()


def ask(url: str) -> None:
    with suppress(OSError):
        get(url)


@A_FILE
@ANY_TRANSPORT
def test_neither_the_application_nor_its_children_speak_in_our_name(serve, systemd):
    """The variables end with the server: a child that said READY or WATCHDOG would be believed."""
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000000"}
    server = serve("frozen:application", env=environ)
    for path in ("/", "/child"):
        assert json.loads(get(server.url + path)) == []
