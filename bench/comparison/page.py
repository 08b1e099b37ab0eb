"""A run's figures as Markdown: for the terminal, and for docs/benchmarks.md. Pure."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from comparison.scenarios import SCENARIOS
from comparison.servers import SERVERS
from comparison.targets import verdicts

_COLUMNS = {
    "cpu_us": ("CPU µs/request", "{:,.1f}"),
    "requests_per_s": ("requests/s", "{:,.0f}"),
    "mib_per_s": ("MiB/s", "{:,.0f}"),
    "mean_ms": ("mean ms", "{:,.2f}"),
    "max_ms": ("longest ms", "{:,.2f}"),
    "p50_ms": ("p50 ms", "{:,.2f}"),
    "p99_ms": ("p99 ms", "{:,.2f}"),
    "probe_p99_ms": ("probe's p99 ms", "{:.1f}"),
    "idle_kib": ("KiB per idle connection", "{:.1f}"),
    "alone_cpu_us": ("CPU µs/request without them", "{:,.1f}"),
}
_CIRCUMSTANCES = (
    "{cpu}, {cores} cores, Linux {kernel}, Python {python}, {date}: medians of {rounds} rounds of {seconds:g} s;"
    " load {load} before"
)


def tables(run: dict[str, Any]) -> str:
    """Return a table for each scenario and number of threads."""
    groups = groupby(run["rows"], key=lambda row: (row["scenario"], row["threads"], row["connections"]))
    return "\n\n".join(_table(*key, list(rows)) for key, rows in groups)


def _table(name: str, threads: int, connections: int, rows: list[dict[str, Any]]) -> str:
    keys = [key for key in _COLUMNS if key != "mib_per_s" or SCENARIOS[name].shows == key]
    keys = [key for key in keys if any(key in row["figures"] for row in rows)]
    asks = SCENARIOS[name].asks
    title = f"### {name}, {threads} threads\n\n{asks[0].upper() + asks[1:]}; {connections} connections."
    lines = [_line(["Server", *(_COLUMNS[key][0] for key in keys)]), "|---" + "|--:" * len(keys) + "|"]
    ordered = sorted(rows, key=lambda row: row["figures"].get("cpu_us", float("inf")))
    return "\n".join([title, "", *lines, *(_line([_label(row), *_cells(row, keys)]) for row in ordered)])


def _cells(row: dict[str, Any], keys: list[str]) -> list[str]:
    figures = row["figures"]
    return [_COLUMNS[key][1].format(figures[key]) if key in figures else "–" for key in keys]


def _label(row: dict[str, Any]) -> str:
    """Name the server, with all that went wrong: figures of failed requests are none."""
    label, figures = SERVERS[row["server"]].label, row["figures"]
    wrong = [f"{figures[key]:,.0f} {what}" for key, what in _TROUBLE.items() if figures.get(key)]
    if figures.get("idle_kept", 1e9) < SCENARIOS[row["scenario"]].idle:
        wrong.append(f"kept only {figures['idle_kept']:,.0f}")
    if row["failed"]:
        wrong.append(row["failed"].replace("|", "/"))
    label = f"**{label}**" if row["server"] == "ours" else label
    return label + (f" ({'; '.join(wrong)})" if wrong else "")


_TROUBLE = {"not_2xx": "replies were no success", "broken": "socket errors"}


def judgement(run: dict[str, Any]) -> str:
    """Return the table of targets, met or missed."""
    found = verdicts(run["rows"])
    if not found:
        return "No target can be judged from what was measured."
    lines = [_line([each.name, each.bound, each.seen, "met" if each.met else "**missed**"]) for each in found]
    met = sum(each.met for each in found)
    head = f"{met} of {len(found)} met.\n\n| Target | Bound | Seen | |\n|---|---|--:|---|"
    return "\n".join([head, *lines])


def machine(run: dict[str, Any]) -> str:
    """Return where and when, and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    return f"{_CIRCUMSTANCES.format(**run['machine'], **run)}.\n{versions}."


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_DOCUMENT = """# Benchmarks

What serving costs, beside the peers: one process on one core, wrk or h2load on another, the same applications, pools
of the same size (`twist web` and hypercorn have their own, of up to 20 and 32 threads). CPU is that of all processes of
a server. Trust the ratios inside one run; figures of two machines say nothing about two servers.

{machine}

![Horizontal bars: every server in every scenario](bench.svg)

## Targets

What we want to reach, judged by this run. {judgement}

## All figures

Best first by CPU. The probe is a health check that our reactor answers under that load; it shares the client's core.

{tables}

## Do it yourself

On Linux with Python, `wrk`, `h2load` and two cores that nothing else uses; `bench/README.md` says what is measured and
how.

```
{command}
bench/plot
```

The raw figures of every round are in `docs/bench.json`.
"""


def document(run: dict[str, Any]) -> str:
    """Return docs/benchmarks.md."""
    return _DOCUMENT.format(
        machine=machine(run),
        judgement=judgement(run),
        tables=tables(run),
        command=f"bench/run --rounds {run['rounds']} --seconds {run['seconds']:g}",
    )
