"""How a process finds out that it takes the place of a supervisor, before it imports anything of it. Pure.

One environment variable names the descriptor of a note, and says whether there is an init above.
"""

from __future__ import annotations

from collections.abc import Mapping

from wsgicontainer.errors import ConfigurationError

VARIABLE = "_WSGICONTAINER_TAKEOVER"
CHECKING = "_WSGICONTAINER_CHECKING"
"""Tells `--check-config` who asks: a supervisor whose notes are of this version; ports which were handed over once are
open there."""
VERSION = "1"
"""Of the notes that are written and understood here: who can't read one must not take over."""
_INIT = "init"


def written(descriptor: int, below_init: bool) -> str:
    """Return the variable's value."""
    return f"{descriptor} {_INIT}" if below_init else str(descriptor)


def check_version(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError if the supervisor that asks writes notes that nobody here could read."""
    if environ.get(CHECKING, VERSION) != VERSION:
        raise ConfigurationError("what is installed now can't take over from the version that runs; stop and start it")


def note_of(environ: Mapping[str, str]) -> int | None:
    """Return the note's descriptor, None if nobody has left one."""
    number = environ.get(VARIABLE, "").partition(" ")[0]
    return int(number) if number.isdecimal() else None


def is_below_init(environ: Mapping[str, str]) -> bool:
    """Say whether the supervisor before has an init above it: there must not be another one then."""
    return environ.get(VARIABLE, "").endswith(f" {_INIT}")
