"""Who sends next: streams take turns, frame by frame, the more urgent ones first (RFC 9218). Pure.

Within one urgency those that asked to be served one after the other (no `i` in their priority field) stand in line by
their numbers; the first of them takes turns with all the others. So no stream waits for another unless its client asked
for it.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, Protocol, TypeVar

LEVELS = 8


class Sending(Protocol):
    """What is known of a stream here."""

    number: int
    priority: tuple[int, bool]


_S = TypeVar("_S", bound=Sending)


class Turns(Generic[_S]):
    """The streams of one connection that have something to send and may. Runs in: the connection's owner."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._levels: list[tuple[deque[_S], list[_S]]] = [(deque(), []) for _ in range(LEVELS)]
        self._in: dict[int, int] = {}
        """Who takes part -> its urgency when it began."""

    def __bool__(self) -> bool:
        """Tell whether anybody takes part."""
        return bool(self._in)

    def add(self, stream: _S) -> None:
        """Let a stream take part, unless it does already."""
        if stream.number in self._in:
            return
        urgency, takes_turns = stream.priority
        self._in[stream.number] = urgency
        turning, line = self._levels[urgency]
        if takes_turns:
            turning.append(stream)
            return
        line.append(stream)
        line.sort(key=lambda each: each.number)
        if line[0] not in turning:
            self._lead(turning, line)

    def next(self) -> _S | None:
        """Return whose turn it is, and have all others of its urgency before it next time; None if there is nobody."""
        if not self._in:
            return None
        for turning, _ in self._levels:
            if turning:
                turning.rotate(-1)
                return turning[-1]
        return None

    def leave(self, stream: _S) -> None:
        """Let a stream take part no more."""
        urgency = self._in.pop(stream.number, None)
        if urgency is None:
            return
        turning, line = self._levels[urgency]
        if stream in turning:
            turning.remove(stream)
        if stream in line:
            line.remove(stream)
            self._lead(turning, line)

    def _lead(self, turning: deque[_S], line: list[_S]) -> None:
        """Have the first of a line, and nobody else of it, take turns."""
        for other in line[1:]:
            if other in turning:
                turning.remove(other)
        if line and line[0] not in turning:
            turning.append(line[0])

    def change(self, stream: _S, priority: tuple[int, bool]) -> None:
        """Give a stream another priority."""
        takes_part = stream.number in self._in
        self.leave(stream)
        stream.priority = priority
        if takes_part:
            self.add(stream)
