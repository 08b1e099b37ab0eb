"""What the supervisor is given beside its settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.settings import Settings
from wsgicontainer.workers.machine import Machine

Note = dict[str, Any]
"""What one supervisor leaves to the next."""


@frozen
class Surroundings:
    """Effects, and whom it tells."""

    machine: Machine
    reread: Callable[[], Settings]
    """Reads all options anew; raises ConfigurationError."""
    start_words: Callable[[Settings], dict[str, Any]]
    """Makes the message that starts a zygote."""
    boot_failed: Callable[[int, str, str], object]
    """Ends the server, which has never served: exit status, sentence, details."""
    announce: Callable[[], object]
    """Says where the server listens."""
    upgrade: Callable[[Callable[[], Note | None], float, Callable[[str], object]], object]
    """Puts a new supervisor in the place of this one, given what it has to know, or calls back with what hinders it:
    with "" if just then there is nothing to take over."""
    note: Note | None = None
    """What the supervisor has left that this one takes the place of."""
    notices: Sequence[IOperatorNotices] = ()
