"""What is due with the workers of one generation. Pure.

Values in, actions out; the supervisor carries them out and asks again whenever something has changed. So whatever
happens together (a crash during a recycle, TTOU during a boot) needs no case of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum

from attrs import frozen


class Phase(Enum):
    """Where a worker is in its life."""

    BOOTING = "imports and warms up"
    WARM = "waits for the order to listen"
    OPENING = "was told to listen"
    SERVING = "serves"
    DRAINING = "accepts nothing more"
    KILLED = "was sent SIGKILL"


COMING = (Phase.BOOTING, Phase.WARM, Phase.OPENING)


class Do(Enum):
    """What can be due."""

    FORK = "have a worker made for a slot"
    LISTEN = "have it listen"
    DRAIN = "have it drain"


@frozen
class Seen:
    """What is known of a worker."""

    number: int
    slot: int
    phase: Phase
    due: bool = False
    """Whether it is to be replaced."""


@frozen
class Action:
    """Something to do; `target` is a slot for FORK, else a worker."""

    do: Do
    target: int


def plan(
    count: int, workers: Sequence[Seen], not_before: Mapping[int, float], now: float, *, open_: bool
) -> list[Action]:
    """Return what is due for a generation that is to have `count` workers and, if `open_`, may listen.

    A worker whose slot is no longer wanted just drains: its socket stays, and somebody else will accept from it.
    """
    actions: list[Action] = []
    for slot in range(count):
        actions += _of_slot(slot, [each for each in workers if each.slot == slot], not_before, now, open_=open_)
    for each in workers:
        if each.slot >= count and each.phase in (Phase.SERVING, *COMING):
            actions.append(Action(Do.DRAIN, each.number))
    actions += _recycling(count, workers, not_before, now)
    return actions


def _of_slot(
    slot: int, workers: Sequence[Seen], not_before: Mapping[int, float], now: float, *, open_: bool
) -> list[Action]:
    serving = [each for each in workers if each.phase is Phase.SERVING]
    coming = [each for each in workers if each.phase in COMING]
    actions = [Action(Do.LISTEN, each.number) for each in coming if each.phase is Phase.WARM and open_]
    if not serving and not coming and not_before.get(slot, 0.0) <= now:
        actions.append(Action(Do.FORK, slot))
    # The newest stays; the one before it goes now that the newest serves.
    actions += [Action(Do.DRAIN, each.number) for each in sorted(serving, key=_number)[:-1]]
    return actions


def _recycling(count: int, workers: Sequence[Seen], not_before: Mapping[int, float], now: float) -> list[Action]:
    """Replace the one that is due, one at a time: only while each wanted slot has exactly one worker, which serves.

    A slot that waits after crashes may have none: otherwise its crash loop would keep all others from being replaced.
    """
    settled = [each for each in workers if each.slot < count and each.phase not in (Phase.DRAINING, Phase.KILLED)]
    own = {each.slot for each in settled}
    waiting = {slot for slot in range(count) if slot not in own and not_before.get(slot, 0.0) > now}
    draining = any(each.phase is Phase.DRAINING and each.due for each in workers)
    if draining or len(settled) + len(waiting) != count or any(each.phase is not Phase.SERVING for each in settled):
        return []
    due = [each.slot for each in settled if each.due and not_before.get(each.slot, 0.0) <= now]
    return [Action(Do.FORK, slot) for slot in due[:1]]


def _number(seen: Seen) -> int:
    return seen.number
