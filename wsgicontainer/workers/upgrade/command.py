"""The command that started this server, to be given once more: what is checked first, and what is executed then. Pure.

`argv` is Python's own (`sys.orig_argv`): the interpreter as it was called, its options, and all that followed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from attrs import frozen

_NAME = "wsgicontainer"


@frozen
class Command:
    """What to give once more."""

    words: tuple[str, ...]
    """The program first, by its path."""
    pid_file: str = ""
    """The file in which `twistd` keeps its process id: a second twistd would refuse to start beside it."""

    def check(self) -> list[str]:
        """Return the words that only check the configuration."""
        words = list(self.words)
        if self.pid_file:
            words = _without_pid_file(words)
        end = words.index("--") if "--" in words else len(words)
        return [*words[:end], "--check-config", *words[end:]]


def command_from(argv: Sequence[str], environ: Mapping[str, str], find: Callable[[str], str | None]) -> Command:
    """Return the command; `find` looks a program up in PATH, anew.

    A pex tells where it is in PEX: that file, which may have been replaced, is run, and not what it was unpacked to.
    """
    words = list(argv)
    pex = environ.get("PEX")
    if pex:
        words = [pex, *_after_script(words)]
    if "/" not in words[0]:
        words[0] = find(words[0]) or words[0]
    return Command(tuple(words), _twistd_pid_file(words))


def _after_script(words: Sequence[str]) -> list[str]:
    """Return what follows the script among an interpreter's words."""
    for position, word in enumerate(words[1:], 1):
        if not word.startswith("-"):
            return list(words[position + 1 :])
    return []


def _twistd_pid_file(words: Sequence[str]) -> str:
    if not any(os.path.basename(word) == "twistd" for word in words[:4]):
        return ""
    found = "twistd.pid"
    end = words.index(_NAME) if _NAME in words else len(words)
    for position, word in enumerate(words[:end]):
        name, equals, value = word.partition("=")
        if name == "--pidfile":
            found = value if equals else words[position + 1]
    return found


def _without_pid_file(words: Sequence[str]) -> list[str]:
    """Have twistd keep no process id: that of the server that runs stays."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--pidfile" and _NAME not in kept:
            next(rest, None)
        elif not (word.startswith("--pidfile=") and _NAME not in kept):
            kept.append(word)
    position = kept.index(_NAME) if _NAME in kept else len(kept)
    return [*kept[:position], "--pidfile=", *kept[position:]]
