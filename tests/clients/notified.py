"""What systemd does of sd_notify(3): a socket that is told, and remembers all of it."""

from __future__ import annotations

import socket

import pytest

PATIENCE = 10


class NotifySocket:
    """`told` is all that came, one dict per datagram, with the time of each."""

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
