"""The hot path's instructions are counted, and more than the budget is told."""

from __future__ import annotations

import subprocess
import sys

import pytest
from zope.interface.verify import verifyObject

from hotpath import budgets
from hotpath.budgets import Budget
from hotpath.wire import EndlessWire, NoRoll, OneThread
from wsgicontainer.interfaces import IApplicationThreads, IRoll, IWire


@pytest.mark.needs("valgrind", "vgdb")
def test_no_request_costs_more_than_its_budget(root):
    """12 s. `bench/instructions --renew` where more is meant."""
    done = subprocess.run(
        [sys.executable, root / "bench/instructions"], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "short head" in done.stdout


@pytest.mark.parametrize(
    ("counted", "over"),
    [
        ({"short head": 1000.0}, []),
        ({"short head": 1029.0}, []),
        ({"short head": 1031.0}, ["short head"]),
        ({"short head": 1000.0, "post": 2001.0}, ["post"]),
        ({"never budgeted": 1.0}, ["never budgeted"]),
    ],
)
def test_more_than_three_percent_above_a_budget_is_told(counted, over):
    budget = Budget("3.11.7, GCC", {"short head": 1000, "post": 1000})
    assert budgets.exceeded(counted, budget) == over


def test_a_renewed_budget_is_found_again_beside_those_of_other_pythons(tmp_path):
    path = tmp_path / "budgets.json"
    path.write_text('{"2.7": {"build": "old", "instructions": {"short head": 5}}}')
    budgets.renew({"short head": 1000.4}, path)
    assert budgets.find(path) == Budget(budgets.build(), {"short head": 1000})
    assert '"2.7"' in path.read_text()


@pytest.mark.parametrize(
    ("interface", "fake"), [(IWire, EndlessWire(b"")), (IApplicationThreads, OneThread()), (IRoll, NoRoll())]
)
def test_what_stands_around_the_connection_keeps_its_interface(interface, fake):
    verifyObject(interface, fake)
