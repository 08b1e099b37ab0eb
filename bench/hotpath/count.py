"""Counts instructions with callgrind: the difference of two runs, divided by the requests that one has more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from environment import BENCH, ROOT
from hotpath.scenarios import LONG, SCENARIOS, SHORT


def instructions_per_request() -> dict[str, float]:
    """Run all scenarios under callgrind with this Python. Raises SystemExit if that fails."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "counted")
        words = ["valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-before=getpriority"]
        done = subprocess.run(
            [*words, f"--callgrind-out-file={out}", sys.executable, "-m", "hotpath.scenarios"],
            env=_environment(),
            cwd=BENCH,
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"bench/instructions: callgrind's run failed:\n{done.stderr}")
        return {
            name: (_total(out, 3 * number + 3) - _total(out, 3 * number + 2)) / (LONG - SHORT)
            for number, name in enumerate(SCENARIOS)
        }


def _environment() -> dict[str, str]:
    """Return ours without what would change what runs: coverage's tracer, options of Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE", "PYTHON"))}
    return kept | {"PYTHONHASHSEED": "0", "PYTHONPATH": f"{BENCH}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}


def _total(out: Path, mark: int) -> int:
    """Return what was counted before a mark; each scenario has three: before, between and after its runs."""
    found = re.search(r"^totals: (\d+)$", Path(f"{out}.{mark}").read_text(), re.MULTILINE)
    if found is None:
        raise SystemExit(f"bench/instructions: callgrind wrote no total at mark {mark}")
    return int(found[1])
