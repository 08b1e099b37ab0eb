"""What systemd does of sd_notify(3): a socket that is told, and remembers all of it."""

from __future__ import annotations

import queue
import socket
import threading

import pytest

PATIENCE = 10


class NotifySocket:
    """`told` is all that came and was asked for, one dict per datagram.

    A thread takes datagrams as they come, as systemd does: the kernel keeps ten of them, and a server that would have
    to wait to tell another one drops it.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._came: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.told: list[dict[str, str]] = []

    def _read(self) -> None:
        while datagram := self._socket.recv(65536):
            self._came.put(datagram.decode())

    def next(self, seconds: float = PATIENCE) -> dict[str, str] | None:
        """Return what is told next; None if nothing is in time."""
        try:
            datagram = self._came.get(timeout=seconds)
        except queue.Empty:
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
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reader.join(5)
        self._socket.close()
