"""What every kind of test may use: `need` for commands of the system, and the folder of fixture applications."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import Phase, settings

# A loaded machine is no mistake of ours: examples are bounded in number, never in time. To explain a failure takes a
# tracer, under which a whole run's last tests have taken an hour.
_PHASES = [phase for phase in Phase if phase is not Phase.explain]
settings.register_profile("wsgicontainer", deadline=None, phases=_PHASES)
settings.load_profile("wsgicontainer")

ROOT = Path(__file__).parent.parent
APPS = Path(__file__).parent / "apps"


def find_tool(command: str) -> str:
    """Return the path of a command or file; without it the test is skipped, and with REQUIRE_TOOLS=1 it fails."""
    found = command if os.path.isfile(command) else shutil.which(command)
    if found is None:
        sentence = f"{command!r} is not installed: see system-packages.txt"
        if os.environ.get("REQUIRE_TOOLS", "0") not in {"", "0"}:
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    return found


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Obey `@pytest.mark.needs("curl")`."""
    for marker in item.iter_markers("needs"):
        for command in marker.args:
            find_tool(command)


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """`need("curl")` is curl's path."""
    return find_tool


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def apps() -> Path:
    """The fixture applications: give it as `--chdir`."""
    return APPS
