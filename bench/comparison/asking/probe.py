"""A health probe: how long the reactor takes to answer somebody new."""

from __future__ import annotations

import socket
import threading
import time

PROBE_PERIOD = 0.02
"""Seconds between health probes: 1 % of one core, and 200 of them in 4 s."""
PROBE_PATIENCE = 10.0
"""Seconds that a probe waits; one that fails counts as these."""


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
