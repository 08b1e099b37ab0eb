"""Has a reactor read a channel. Runs in: reactor thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.links.channel import Channel, Closed, Message

_log = Logger()
BATCH = 64
"""Messages in one turn: others have theirs."""


@implementer(IReadDescriptor)
class ChannelReader:
    """Gives each message to `received`, and tells the end once, to `ended`."""

    def __init__(
        self, reactor: Any, channel: Channel, received: Callable[[Message], object], ended: Callable[[], object]
    ) -> None:
        """Begin to read."""
        self._reactor, self._channel, self._received, self._ended = reactor, channel, received, ended
        reactor.addReader(self)

    def fileno(self) -> int:
        """Return the channel's descriptor."""
        return self._channel.fileno()

    def doRead(self) -> None:
        """Take what has come."""
        for _ in range(BATCH):
            try:
                message = self._channel.receive()
            except Closed:
                self.stop()
                self._ended()
                return
            if message is None:
                return
            try:
                self._received(message)
            except Exception:  # noqa: BLE001 (the next message is another one)
                _log.failure("A message failed: {words}", words=message.words)
            if self.fileno() < 0:
                return

    def stop(self) -> None:
        """Read no more, and close the channel."""
        if self._channel.fileno() >= 0:
            self._reactor.removeReader(self)
            self._channel.close()

    def logPrefix(self) -> str:
        """Name it for Twisted's log."""
        return "link"

    def connectionLost(self, reason: object) -> None:
        """Do nothing: the reactor ends."""
