"""The benchmark judges by the issue's targets, and says what it can't judge."""

from __future__ import annotations

import pytest

from comparison.page import document, judgement, tables
from comparison.scenarios import SCENARIOS
from comparison.targets import TARGETS, verdicts

ALONE = {"not_2xx": 0.0, "broken": 0.0}


def row(scenario, threads, server, failed=None, **figures):
    figures = {**ALONE, **figures} if figures else {}
    return {"scenario": scenario, "threads": threads, "connections": 32, "server": server} | {
        "failed": failed,
        "figures": figures,
        "rounds": [],
    }


@pytest.mark.parametrize(("ours", "theirs", "met"), [(20.0, 25.0, True), (19.9, 25.0, True), (20.1, 25.0, False)])
def test_our_cpu_is_at_most_a_share_of_a_peers(ours, theirs, met):
    rows = [row("hello", 4, "ours", cpu_us=ours), row("hello", 4, "granian", cpu_us=theirs)]
    (verdict,) = verdicts(rows)
    assert verdict.met is met
    assert verdict.name == "hello, 4 threads: CPU µs/request"
    assert verdict.bound == "≤ 20 (0.8 × granian's)"


def test_a_small_share_is_told_as_a_fraction():
    (verdict,) = verdicts([row("hello", 4, "ours", cpu_us=20.0), row("hello", 4, "gunicorn", cpu_us=180.0)])
    assert (verdict.met, verdict.bound) == (True, "≤ 20 (1/9 × gunicorn's)")


@pytest.mark.parametrize(("rate", "met"), [(3104.0, True), (3103.0, False)])
def test_a_rate_is_at_least_a_share_of_the_ideal(rate, met):
    (verdict,) = verdicts([row("sleepy", 32, "ours", requests_per_s=rate)])
    assert verdict.met is met


def test_a_scenario_is_compared_with_our_own_of_another():
    rows = [row("hello", 4, "ours", cpu_us=20.0), row("logged", 4, "ours", cpu_us=23.1)]
    (verdict,) = verdicts(rows)
    assert (verdict.met, verdict.bound) == (False, "≤ 23 (1.15 × our hello, 4 threads)")


def test_http2_is_bound_by_a_share_of_each_peers_cpu():
    rows = [row("h2", 4, "ours", cpu_us=100.0), row("h2", 4, "gunicorn", cpu_us=170.0)]
    found = verdicts([*rows, row("h2", 4, "hypercorn", cpu_us=290.0)])
    assert [(verdict.met, verdict.bound) for verdict in found] == [
        (True, "≤ 102 (0.6 × gunicorn's)"),
        (False, "≤ 96.67 (1/3 × hypercorn's)"),
    ]


@pytest.mark.parametrize("name", ["download", "upload"])
def test_long_transfers_over_http2_are_compared_with_our_own_over_http1(name):
    rows = [row(name, 4, "ours", mib_per_s=1000.0), row(f"{name}-h2", 4, "ours", mib_per_s=690.0)]
    (verdict,) = verdicts(rows)
    assert (verdict.met, verdict.bound) == (False, f"≥ 700 (0.7 × our {name}, 4 threads)")


def test_a_figure_is_compared_with_another_of_the_same_run():
    found = verdicts([row("idle", 4, "ours", cpu_us=21.0, alone_cpu_us=20.0, idle_kib=6.5)])
    assert [verdict.met for verdict in found] == [False, True]


def test_a_peer_that_was_not_measured_is_no_bound():
    assert verdicts([row("hello", 4, "ours", cpu_us=20.0)]) == []
    assert judgement({"rows": []}).startswith("No target can be judged")


def test_every_target_names_scenarios_that_exist():
    assert {target.scenario for target in TARGETS} <= set(SCENARIOS)
    assert all(set(target.threads) & set(SCENARIOS[target.scenario].threads) for target in TARGETS)


def test_a_failure_stands_behind_the_servers_name():
    table = tables(
        {
            "rows": [
                row("hello", 4, "twist", failed="it did not start: No module | x"),
                row("hello", 4, "ours", cpu_us=20.0, requests_per_s=3e4, not_2xx=12.0),
            ]
        }
    )
    assert "| twist web (it did not start: No module / x) | – | – |" in table
    assert "| **wsgicontainer** (12 replies were no success) | 20.0 | 30,000 |" in table


def test_a_client_without_percentiles_has_columns_of_its_own():
    table = tables({"rows": [row("h2", 4, "ours", cpu_us=97.0, requests_per_s=1e4, mean_ms=8.0, max_ms=20.0)]})
    assert "| Server | CPU µs/request | requests/s | mean ms | longest ms |" in table
    assert "| **wsgicontainer** | 97.0 | 10,000 | 8.00 | 20.00 |" in table


def test_the_page_names_the_machine_and_the_versions():
    machine = {"cpu": "Abacus 1", "cores": 2, "kernel": "6.1", "python": "3.13.1", "date": "2026-01-01", "load": "0.00"}
    run = {"rows": [], "machine": machine, "versions": {"granian": "2.8.7"}, "rounds": 3, "seconds": 4}
    page = document(run)
    assert "Abacus 1, 2 cores, Linux 6.1, Python 3.13.1, 2026-01-01" in page
    assert "granian 2.8.7" in page
    assert "bench/run --rounds 3 --seconds 4" in page
