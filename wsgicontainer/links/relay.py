"""Log events of processes that have no log of their own: each one is a message to the one that has.

Sent at once and by the thread that logs, so a crash loses none; where nobody reads any more they go to standard error.
Zygote and workers of one generation share a channel. Runs in: any thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from wsgicontainer.links.channel import Channel, Message

LONGEST = 20_000
"""Characters of one event: longer tracebacks lose their middle."""
PATIENCE = 0.2
"""Seconds that a thread waits for the log; then the event is lost rather than the request."""


@implementer(ILogObserver)
class LogRelay:
    """An ILogObserver that sends events on."""

    def __init__(
        self, channel: Channel, wanted: Callable[[LogEvent], bool] = bool, least: LogLevel = LogLevel.info
    ) -> None:
        """Send what is `wanted` and at least so important."""
        self._channel, self._wanted, self._least = channel, wanted, least
        self.who = ""

    def __call__(self, event: LogEvent) -> None:
        """Send an event."""
        level = event.get("log_level", LogLevel.info)
        if level < self._least or not self._wanted(event):
            return
        text = _shortened(_text(event))
        words = {"level": level.name, "namespace": event.get("log_namespace", ""), "text": text, "who": self.who}
        if not self._channel.send(words, patience=PATIENCE):
            os.write(2, f"{self.who}: {text}\n".encode(errors="replace"))


def _text(event: LogEvent) -> str:
    text = formatEvent(event)
    failure = event.get("log_failure")
    if isinstance(failure, Failure):
        text = f"{text}\n{failure.getTraceback()}"
    return text


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n…\n{text[-LONGEST // 2 :]}"


def retell(message: Message) -> None:
    """Log an event of another process as one of this one."""
    words: dict[str, Any] = message.words
    level = LogLevel.lookupByName(words.get("level", "info"))
    Logger(words.get("namespace") or "worker").emit(level, "{who}: {text}", who=words.get("who"), text=words["text"])
