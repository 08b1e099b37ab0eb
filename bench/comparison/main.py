"""The command line of bench/run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from comparison import page
from comparison.asking.idle import allow_descriptors
from comparison.material import Material, make
from comparison.rounds import Plan, each
from comparison.scenarios import SCENARIOS
from comparison.servers import SERVERS, USUAL
from environment import BENCH, VENV, install

LAST = BENCH / "last.json"
_PEERS = ("granian", "gunicorn", "waitress", "hypercorn", "uwsgi", "bjoern")
_NAMED = ("wsgicontainer", "twisted", "h2", *_PEERS, "django", "flask")


def main() -> None:
    """Measure what was asked for; write JSON, print Markdown."""
    asked = _parser().parse_args()
    _need("taskset", *sorted({SCENARIOS[name].tool for name in asked.scenarios or SCENARIOS}))
    for name in asked.servers:
        if SERVERS[name].extra:
            install(SERVERS[name].extra)
    with (VENV / "lock").open("w") as lock, TemporaryDirectory() as folder:
        try:
            flock(lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            raise SystemExit("bench/run: another one is measuring; two at once would measure each other") from None
        _measure(asked, make(Path(folder)))


def _measure(asked: argparse.Namespace, material: Material) -> None:
    scenarios = [SCENARIOS[name] for name in asked.scenarios or SCENARIOS]
    allow_descriptors(max(scenario.idle for scenario in scenarios) + 1000)
    run = {"rounds": asked.rounds, "seconds": asked.seconds, "machine": _machine(), "versions": _versions(), "rows": []}
    os.sched_setaffinity(0, {asked.client_core})
    plan = Plan(tuple(asked.servers), asked.rounds, asked.seconds, asked.server_core, material)
    for rows in each(scenarios, asked.threads, plan):
        run["rows"] += rows
        asked.output.write_text(json.dumps(run, indent=1) + "\n")  # a run that is interrupted leaves what it has
        print(page.tables(run | {"rows": rows}) + "\n", flush=True)
    print(f"## Targets\n\n{page.judgement(run)}\n\n{page.machine(run)}\n{asked.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench/run", description="Measure what serving costs, beside the peers.")
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", type=_one_of(SCENARIOS), help=", ".join(SCENARIOS))
    names = f"comma-separated, of {', '.join(SERVERS)} (default: {','.join(USUAL)})"
    parser.add_argument("--servers", type=_many_of(SERVERS), default=USUAL, help=names)
    parser.add_argument("--threads", type=int, action="append", default=[], help="only this size of pool; repeatable")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of load in each round, after 1 s of warming up")
    parser.add_argument("--server-core", type=int, default=0)
    parser.add_argument("--client-core", type=int, default=1)
    parser.add_argument("--output", type=Path, default=LAST, help="JSON for bench/plot (default: bench/last.json)")
    return parser


def _one_of(table: dict[str, Any]) -> Any:
    def name(word: str) -> str:
        if word not in table:
            raise argparse.ArgumentTypeError(f"{word} is none of {', '.join(table)}")
        return word

    return name


def _many_of(table: dict[str, Any]) -> Any:
    def names(words: str) -> list[str]:
        return [_one_of(table)(word) for word in words.split(",")]

    return names


def _need(*commands: str) -> None:
    missing = [command for command in commands if shutil.which(command) is None]
    if missing:
        raise SystemExit(f"bench/run needs {' and '.join(missing)}: apt install wrk nghttp2-client util-linux")
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("bench/run needs two cores: one for the server, one for the client")


def _machine() -> dict[str, Any]:
    models = [line.partition(":")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return {
        "cpu": models[0].strip() if models else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "load": f"{os.getloadavg()[0]:.2f}",
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _NAMED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
