#!/usr/bin/env python3
"""Serve good, slow, broken and vanishing clients for many minutes, and look four times a second at what it costs.

Ends with a table, and with status 1 if a reply was lost or not its own, the log has a traceback, a probe waited for
more than three seconds, or descriptors, threads or memory have grown.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "clients"))

from deeds import APPLICATION
from load import Load
from observing import Vigil, settles

CHECK = 0.25
WARM_UP = 15.0
"""Seconds of the same load before anything is compared: memos fill, the allocator finds its size."""
GROWTH = 16_000_000
"""Octets of memory by which the last third may exceed the one before: the noise of bursts."""


class Started:
    """A server whose log goes to a file."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        (folder / "stressed.py").write_text(APPLICATION)
        self._log = folder / "log"
        words = [sys.executable, "-m", "wsgicontainer", "stressed:application", "--transport", options.transport]
        words += ["--port", "tcp:0:interface=127.0.0.1", "--output-buffer", "64K"]
        words += ["--threads", str(options.threads), "--min-threads", str(options.threads)]
        words += ["--access-log", str(folder / "access")]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
        settles(lambda: "listening on" not in self.output(), at_most=0)
        found = re.search(r"listening on http://127\.0\.0\.1:(\d+)", self.output())
        if found is None:
            raise SystemExit(f"it does not listen:\n{self.output()}")
        self.port = int(found[1])

    def output(self) -> str:
        return self._log.read_text(errors="replace")


class Figure:
    """One thing that is looked at again and again."""

    def __init__(self, name: str, read: Callable[[], float]) -> None:
        self.name, self._read = name, read
        self.seen: list[float] = []

    def look(self) -> float:
        self.seen.append(self._read())
        return self.seen[-1]

    def thirds(self) -> list[float]:
        """Return the most that was seen in each third of the time."""
        step = max(1, len(self.seen) // 3)
        return [max(self.seen[at : at + step]) for at in (0, step, len(self.seen) - step)]

    def row(self, scale: float = 1) -> str:
        cells = [self.seen[0], *self.thirds(), self.seen[-1]]
        return f"| {self.name} | " + " | ".join(f"{cell / scale:,.1f}" for cell in cells) + " |"


def soak(server: Started, seconds: float, clients: int) -> list[str]:
    """Run the whole; print the table, return what was wrong."""
    vigil = Vigil(server)
    if failures := Load(server.port, WARM_UP, 1, clients).run().failures:
        return failures
    process, load = vigil.process, Load(server.port, seconds, 1000, clients)
    figures = [
        Figure("descriptors", process.descriptors),
        Figure("threads", process.threads),
        Figure("memory, MB", process.memory),
    ]
    began, cpu = time.monotonic(), process.cpu()
    with vigil:
        load.start()
        while load.goes_on():
            for figure in figures:
                figure.look()
            time.sleep(CHECK)
    took, cpu = time.monotonic() - began, process.cpu() - cpu
    wrong = load.failures + after(vigil, figures, clients)
    tell(figures, load, vigil)
    print(f"\n{took:.0f} s, {load.done} deeds, {cpu:.0f} s of CPU")
    return wrong


def after(vigil: Vigil, figures: list[Figure], clients: int) -> list[str]:
    """Tell what has grown, and whether all is as before now that the clients have left."""
    descriptors, threads, memory = figures
    wrong = []
    try:
        vigil.check()
    except AssertionError as error:
        wrong.append(str(error))
    for figure in figures:
        figure.look()
    _, middle, last = memory.thirds()
    if last > middle + GROWTH:
        wrong.append(f"memory has grown: {middle / 1e6:.1f} MB, then {last / 1e6:.1f} MB")
    if max(threads.seen) > vigil.threads:
        wrong.append(f"{max(threads.seen)} threads, where there were {vigil.threads}")
    if max(descriptors.seen) > vigil.descriptors + 8 * clients:
        wrong.append(f"{max(descriptors.seen)} descriptors for {clients} clients")
    return wrong


def tell(figures: list[Figure], load: Load, vigil: Vigil) -> None:
    """Print what was seen."""
    print("| | at first | most, 1st third | most, 2nd third | most, 3rd third | when all have left |")
    print("|---|---|---|---|---|---|")
    for figure in figures:
        print(figure.row(1e6 if figure.name.endswith("MB") else 1))
    print("\n| Deed | Times |\n|---|---|")
    for deed, times in sorted(load.deeds.items()):
        print(f"| {deed} | {times:,} |")
    print(f"\n{vigil.probe.asked} probes, the slowest {vigil.probe.worst * 1000:.0f} ms; ", end="")
    print(f"a probe without pause: the slowest {load.worst * 1000:.0f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--transport", choices=["nested", "twisted"], default="nested")
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--threads", type=int, default=12)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Started(Path(folder), options)
        try:
            wrong = soak(server, options.minutes * 60, options.clients)
            server.process.terminate()
            if status := server.process.wait(60):
                wrong.append(f"it ended with {status}")
            if "Traceback" in (log := server.output()):
                wrong.append(f"a traceback in the log:\n{log[-5000:]}")
        finally:
            server.process.kill()
    print("\n".join(wrong) if wrong else "Nothing lost, nothing left.")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
