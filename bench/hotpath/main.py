"""The command line of bench/instructions."""

from __future__ import annotations

import argparse
import shutil
from statistics import median

from hotpath import budgets
from hotpath.count import instructions_per_request


def main() -> None:
    """Count, print a table; exit status 1 if a budget is exceeded."""
    parser = argparse.ArgumentParser(prog="bench/instructions", description="Count instructions per request.")
    parser.add_argument("--renew", action="store_true", help="make what is counted, thrice, the budget of this Python")
    asked = parser.parse_args()
    for command in ("valgrind", "vgdb"):
        if shutil.which(command) is None:
            raise SystemExit(f"bench/instructions needs {command}: apt install valgrind")
    counted = instructions_per_request()
    if asked.renew:
        runs = [counted, instructions_per_request(), instructions_per_request()]
        counted = {name: median(run[name] for run in runs) for name in counted}
        budgets.renew(counted)
    raise SystemExit(_report(counted, budgets.find()))


def _report(counted: dict[str, float], budget: budgets.Budget | None) -> int:
    """Print the table; return the exit status."""
    allowed = {} if budget is None else budget.instructions
    print(f"{'scenario':14}{'instructions/request':>22}{'budget':>10}")
    for name, value in counted.items():
        compared = f"{allowed[name]:10,}{value / allowed[name] - 1:+8.1%}" if name in allowed else f"{'–':>10}"
        print(f"{name:14}{value:22,.0f}{compared}")
    print(f"Python {budgets.build()}")
    if budget is None or budget.build != budgets.build():
        made = "none" if budget is None else f"one made with {budget.build}"
        print(f"No budget for this Python, {made}: nothing is compared. `bench/instructions --renew` makes it.")
        return 0
    over = budgets.exceeded(counted, budget)
    if over:
        print(f"Over budget by more than {budgets.TOLERANCE - 1:.0%}: {', '.join(over)}")
    return 1 if over else 0
