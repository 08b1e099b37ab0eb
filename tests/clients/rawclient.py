"""One raw connection: a client that sends anything, reads whole replies, and may vanish at any moment."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Callable

PATIENCE = 20
"""Seconds after which a client gives up: far more than any reply needs."""


class Wrong(AssertionError):
    """A reply that is not what was asked for."""


class Client:
    """One raw connection: sends anything, reads whole replies."""

    def __init__(
        self, port: int, *, small: bool = False, patience: float = PATIENCE, tls: ssl.SSLContext | None = None
    ) -> None:
        """With `tls` it asks for a.example; then only one thread may use it."""
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(patience)
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="a.example")
        self.buffer = b""
        self.pause: Callable[[], object] = bool

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Vanish without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def more(self) -> None:
        self.pause()
        data = self.socket.recv(65536)
        if not data:
            raise Wrong(f"the reply ends after {self.buffer[:100]!r}")
        self.buffer += data

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def octets(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def reply(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one reply: its status, fields and content."""
        status = int(self.line().split()[1])
        fields = dict(line.lower().split(b": ", 1) for line in iter(self.line, b""))
        if b"content-length" in fields:
            return status, fields, self.octets(int(fields[b"content-length"]))
        content = b""
        while size := int(self.line(), 16):
            content += self.octets(size)
            self.octets(2)
        self.line()
        return status, fields, content
