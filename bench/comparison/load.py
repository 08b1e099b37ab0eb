"""Who asks: wrk from one core, a health probe, and connections that lie idle."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import frozen

from comparison.scenarios import Scenario
from environment import BENCH

PROBE_PERIOD = 0.02
"""Seconds between health probes: 1 % of one core, and 200 of them in 4 s."""
PROBE_PATIENCE = 10.0
"""Seconds that a probe waits; one that fails counts as these."""


@frozen
class Load:
    """What wrk counted."""

    requests: int
    seconds: float
    octets: int
    p50_ms: float
    p99_ms: float
    not_2xx: int
    broken: int


def load(port: int, scenario: Scenario, seconds: float) -> Load:
    """Have wrk ask from this process's core for so long."""
    words = ["nice", "-n10", "wrk", f"-t{scenario.client_threads}", f"-c{scenario.connections}", f"-d{seconds:g}s"]
    text = subprocess.run(
        [*words, "-s", f"{BENCH}/client.lua", f"http://127.0.0.1:{port}/", "--", scenario.client],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return Load(**json.loads(text.strip().rpartition("\n")[2]))


class Probe:
    """Asks the reactor for a sign of life, a new connection each time, from a thread of its own.

    It shares wrk's core, so what it sees includes up to a few milliseconds of waiting for that core.
    """

    def __init__(self, port: int) -> None:
        """Begin to ask."""
        self._port, self._ended = port, threading.Event()
        self._took: list[float] = []
        self._thread = threading.Thread(target=self._ask, daemon=True)
        self._thread.start()

    def p99_ms(self) -> float:
        """Stop asking; return what 99 of 100 probes did not exceed."""
        self._ended.set()
        self._thread.join()
        took = sorted(self._took)
        return took[min(len(took) - 1, int(len(took) * 0.99))] * 1000

    def _ask(self) -> None:
        while not self._ended.wait(PROBE_PERIOD):
            began = time.perf_counter()
            try:
                with socket.create_connection(("127.0.0.1", self._port), PROBE_PATIENCE) as connection:
                    connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                    connection.recv(100)
                self._took.append(time.perf_counter() - began)
            except OSError:
                self._took.append(PROBE_PATIENCE)


@contextmanager
def idle_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold so many keep-alive connections open, each after one reply."""
    connections: list[socket.socket] = []
    try:
        for _ in range(count):
            connection = socket.create_connection(("127.0.0.1", port), 10)
            connections.append(connection)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            connection.recv(1000)
            connection.setblocking(False)
        yield connections
    finally:
        for connection in connections:
            connection.close()


def still_open(connections: list[socket.socket]) -> int:
    """Count those that the server has not closed."""
    return sum(_is_open(connection) for connection in connections)


def _is_open(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return True
    except OSError:
        return False


def allow_descriptors(count: int) -> None:
    """Let this process and the servers that it starts open so many files. Raises ValueError if that may not be."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise ValueError(f"this needs {count} open files; the limit is {hard}: raise it with ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(count, hard), hard))
