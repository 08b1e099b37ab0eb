"""What the figures have to be: a table, and whether a run's rows meet it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from attrs import frozen

from comparison.scenarios import SCENARIOS

UNITS = {
    "cpu_us": "CPU µs/request",
    "requests_per_s": "requests/s",
    "mib_per_s": "MiB/s",
    "p99_ms": "p99 ms",
    "probe_p99_ms": "probe's p99 ms",
    "idle_kib": "KiB per idle connection",
}
PYTHON_PEERS = ("gunicorn", "waitress", "twist")
ALL_PEERS = ("granian", *PYTHON_PEERS)


@frozen
class Target:
    """Our figure in a scenario, and its bound: `factor` times that of each of `beside`; if none, itself."""

    scenario: str
    figure: str
    factor: float
    beside: tuple[str, ...] = ()
    threads: tuple[int, ...] = (4, 32)
    of: tuple[str, int] | None = None
    """Instead of peers: our own run of (scenario, threads)."""
    own: str = ""
    """Instead of peers: another figure of the same run."""

    @property
    def at_least(self) -> bool:
        """Tell whether more is better."""
        return self.figure in {"requests_per_s", "mib_per_s"}


@frozen
class Verdict:
    """A target, and what was seen."""

    name: str
    bound: str
    seen: str
    met: bool


TARGETS = (
    *(Target(name, "cpu_us", 0.8, ("granian",)) for name in ("hello", "browser")),
    *(Target(name, "cpu_us", 1 / 9, ("gunicorn", "waitress")) for name in ("hello", "browser")),
    *(Target(name, "p99_ms", 1, ("granian", "gunicorn", "waitress")) for name in ("hello", "browser")),
    *(Target(name, "cpu_us", 1.15, threads=(32,), of=(name, 4)) for name in ("hello", "browser")),
    Target("close", "cpu_us", 1, ("granian",)),
    *(Target(name, "requests_per_s", 1, ("granian",)) for name in ("flaskapp", "django")),
    *(Target(name, "requests_per_s", 1.8, ("gunicorn", "waitress")) for name in ("flaskapp", "django")),
    Target("sleepy", "requests_per_s", 0.97 * 32 / 0.010, threads=(32,)),
    Target("sleepy", "p99_ms", 1, ("gunicorn",), threads=(32,)),
    Target("cpu5", "requests_per_s", 1, ALL_PEERS),
    Target("cpu5", "p99_ms", 0.6, ("granian",)),
    Target("mixed", "requests_per_s", 5, ("gunicorn",), threads=(32,)),
    Target("mixed", "p99_ms", 22, threads=(32,)),
    Target("echo", "cpu_us", 1, ("granian",)),
    Target("stream", "mib_per_s", 0.9, PYTHON_PEERS),
    Target("logged", "cpu_us", 1.15, of=("hello", 4)),
    Target("idle", "idle_kib", 6),
    Target("idle", "cpu_us", 1.1, own="alone_cpu_us"),
    Target("tls", "cpu_us", 1, ("granian",)),
    Target("h2", "cpu_us", 0.6, ("gunicorn",)),
    Target("h2", "cpu_us", 1 / 3, ("hypercorn",)),
    Target("handshake", "cpu_us", 0.5, ("twist",), threads=(4,)),
    *(Target(f"{name}-h2", "mib_per_s", 0.7, threads=(4,), of=(name, 4)) for name in ("download", "upload")),
    *(Target(name, "probe_p99_ms", 20) for name in SCENARIOS),
)


class Rows:
    """A run's rows, to be asked for one figure."""

    def __init__(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take the rows as `rounds` made them."""
        self._figures = {(row["scenario"], row["threads"], row["server"]): row["figures"] for row in rows}

    def get(self, scenario: str, threads: int, server: str, figure: str) -> float | None:
        """Return a median; None if it was not measured."""
        found = self._figures.get((scenario, threads, server), {}).get(figure)
        return None if found is None else float(found)


def verdicts(rows: Iterable[dict[str, Any]]) -> list[Verdict]:
    """Judge every target for which there are figures."""
    table, order = Rows(rows), list(SCENARIOS)
    targets = sorted(TARGETS, key=lambda target: order.index(target.scenario))
    return [verdict for each in targets for threads in each.threads for verdict in _judge(each, threads, table)]


def _judge(target: Target, threads: int, rows: Rows) -> Iterator[Verdict]:
    seen = rows.get(target.scenario, threads, "ours", target.figure)
    if seen is None:
        return
    for words, reference in _references(target, threads, rows):
        if reference is None:
            continue
        bound = target.factor * reference
        yield Verdict(
            name=f"{target.scenario}, {threads} threads: {UNITS[target.figure]}",
            bound=f"{'≥' if target.at_least else '≤'} {bound:,.4g}{words}",
            seen=f"{seen:,.4g}",
            met=seen >= bound if target.at_least else seen <= bound,
        )


def _references(target: Target, threads: int, rows: Rows) -> Iterator[tuple[str, float | None]]:
    """Give what the factor is of: in words, and its figure."""
    times = f"{target.factor:.3g} ×" if target.factor > 0.5 else f"1/{1 / target.factor:.3g} ×"
    if target.of is not None:
        scenario, count = target.of
        yield f" ({times} our {scenario}, {count} threads)", rows.get(scenario, count, "ours", target.figure)
    elif target.own:
        yield f" ({times} without them)", rows.get(target.scenario, threads, "ours", target.own)
    elif not target.beside:
        yield "", 1.0
    for peer in target.beside:
        yield f" ({times} {peer}'s)", rows.get(target.scenario, threads, peer, target.figure)
