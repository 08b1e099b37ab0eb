"""Tells whoever has started the server how all its workers are. Runs in: supervisor, reactor thread."""

from __future__ import annotations

from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.workers.crew import Crew


class Notices:
    """Finds the words, and says nothing twice."""

    def __init__(self, listener: IOperatorNotices) -> None:
        """Tell this one."""
        self._listener, self._text = listener, ""
        self.reloading, self.reloaded = listener.reloading, listener.reloaded

    def ready(self) -> None:
        """Say that the server serves, for the first time or still."""
        self._listener.ready(self._text)

    def stopping(self) -> None:
        """Say that it drains."""
        self._listener.stopping(f"Draining: {self._text}")

    def alive(self) -> None:
        """Say that reactor and threads of every worker answer, if somebody waits for it."""
        if self._listener.patience is not None:
            self._listener.alive()

    def status_of(self, crew: Crew | None) -> None:
        """Say how many workers serve, if that has changed."""
        if crew is None or not self._listener.heard:
            return
        text = f"{sum(worker.listens() for worker in crew)} workers, generation {crew.number}"
        if text != self._text:
            self._text = text
            self._listener.status(text)
