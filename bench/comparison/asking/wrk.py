"""wrk: HTTP/1.1, on connections that stay or one per request."""

from __future__ import annotations

import json
import subprocess

from comparison.asking.counted import Counted
from comparison.scenarios import Scenario
from environment import BENCH


def ask(port: int, scenario: Scenario, seconds: float) -> Counted:
    """Have wrk ask from this process's core for so long."""
    words = ["nice", "-n10", "wrk", f"-t{scenario.client_threads}", f"-c{scenario.connections}", f"-d{seconds:g}s"]
    url = f"{scenario.scheme}://127.0.0.1:{port}/"
    text = subprocess.run(
        [*words, "-s", f"{BENCH}/client.lua", url, "--", scenario.client],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    counted = json.loads(text.strip().rpartition("\n")[2])
    latencies = {name: counted.pop(name) for name in ("p50_ms", "p99_ms")}
    return Counted(**counted, latencies=latencies)
