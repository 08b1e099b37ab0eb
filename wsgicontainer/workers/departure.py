"""The way out: all workers drain, for a while; who is still there then is killed.

Runs in: supervisor, reactor thread.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater

from wsgicontainer.workers.generations import Generations
from wsgicontainer.workers.places import Places
from wsgicontainer.workers.zygote import ENDS

SUDDEN = 2.0
"""Seconds that workers have to end when nothing is waited for."""
_LOOK = 0.01
"""Seconds between two looks at who is still there."""


class Departure:
    """The end of everybody."""

    def __init__(self, generations: Generations, places: Places, reactor: Any) -> None:
        """Begin nothing yet."""
        self._generations, self._places, self._reactor = generations, places, reactor
        self._hurried = False

    def hurry(self) -> None:
        """Cut it short."""
        self._hurried = True

    async def leave(self, seconds: float) -> None:
        """End all workers and zygotes; workers have so many seconds for what they have begun."""
        generations = self._generations
        generations.stopping = True
        generations.give_up_coming()
        self._places.deafen()  # workers accept for the last time now, each when it comes to it
        for crew in generations:
            for worker in crew:
                crew.drain(worker, empty=True)
        self._places.close()
        await self._until_empty(seconds + SUDDEN)
        for worker in generations.workers():
            worker.kill()
        await self._until_empty(SUDDEN)
        generations.dismiss_all()
        await self._until_zygotes_ended()

    async def _until_empty(self, seconds: float) -> None:
        until = self._reactor.seconds() + seconds
        while any(crew.workers for crew in self._generations) and self._reactor.seconds() < until:
            if self._hurried:
                self._hurried = False
                until = min(until, self._reactor.seconds() + SUDDEN)
                self._generations.order({"do": "hurry"})
            for crew in self._generations:
                crew.look_after()
            await deferLater(self._reactor, _LOOK)

    async def _until_zygotes_ended(self) -> None:
        last = self._generations.last_zygotes
        until = self._reactor.seconds() + ENDS + 1
        while list(last) and self._reactor.seconds() < until:
            last.reap()
            await deferLater(self._reactor, _LOOK)
