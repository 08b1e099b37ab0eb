"""What a request may cost, in instructions: budgets.json, by the Python that they were counted with.

Another build of the same Python (profile-guided or not, another compiler) takes other instructions for the same work,
so a budget binds only the build that it was made with.
"""

from __future__ import annotations

import json
import platform
import sysconfig
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

PATH = Path(__file__).parent / "budgets.json"
TOLERANCE = 1.03
"""What may be exceeded without a word: where objects happen to lie in memory is worth up to 1 %."""


@frozen
class Budget:
    """The budget of one Python."""

    build: str
    instructions: dict[str, int]


def minor_version() -> str:
    """Return "3.11"."""
    return ".".join(platform.python_version_tuple()[:2])


def build() -> str:
    """Say what this Python is made of, as far as it counts."""
    words = str(sysconfig.get_config_var("CONFIG_ARGS"))
    optimized = "with" if "--enable-optimizations" in words else "without"
    return f"{platform.python_version()}, {platform.python_compiler()}, {optimized} PGO, {platform.machine()}"


def find(path: Path = PATH) -> Budget | None:
    """Return the budget of this Python's minor version."""
    found = _all(path).get(minor_version())
    return None if found is None else Budget(**found)


def renew(counted: dict[str, float], path: Path = PATH) -> None:
    """Make what was counted the budget of this Python's minor version."""
    budget = Budget(build(), {name: round(value) for name, value in counted.items()})
    path.write_text(json.dumps({**_all(path), minor_version(): asdict(budget)}, indent=2) + "\n")


def exceeded(counted: dict[str, float], budget: Budget) -> list[str]:
    """Name the scenarios that cost too much; one without a budget does."""
    return [name for name, value in counted.items() if value > budget.instructions.get(name, 0) * TOLERANCE]


def _all(path: Path) -> dict[str, dict[str, Any]]:
    return dict(json.loads(path.read_text())) if path.exists() else {}
