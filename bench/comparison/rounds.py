"""Measures: one server at a time, rounds that alternate between the servers, medians. Never two loads at once."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from statistics import median
from subprocess import CalledProcessError
from typing import Any

from attrs import evolve, frozen

from comparison.asking import h2load, wrk
from comparison.asking.counted import ClientFailedError, Counted
from comparison.asking.idle import idle_connections, still_open
from comparison.asking.probe import Probe
from comparison.material import Material
from comparison.scenarios import Scenario
from comparison.servers import SERVERS, Running, ServerFailedError, cpu_seconds, resident_kib, running, takes_part

WARM_UP = 1.0
"""Seconds of load before each measurement: imports, memos and pools are made then."""
REST = 0.1
"""Seconds of little CPU that count as rest."""
RESTS = 30
"""Looks for it, at most."""


@frozen
class Plan:
    """How to measure."""

    servers: tuple[str, ...]
    rounds: int
    seconds: float
    server_core: int
    material: Material


def compare(scenario: Scenario, threads: int, plan: Plan) -> list[dict[str, Any]]:
    """Return a row of medians for each server that can take part, asked in turn: A B C, A B C."""
    names = [name for name in plan.servers if _takes_part(name, scenario)]
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    failed: dict[str, str] = {}
    for number in range(plan.rounds):
        for name in names:
            _say(f"{scenario.name}, {threads} threads, round {number + 1} of {plan.rounds}: {name}")
            try:
                seen[name].append(_measure(name, scenario, threads, plan))
            except (ServerFailedError, ClientFailedError, OSError, CalledProcessError) as error:
                failed[name] = str(error)
                _say(f"  {error}")
    return [_row(scenario, threads, name, seen[name], failed.get(name)) for name in names]


def _takes_part(name: str, scenario: Scenario) -> bool:
    return (not scenario.only or name in scenario.only) and takes_part(SERVERS[name], scenario)


def _row(
    scenario: Scenario, threads: int, name: str, seen: list[dict[str, float]], failed: str | None
) -> dict[str, Any]:
    return {
        "scenario": scenario.name,
        "threads": threads,
        "connections": scenario.connections,
        "server": name,
        "failed": failed,
        "figures": {key: median(each[key] for each in seen) for key in (seen[0] if seen else ())},
        "rounds": seen,
    }


def _measure(name: str, scenario: Scenario, threads: int, plan: Plan) -> dict[str, float]:
    with running(name, scenario, threads, plan.server_core, plan.material) as server:
        scenario = _warmed_up(server, scenario, plan)
        _await_rest(server)
        if not scenario.idle:
            return _figures(name, server, scenario, plan)
        return _beside_idle(name, server, scenario, plan)


def _warmed_up(server: Running, scenario: Scenario, plan: Plan) -> Scenario:
    """Have it asked for the first time; return what is asked next: requests to fill the time, if h2load asks."""
    seen = _ask(server, scenario, WARM_UP, plan)
    if not scenario.requests or scenario.anew:
        return scenario
    return evolve(scenario, requests=max(scenario.requests, round(plan.seconds * seen.requests / seen.seconds)))


def _ask(server: Running, scenario: Scenario, seconds: float, plan: Plan) -> Counted:
    if scenario.tool == "h2load":
        return h2load.ask(server.port, scenario, seconds, plan.material.content)
    return wrk.ask(server.port, scenario, seconds)


def _await_rest(server: Running) -> None:
    """Wait until what the last load left behind is worked off: a queue of its requests would be in our latencies."""
    for _ in range(RESTS):
        before = cpu_seconds(server.group)
        time.sleep(REST)
        if cpu_seconds(server.group) - before < REST / 5:
            return


def _beside_idle(name: str, server: Running, scenario: Scenario, plan: Plan) -> dict[str, float]:
    """Measure before and while idle connections lie open: the same server, so that only they differ."""
    alone = _figures(name, server, scenario, plan)
    before = resident_kib(server.group)
    with idle_connections(server.port, scenario.idle) as connections:
        grown = resident_kib(server.group) - before
        figures = _figures(name, server, scenario, plan)
        kept = still_open(connections)
    return figures | {"alone_cpu_us": alone["cpu_us"], "idle_kib": grown / scenario.idle, "idle_kept": float(kept)}


def _figures(name: str, server: Running, scenario: Scenario, plan: Plan) -> dict[str, float]:
    probe = Probe(server.probe_port) if name == "ours" else None
    before = cpu_seconds(server.group)
    seen = _ask(server, scenario, plan.seconds, plan)
    used = cpu_seconds(server.group) - before
    requests = seen.octets / scenario.reply if scenario.reply else seen.requests
    figures = {
        "requests_per_s": requests / seen.seconds,
        "mib_per_s": seen.octets / seen.seconds / (1 << 20),
        "cpu_us": used / requests * 1e6 if requests else 0.0,
        **seen.latencies,
        "not_2xx": float(seen.not_2xx),
        "broken": float(seen.broken),
    }
    return figures | ({"probe_p99_ms": probe.p99_ms()} if probe else {})


def each(scenarios: list[Scenario], threads: list[int], plan: Plan) -> Iterator[list[dict[str, Any]]]:
    """Give the rows of one table after the other."""
    for scenario in scenarios:
        for count in scenario.threads:
            if not threads or count in threads:
                yield compare(scenario, count, plan)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
