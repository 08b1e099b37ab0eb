"""`python -m tests.fuzz TARGET [libFuzzer's options and corpora]`: atheris leads octets to new branches."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["wsgicontainer.http"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz the target that is named first."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"{__doc__}\ntargets: {', '.join(TARGETS)}")
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
