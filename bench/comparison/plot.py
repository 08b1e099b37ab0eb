"""The command line of bench/plot: a run's JSON becomes docs/bench.svg, docs/bench.json and docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from comparison.main import LAST
from comparison.page import document
from comparison.scenarios import SCENARIOS, Scenario
from comparison.servers import SERVERS, USUAL
from environment import ROOT

_COLUMNS = 2
_OURS, _THEIRS = ("#ea580c", "#9a3412"), ("#94a3b8", "#64748b")
"""Bars' colors: the small pool's, the large one's."""
_INK = "#334155"
SMALL = 4
"""Threads of the small pool."""
_FIGURES = {
    "cpu_us": "CPU µs per request, less is better",
    "requests_per_s": "requests per second, more is better",
    "mib_per_s": "MiB per second, more is better",
    "p99_ms": "p99 in ms, less is better",
}
_SETTINGS = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",  # letters stay letters: small, and found by a search
    "svg.hashsalt": "bench",  # the same figures make the same file
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "ytick.color": _INK,
}


def main() -> None:
    """Publish a run."""
    parser = argparse.ArgumentParser(prog="bench/plot", description="Make the page and the plot of docs/.")
    parser.add_argument("run", nargs="?", type=Path, default=LAST, help="what bench/run wrote (default: its last)")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs")
    asked = parser.parse_args()
    if not asked.run.exists():
        raise SystemExit(f"bench/plot: there is no {asked.run}: bench/run makes it")
    run = json.loads(asked.run.read_text())
    draw(run, asked.folder / "bench.svg")
    (asked.folder / "bench.json").write_text(json.dumps(run, indent=1) + "\n")
    (asked.folder / "benchmarks.md").write_text(document(run))
    print(*(asked.folder / name for name in ("benchmarks.md", "bench.svg", "bench.json")))


def draw(run: dict[str, Any], path: Path) -> None:
    """Draw a panel for each scenario."""
    panels = [(SCENARIOS[name], list(rows)) for name, rows in groupby(run["rows"], key=lambda row: row["scenario"])]
    height = -(-len(panels) // _COLUMNS)
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(10, 2.4 * height), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.15, h_pad=0.12)
        figure.suptitle(f"Light bars: a pool of {SMALL} threads; dark bars: of 32", x=0.01, ha="left", fontsize=9)
        grid = list(figure.subplots(height, _COLUMNS, squeeze=False).flat)
        for axes, (scenario, rows) in zip(grid, panels, strict=False):
            _panel(axes, scenario, [row for row in rows if _counts(row)])
        for axes in grid[len(panels) :]:
            axes.set_axis_off()
        figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")


def _panel(axes: Axes, scenario: Scenario, rows: list[dict[str, Any]]) -> None:
    """Draw horizontal bars, the best server on top; with two sizes of pool two bars each."""
    shows = scenario.shows
    sizes = sorted({row["threads"] for row in rows})
    values = {(row["server"], row["threads"]): row["figures"][shows] for row in rows}
    names = sorted({row["server"] for row in rows}, key=lambda name: _best(values, name), reverse=shows.endswith("_s"))
    height = 0.8 / max(len(sizes), 1)
    for position, name in enumerate(names):
        for number, size in enumerate(sizes):
            value = values.get((name, size), 0)
            color = (_OURS if name == "ours" else _THEIRS)[size > SMALL]
            bar = axes.barh(position + (number - (len(sizes) - 1) / 2) * height, value, height * 0.92, color=color)
            axes.bar_label(bar, [_short(value) if value else "–"], padding=3)
    axes.set_yticks(range(len(names)), [SERVERS[name].label for name in names])
    axes.set_ylim(max(len(names), len(USUAL)) - 0.4, -0.6)  # bars of the same thickness everywhere, the first on top
    axes.set_title(f"{scenario.name}: {scenario.asks}", loc="left", fontsize=10.5, fontweight="bold")
    axes.set_xlabel(_FIGURES[shows], loc="left")
    axes.set_xlim(0, max(values.values(), default=1) * 1.15)
    _quiet(axes, names)


def _best(values: dict[tuple[str, int], float], name: str) -> float:
    """Return what decides a server's place: its figure with the small pool."""
    return min((size, value) for (server, size), value in values.items() if server == name)[1]


def _quiet(axes: Axes, names: list[str]) -> None:
    """Leave only what tells something: the labels of the bars are the scale."""
    axes.tick_params(length=0)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.spines["left"].set_color(_THEIRS[0])
    for label, name in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name == "ours" else "normal")


def _counts(row: dict[str, Any]) -> bool:
    """Leave out who refused or broke more than one reply of a hundred: refusals are quick."""
    figures = row["figures"]
    if not figures or row["failed"]:
        return False
    return bool(figures["not_2xx"] + figures["broken"] <= 0.01 * figures["requests_per_s"])


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
