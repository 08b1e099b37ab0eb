"""What a server looks like from outside: what its process holds, and whether it still answers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from rawclient import Client


class Process:
    """What a process holds, from /proc."""

    def __init__(self, number: int) -> None:
        self._folder = Path(f"/proc/{number}")

    def descriptors(self) -> int:
        return len(os.listdir(self._folder / "fd"))

    def sockets(self) -> int:
        """How many of the descriptors are sockets: connections and ports, the reactor's own too."""
        count = 0
        for name in os.listdir(self._folder / "fd"):
            with suppress(OSError):  # closed meanwhile
                count += os.readlink(self._folder / "fd" / name).startswith("socket:")
        return count

    def threads(self) -> int:
        return len(os.listdir(self._folder / "task"))

    def memory(self) -> int:
        """Resident octets."""
        return int((self._folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds used so far."""
        words = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def is_open(descriptor: int) -> bool:
    """Whether this process has it."""
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def settles(value: Callable[[], float], at_most: float, seconds: float = 15) -> float:
    """Wait until a value is low enough; return the last."""
    deadline = time.monotonic() + seconds
    while (last := value()) > at_most and time.monotonic() < deadline:
        time.sleep(0.05)
    return last


def steady(value: Callable[[], float], seconds: float = 0.3) -> None:
    """Wait until a value has been the same for so long."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.02)
        if (now := value()) != last:
            last, since = now, time.monotonic()


class Probe:
    """Asks a server four times a second, on a new connection each time, whether it is still there."""

    INTERVAL, PATIENCE = 0.25, 3.0
    REQUEST = b"GET / HTTP/1.1\r\nHost: probe\r\nConnection: close\r\n\r\n"

    def __init__(self, port: int) -> None:
        self.failures: list[str] = []
        self.asked, self.worst = 0, 0.0
        self._port, self._end = port, threading.Event()
        self._thread = threading.Thread(target=self._ask_on, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join()

    def ask(self) -> None:
        """Ask once; what is wrong with the answer is kept."""
        began = time.monotonic()
        try:
            client = Client(self._port, patience=self.PATIENCE)
            try:
                client.socket.sendall(self.REQUEST)
                status = client.reply()[0]
            finally:
                client.close()
            if status != 200:
                self.failures.append(f"answered {status}")
        except Exception as error:
            self.failures.append(f"{type(error).__name__}: {error}")
        took = time.monotonic() - began
        self.asked, self.worst = self.asked + 1, max(self.worst, took)
        if took > self.PATIENCE:
            self.failures.append(f"answered after {took:.1f} s")

    def _ask_on(self) -> None:
        while not self._end.wait(self.INTERVAL):
            self.ask()


class Vigil:
    """A server under attack: `with Vigil(server) as vigil: attack()`, then `vigil.check()`.

    The probe asks from the beginning to the end of the block.
    """

    def __init__(self, server: Any) -> None:
        """Take a server that has started all its threads."""
        self.process, self.probe = Process(server.process.pid), Probe(server.port)
        self._server = server
        first = Client(server.port)
        first.socket.sendall(Probe.REQUEST.replace(b"close", b"keep-alive"))
        assert first.reply()[0] == 200
        steady(self.process.descriptors)  # the reactor opens its last pipe after the first connections
        self.descriptors = self.process.descriptors() - 1
        self.sockets = self.process.sockets() - 1
        self.threads, self.memory = self.process.threads(), self.process.memory()
        first.close()

    def __enter__(self) -> Self:
        self.probe.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.probe.stop()

    def during(self, seconds: float) -> Iterator[int]:
        """Count the rounds of an attack that is repeated until so many seconds have passed."""
        until, number = time.monotonic() + seconds, 0
        while number == 0 or time.monotonic() < until:
            yield number
            number += 1

    def grown(self) -> int:
        """Octets of memory that it has taken since the beginning."""
        return self.process.memory() - self.memory

    def check(self) -> None:
        """Nobody was kept waiting, nothing is left, and it rests."""
        assert self.probe.failures == [], self._told()
        assert self.probe.asked
        assert settles(self.process.descriptors, self.descriptors) <= self.descriptors, self._told()
        assert settles(self.process.threads, self.threads) <= self.threads
        assert settles(self._cpu_of_a_while, 0.02, seconds=5) <= 0.02, "it spins"
        assert "Traceback" not in self._server.output(), self._told()

    def _cpu_of_a_while(self) -> float:
        began = self.process.cpu()
        time.sleep(0.5)
        return self.process.cpu() - began

    def _told(self) -> str:
        probe = self.probe
        figures = f"{probe.asked} probes, the slowest {probe.worst:.2f} s, {self.process.descriptors()} descriptors"
        return f"{figures}\n{self._server.output()[-5000:]}"
