"""The three questions: what a second core gives, what four workers cost, how soon a killed one is replaced."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from statistics import median

from workforce.processes import Crew, await_answer, serving

SETTLED = 3.0
"""Seconds after which memory is looked at."""
ASKED = 400
"""Requests before that."""


def throughput(name: str, workers: int, seconds: float) -> float:
    """Return requests per second of a Flask page that computes for 5 ms; wrk gives way to it."""
    with serving(name, "apps:flaskcpu", workers) as crew:
        _load(crew, 1.0)
        return _load(crew, seconds)


def _load(crew: Crew, seconds: float) -> float:
    words = ["nice", "-n10", "wrk", "-t1", "-c16", f"-d{seconds:g}s", f"http://127.0.0.1:{crew.port}/"]
    text = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"bench/workers: not all were answered:\n{text}")
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", text)[0])


def memory(name: str, workers: int, *words: str) -> float:
    """Return MiB of all processes of a server with a Django page, after some requests."""
    with serving(name, "djangopage:app", workers, *words) as crew:
        for _ in range(ASKED):
            crew.ask()
        time.sleep(SETTLED)
        return crew.proportional_mib()


def replacement(name: str, *words: str, times: int = 5) -> float:
    """Return the median of ms from the death of all of two workers to the next answer."""
    found = []
    with serving(name, "djangopage:app", 2, *words) as crew:
        for _ in range(times):
            time.sleep(2.0)  # who dies too soon is let wait
            killed = crew.workers()
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            began = time.monotonic()
            found.append((await_answer(crew, began + 30.0) - began) * 1000)
    return median(found)
