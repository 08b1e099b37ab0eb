"""A load that retries nothing and counts: every request must be answered, whole and with 200, on the first attempt.

`Counting` runs in a process of its own: `python counting.py PORT STAYING PASSING PATH TLS` prints one line of JSON when
its standard input ends.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

PATIENCE = 20
"""Seconds after which an answer counts as lost."""


class Clients:
    """Threads that ask all the time: some on connections that stay, some on a new one for each request."""

    def __init__(self, port: int, staying: int, passing: int, path: str, tls: bool) -> None:
        self._tls = _context() if tls else None
        self._port, self._path = port, path
        self.good: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.times: list[float] = []
        self.slowest = 0.0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._stay, daemon=True) for _ in range(staying)]
        self._threads += [threading.Thread(target=self._pass, daemon=True) for _ in range(passing)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + 5)

    def _stay(self) -> None:
        client: socket.socket | None = None
        while not self._stop.is_set():
            client = self._one(client, keep=True)
        if client is not None:
            client.close()

    def _pass(self) -> None:
        while not self._stop.is_set():
            self._one(None, keep=False)

    def _one(self, client: socket.socket | None, *, keep: bool) -> socket.socket | None:
        """Ask once; return the connection if it may be used again."""
        began = time.monotonic()
        kind = "again" if client is not None else "connect"
        try:
            if client is None:
                client = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
                if self._tls is not None:
                    client = self._tls.wrap_socket(client, server_hostname="a.example")
            kind = f"{'stay' if keep else 'pass'} {kind}"
            close = "" if keep else "Connection: close\r\n"
            client.sendall(f"GET {self._path} HTTP/1.1\r\nHost: a.example\r\n{close}\r\n".encode())
            who, closes = _read(client)
        except (OSError, ValueError) as error:
            with self._lock:
                self.failures[f"{kind}: {type(error).__name__}: {error}"] += 1
                self.times.append(time.time())
            if client is not None:
                client.close()
            return None
        with self._lock:
            self.good[who] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)
        if keep and not closes:
            return client
        client.close()
        return None


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _read(client: socket.socket) -> tuple[str, bool]:
    """Read one reply: who it is from, and whether the connection closes. Raises ValueError for what is not whole."""
    octets = b""
    while b"\r\n\r\n" not in octets:
        more = client.recv(65536)
        if not more:
            raise ValueError(f"ended after {len(octets)} octets")
        octets += more
    head, _, content = octets.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    if not lines[0].startswith(b"http/1.1 200 "):
        raise ValueError(lines[0].decode("latin-1"))
    length = next(int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:"))
    while len(content) < length:
        more = client.recv(65536)
        if not more:
            raise ValueError("ended within the content")
        content += more
    return content.split(b"\n")[0].decode(), b"connection: close" in lines


class Counting:
    """The same in another process."""

    def __init__(self, port: int, staying: int, passing: int, path: str = "/", tls: bool = False) -> None:
        words = [sys.executable, str(Path(__file__)), str(port), str(staying), str(passing), path, str(int(tls))]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def stop(self) -> dict[str, Any]:
        """End it; return `good` (by who answered), `failures` (by kind), `times` of failures, `slowest`."""
        out, _ = self._process.communicate(timeout=60)
        return dict(json.loads(out))

    def kill(self) -> None:
        """See to it that nothing stays."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


def main() -> None:
    port, staying, passing = map(int, sys.argv[1:4])
    clients = Clients(port, staying, passing, sys.argv[4], sys.argv[5] == "1")
    clients.start()
    print("started", flush=True)
    sys.stdin.read()
    clients.stop()
    report = {
        "good": clients.good,
        "failures": clients.failures,
        "times": clients.times,
        "slowest": round(clients.slowest, 3),
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
