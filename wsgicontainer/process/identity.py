"""Becomes, at the start, what the process is to be from then on: user, group, umask, title, whose child.

It comes after all ports are open and before anything is written and any thread is started.
Runs in: the main thread.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence

from twisted.application.service import Service

from wsgicontainer.errors import BootError


class Identity(Service):
    """Takes a number of steps, in order."""

    name = "identity"

    def __init__(self, steps: Sequence[Callable[[], object]]) -> None:
        """Wait for the start."""
        self._steps = steps

    def startService(self) -> None:
        """Take them. Raises BootError."""
        super().startService()
        for step in self._steps:
            step()


def check_spool(label: str) -> None:
    """See whether there is a place for temporary files; `label` is what the operator wrote. Raises BootError."""
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        raise BootError(
            f"{label}: temporary files can't be written ({error.strerror}); set TMPDIR to a folder that it may write"
        ) from None
