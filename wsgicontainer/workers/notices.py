"""Tells all listeners how the server is; one that fails disturbs nobody. Runs in: supervisor, reactor thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.workers.crew import Crew

_log = Logger()


@implementer(IOperatorNotices)
class Notices:
    """Several listeners as one."""

    def __init__(self, listeners: Sequence[IOperatorNotices]) -> None:
        """Tell these."""
        self._listeners, self._status = listeners, ""

    def ready(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.ready())

    def reloading(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.reloading())

    def reloaded(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.reloaded())

    def reload_failed(self, reason: str) -> None:
        """Pass it on."""
        self._tell(lambda each: each.reload_failed(reason))

    def stopping(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.stopping())

    def alive(self) -> None:
        """Pass it on."""
        self._tell(lambda each: each.alive())

    def status(self, text: str) -> None:
        """Pass it on if it has changed."""
        if text != self._status:
            self._status = text
            self._tell(lambda each: each.status(text))

    def status_of(self, crew: Crew | None) -> None:
        """Say how many workers serve."""
        if crew is not None:
            self.status(f"{sum(worker.listens() for worker in crew)} workers, generation {crew.number}")

    def _tell(self, tell: Callable[[IOperatorNotices], object]) -> None:
        for each in self._listeners:
            try:
                tell(each)
            except Exception:  # noqa: BLE001 (whoever listens must not stop the workers)
                _log.failure("A notice failed")
