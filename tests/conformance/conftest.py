"""A client that trusts nobody: raw octets out, replies read strictly as RFC 9112 section 6 frames them.

Every wait has a limit. `connect(port)` opens a connection that ends with the test; `ask(…)` is one whole request.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from tests.functional.conftest import Server, serve_module, transport

__all__ = ["serve_module", "transport"]
LIMIT = 20.0
"""Seconds that any one wait may take, on a loaded machine too."""
_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?([\t\x20-\x7e\x80-\xff]*)")


class Cut(Exception):
    """The connection ended before the reply did: what a client takes for an error."""

    def __init__(self, reply: Reply | None, seen: bytes) -> None:
        super().__init__(f"cut after {seen[:200]!r}")
        self.reply, self.seen = reply, seen


class Reply(NamedTuple):
    """One response as a strict client reads it."""

    code: int
    reason: str
    fields: list[tuple[str, str]]
    content: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of all field lines of a name."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def one(self, name: str) -> str | None:
        """Return the value of a field that may stand only once; None if it is not there."""
        values = self.all(name)
        assert len(values) < 2, f"{name} stands {len(values)} times: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        """Return the content, read as JSON."""
        return json.loads(self.content)


class Peer:
    """One connection to the server."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(LIMIT)
        self.socket = sock
        self.seen = b""
        """What has come and was not read as part of a reply."""

    def send(self, data: bytes) -> Peer:
        self.socket.sendall(data)
        return self

    def reply(self, method: str = "GET") -> Reply:
        """Read one response, interim ones too. Raises Cut."""
        head = self.until(b"\r\n\r\n")
        status, *lines = head[:-4].split(b"\r\n")
        match = _STATUS_LINE.fullmatch(status)
        assert match, f"no status line: {status!r}"
        fields = [_FIELD.fullmatch(line) for line in lines]
        assert all(fields), f"no field lines: {lines}"
        pairs = [(found[1].decode(), found[2].decode("latin-1")) for found in fields if found]
        reply = Reply(int(match[1]), match[2].decode("latin-1"), pairs, b"")
        if method == "HEAD" or reply.code < 200 or reply.code in (204, 304):
            return reply
        try:
            return reply._replace(content=self._content(reply))
        except Cut as cut:
            raise Cut(reply, cut.seen) from None

    def _content(self, reply: Reply) -> bytes:
        length, coding = reply.one("Content-Length"), reply.one("Transfer-Encoding")
        assert length is None or coding is None, "both Content-Length and Transfer-Encoding (RFC 9112 section 6.2)"
        if coding is not None:
            assert coding == "chunked"
            return b"".join(self._chunks())
        if length is not None:
            return self.exactly(int(length))
        return self.rest()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.until(b"\r\n"), 16):
            chunk = self.exactly(size + 2)
            assert chunk.endswith(b"\r\n")
            yield chunk[:-2]
        assert self.until(b"\r\n") == b"\r\n", "trailers that nobody announced"

    def until(self, end: bytes) -> bytes:
        """Read up to and with an end mark. Raises Cut."""
        while end not in self.seen:
            self._more()
        part, mark, self.seen = self.seen.partition(end)
        return part + mark

    def exactly(self, count: int) -> bytes:
        """Read so many octets. Raises Cut."""
        while len(self.seen) < count:
            self._more()
        part, self.seen = self.seen[:count], self.seen[count:]
        return part

    def rest(self) -> bytes:
        """Read to a clean end. Raises Cut for any other."""
        while data := self._receive():
            self.seen += data
        rest, self.seen = self.seen, b""
        return rest

    def closed(self) -> bool:
        """Wait until the server closes, cleanly or not; False if it says something instead."""
        if self.seen:
            return False
        try:
            return not self._receive()
        except Cut:
            return True

    def silent(self, seconds: float = 0.2) -> bool:
        """Tell whether nothing comes and nothing ends for a while."""
        self.socket.settimeout(seconds)
        try:
            return not self.seen and self.socket.recv(1, socket.MSG_PEEK) is None
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(LIMIT)

    def _more(self) -> None:
        data = self._receive()
        if not data:
            raise Cut(None, self.seen)
        self.seen += data

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65536)
        except ConnectionError:
            raise Cut(None, self.seen) from None

    def close(self) -> None:
        self.socket.close()


Connect = Callable[..., Peer]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Open connections that end with the test: `connect(server.port).send(b"…").reply()`."""
    peers: list[Peer] = []

    def connect(port: int, receive_buffer: int = 0) -> Peer:
        sock = socket.socket()
        peers.append(Peer(sock))
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.connect(("127.0.0.1", port))
        return peers[-1]

    yield connect
    for peer in peers:
        peer.close()


@pytest.fixture
def ask(connect: Connect, site: Server) -> Callable[..., Reply]:
    """`ask("/path", "Field: value")` on a connection of its own, and what the reply says."""

    def ask(target: str, *lines: str, method: str = "GET", content: bytes = b"", version: str = "1.1") -> Reply:
        return (
            connect(site.port)
            .send(request(target, *lines, method=method, content=content, version=version))
            .reply(method)
        )

    return ask


def request(target: str, *lines: str, method: str = "GET", content: bytes = b"", version: str = "1.1") -> bytes:
    """Make a request's octets; Host comes by itself, and Content-Length when there is content."""
    fields = ["Host: localhost", *lines]
    if content and not any(line.lower().startswith("transfer-encoding") for line in lines):
        fields.append(f"Content-Length: {len(content)}")
    head = "\r\n".join([f"{method} {target} HTTP/{version}", *fields, "", ""])
    return head.encode("latin-1") + content


def eventually(happened: Callable[[], Any], seconds: float = LIMIT) -> Any:
    """Poll until something is true; return it, or what it was at the end."""
    deadline = time.monotonic() + seconds
    while not (outcome := happened()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return outcome
