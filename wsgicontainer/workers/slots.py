"""Who accepts from which slot's sockets. Pure.

Each slot has a worker of its own, who accepts from its sockets. While it has none (it crashed, or there are fewer
workers now than there were), what arrives there must not wait: another worker accepts from it, too.
"""

from __future__ import annotations

from collections.abc import Mapping


def covers(slots: int, own: Mapping[int, int]) -> dict[int, set[int]]:
    """Return which further slots each worker is to accept from.

    There are `slots` slots; `own` maps those whose worker listens to that worker's number. Each slot without one is
    given to one worker, spread over all of them; nothing is given if nobody listens.
    """
    given: dict[int, set[int]] = {worker: set() for worker in own.values()}
    present = [own[slot] for slot in sorted(own)]
    for slot in range(slots):
        if slot not in own and present:
            given[present[slot % len(present)]].add(slot)
    return given
