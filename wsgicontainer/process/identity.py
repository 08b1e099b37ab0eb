"""Becomes, at the start, what the process is to be from then on: user, group, umask, title, whose child.

It comes after all ports are open and before anything is written and any thread is started.
Runs in: the main thread.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.logger import Logger

from wsgicontainer.errors import BootError

_log = Logger()


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


def tell_unreadable_interpreter(label: str, file: str = os.__file__) -> None:
    """Tell if Python's own files can't be read any more: whatever is imported only now will not be found."""
    if not os.access(file, os.R_OK):
        _log.warn(
            "{file} can't be read with {label}: what is imported from now on is not found; "
            "put Python where everybody may read it",
            file=file,
            label=label,
        )


def check_spool(label: str) -> None:
    """See whether there is a place for temporary files; `label` is what the operator wrote. Raises BootError."""
    try:
        with tempfile.TemporaryFile():
            pass
    except OSError as error:
        raise BootError(
            f"{label}: temporary files can't be written ({error.strerror}); set TMPDIR to a folder that it may write"
        ) from None
