"""Tells all listeners how the server is; one that fails disturbs nobody. Runs in: supervisor, reactor thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.workers.crew import Crew

_log = Logger()
FEEDINGS = 4
"""Times that a watchdog is fed in the time after which it bites: systemd advises two at least."""


@implementer(IOperatorNotices)
class Notices:
    """Several listeners as one."""

    patience: float | None = None

    def __init__(self, listeners: Sequence[IOperatorNotices], clock: Callable[[], float]) -> None:
        """Tell these; `clock` is the reactor's."""
        self._listeners, self._status = [each for each in listeners if each.heard], ""
        self._clock, self._fed = clock, float("-inf")
        patience = [each.patience for each in self._listeners if each.patience is not None]
        self._period = min(patience, default=0.0) / FEEDINGS
        self.heard = bool(self._listeners)

    def ready(self, text: str) -> None:
        """Pass it on."""
        self._tell(lambda each: each.ready(text))

    def reloading(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.reloading())

    def reloaded(self, reason: str | None = None) -> None:
        """Pass it on; `reason` says why the old goes on."""
        self._tell(lambda each: each.reloaded(reason))

    def stopping(self, text: str) -> None:
        """Pass it on."""
        self._tell(lambda each: each.stopping(text))

    def alive(self) -> None:
        """Pass it on to those who lose patience otherwise, as often as they need it."""
        if self._clock() - self._fed < self._period:
            return
        self._fed = self._clock()
        self._tell(lambda each: each.alive() if each.patience is not None else None)

    def status(self, text: str) -> None:
        """Pass it on if it has changed."""
        if text != self._status:
            self._status = text
            self._tell(lambda each: each.status(text))

    def status_of(self, crew: Crew | None) -> None:
        """Say how many workers serve."""
        self.status(described(crew))

    def _tell(self, tell: Callable[[IOperatorNotices], object]) -> None:
        for each in self._listeners:
            try:
                tell(each)
            except Exception:  # noqa: BLE001 (whoever listens must not stop the workers)
                _log.failure("A notice failed")


def described(crew: Crew | None) -> str:
    """Say in a line how many workers serve."""
    serving = sum(worker.listens() for worker in crew or ())
    return f"{serving} workers, generation {crew.number if crew else 0}"
