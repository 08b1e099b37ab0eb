"""The crashes of one generation's workers: when a slot may be filled again, and what the log says.

Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from twisted.logger import Logger

from wsgicontainer.workers.backoff import Backoff
from wsgicontainer.workers.worker import Worker

_log = Logger()


class Crashes:
    """Each slot's record."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Know of none yet."""
        self._clock = clock
        self._of_slot: defaultdict[int, Backoff] = defaultdict(Backoff)

    def waits(self) -> dict[int, float]:
        """Return for each slot that had crashes when it may be filled again."""
        return {slot: each.not_before for slot, each in self._of_slot.items()}

    def note(self, worker: Worker, how: str) -> None:
        """Tell that a worker has ended unasked, unless too many were told."""
        now = self._clock()
        served = now - worker.serving_since if worker.listens() else 0.0
        told = self._of_slot[worker.slot].crashed(now, served)
        if not told:
            return
        failure = worker.failure or {}
        reason = f"can't boot: {failure['sentence']}" if failure else how
        many = f"{told} crashes, the last: " if told > 1 else ""
        _log.error("{many}{name} {reason}", many=many, name=worker.name, reason=reason)
        if failure.get("details"):
            _log.error("{details}", details=failure["details"])

    def note_unmade(self, slot: int, error: OSError) -> None:
        """Tell that the system has no room for what a worker needs."""
        if self._of_slot[slot].crashed(self._clock(), 0.0):
            _log.error("No worker can be made ({reason}); trying again", reason=error.strerror)
