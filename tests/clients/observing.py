"""What a server looks like from outside: what its process holds, and whether it still answers."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path


class Process:
    """What a process holds, from /proc."""

    def __init__(self, number: int) -> None:
        self._folder = Path(f"/proc/{number}")

    def descriptors(self) -> int:
        return len(os.listdir(self._folder / "fd"))

    def threads(self) -> int:
        return len(os.listdir(self._folder / "task"))

    def memory(self) -> int:
        """Resident octets."""
        return int((self._folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds used so far."""
        words = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def settles(value: Callable[[], float], at_most: float, seconds: float = 15) -> float:
    """Wait until a value is low enough; return the last."""
    deadline = time.monotonic() + seconds
    while (last := value()) > at_most and time.monotonic() < deadline:
        time.sleep(0.05)
    return last
