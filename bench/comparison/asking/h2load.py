"""h2load: HTTP/2 with several streams, long transfers, and full handshakes; all over TLS.

What it prints is for people and differs between its versions: each figure is looked for by its name, never by its
place. Old versions have no percentiles, only the mean and the longest time.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from comparison.asking.counted import ClientFailedError, Counted
from comparison.scenarios import Scenario

PATIENCE = 120.0
"""Seconds that one run of it may take: a server needing more has failed."""
_LATENCIES = {"median": "p50_ms", "p99": "p99_ms", "mean": "mean_ms", "max": "max_ms"}
"""The names of h2load's columns, and ours."""
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0}
_TIME = r"([\d.]+)(us|ms|s)\b"


def ask(port: int, scenario: Scenario, seconds: float, content: Path) -> Counted:
    """Have h2load ask from this process's core, as often as the scenario says; if anew, for so long, too.

    Raises ClientFailedError.
    """
    words = words_of(scenario, port, content)
    end = time.monotonic() + seconds
    counted = [count(_run(words), scenario)]
    while scenario.anew and time.monotonic() < end:
        counted.append(count(_run(words), scenario))
    return counted[0] if len(counted) == 1 else total(counted)


def _run(words: list[str]) -> str:
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    except subprocess.TimeoutExpired:
        raise ClientFailedError(f"it was not ready after {PATIENCE:g} s") from None


def total(counted: list[Counted]) -> Counted:
    """Add up what was counted one after the other; latencies can't be added."""
    names = ("requests", "seconds", "octets", "not_2xx", "broken")
    return Counted(**{name: sum(getattr(each, name) for each in counted) for name in names}, latencies={})


def words_of(scenario: Scenario, port: int, content: Path) -> list[str]:
    """Return the command line, which gives way to the probe."""
    words = ["nice", "-n10", "h2load", "-c", str(scenario.connections), "-m", str(scenario.streams)]
    words += ["-n", str(scenario.requests)]
    words += [] if scenario.over == "h2" else ["--h1"]
    words += ["-d", str(content)] if scenario.sends else []
    return [*words, f"{scenario.scheme}://127.0.0.1:{port}/"]


def count(text: str, scenario: Scenario) -> Counted:
    """Read what h2load printed. Raises ClientFailedError."""
    requests = _numbers(text, "requests")
    errored, unheard = requests.get("errored", 0), _unheard(text, requests)
    done = requests.get("succeeded", 0) + unheard
    if not done:
        raise ClientFailedError(f"no request succeeded: {_why(text)}")
    spoken = re.search(r"Application protocol: (\S+)", text)
    if scenario.over == "h2" and (spoken is None or spoken[1] != "h2"):
        raise ClientFailedError(f"it does not speak HTTP/2: {spoken[1] if spoken else 'nothing agreed'}")
    data = re.search(r"\((\d+)\) data", text)
    return Counted(
        requests=done,
        seconds=_ms(re.search(rf"finished in {_TIME}", text)) / 1000,
        octets=done * scenario.sends if scenario.sends else int(data[1]) if data else 0,
        not_2xx=max(requests.get("failed", 0) - errored - unheard, 0),
        broken=errored,
        latencies=_latencies(text.splitlines()),
    )


def _unheard(text: str, requests: dict[str, int]) -> int:
    """Count replies without a reason phrase, as hypercorn's: version 1.52 hears no status, and fails them."""
    heard = _numbers(text, "status codes").values()
    return max(requests.get("done", 0) - requests.get("errored", 0) - sum(heard), 0)


def _numbers(text: str, name: str) -> dict[str, int]:
    """Read a line like `requests: 10 total, 9 succeeded`."""
    line = re.search(rf"^{name}: (.*)$", text, re.MULTILINE)
    return {word: int(number) for number, word in re.findall(r"(\d+) (\w+)", line[1])} if line else {}


def _latencies(lines: list[str]) -> dict[str, float]:
    """Read the line of the requests, under the columns' names."""
    names: list[str] = []
    for line in lines:
        if line.split()[:2] == ["min", "max"]:
            names = line.split()
        elif names and re.match(r"(time for )?request\s*:", line):
            values = line.partition(":")[2].split()
            told = dict(zip(names, values, strict=False))
            return {ours: _ms(re.fullmatch(_TIME, told[name])) for name, ours in _LATENCIES.items() if name in told}
    return {}


def _ms(found: re.Match[str] | None) -> float:
    if found is None:
        raise ClientFailedError("h2load prints times that are not understood")
    return float(found[1]) * _MS[found[2]]


def _why(text: str) -> str:
    lines = ["no output", *filter(str.strip, text.splitlines())]
    return next((line for line in lines if line.startswith("requests:")), lines[-1])
