"""A MultiService whose children start in order and stop in the opposite order, each after the one before has ended."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

_log = Logger()


class OrderedService(MultiService):
    """Its children's order is the order of dependence: the first is there before and after all the others.

    Whether somebody calls `privilegedStartService` (`twistd` does) or not (`twist`): it comes once, before the start.
    """

    _prepared = False

    def __init__(self, children: Iterable[Service] = ()) -> None:
        """Begin with children, in the order of their start."""
        super().__init__()
        for child in children:
            child.setServiceParent(self)

    def privilegedStartService(self) -> None:
        """Do what may need privileges."""
        self._prepared = True
        super().privilegedStartService()

    def startService(self) -> None:
        """Start, after what may need privileges."""
        if not self._prepared:
            self.privilegedStartService()
        self._prepared = False
        super().startService()

    def stopService(self) -> Deferred[None]:
        """Stop the last child first and wait for it before the next."""
        Service.stopService(self)
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        for child in reversed(list(self)):
            try:
                await maybeDeferred(child.stopService)
            except Exception:  # noqa: BLE001 (the others must stop all the same)
                _log.failure("{service} did not stop well", service=getattr(child, "name", child))
