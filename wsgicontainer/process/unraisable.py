"""Keeps one thing that a peer can cause out of the log: a server name that is not ASCII.

Python's `ssl` decodes it before any code of ours is called, and tells the failure, with a traceback, to
`sys.unraisablehook`. The handshake ends with an alert all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Hook = Callable[[Any], object]


def without_server_names(before: Hook) -> Hook:
    """Return a hook that passes over server names which can't be decoded, and gives all else to the one before."""

    def hook(told: Any) -> None:
        if not (issubclass(told.exc_type, UnicodeDecodeError) and type(told.object) is bytes):
            before(told)

    return hook
