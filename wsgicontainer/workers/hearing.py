"""What a worker tells, put into what is known of it. Runs in: supervisor, reactor thread."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from wsgicontainer.workers.claims import OF_WORKERS, claim
from wsgicontainer.workers.plan import Phase
from wsgicontainer.workers.worker import Worker

_log = Logger()


def hear(worker: Worker, words: dict[str, Any], now: float, drains_within: float) -> bool:
    """Take note of a message; say whether it is one after which something may be due."""
    kind = claim(words, OF_WORKERS)
    if not kind:
        return False
    worker.beat_at = now
    match kind:
        case "beat":
            worker.done, worker.stalled, worker.rss = words["done"], words["stalled"], words["rss"]
            worker.pid = worker.pid or words.get("pid", 0)  # if its zygote has died before it could tell
        case "failed":
            worker.failure = words
        case "warm":
            _is_warm(worker, words["fault"], now)
        case "listening":
            _listens(worker, now)
        case "recycle":
            worker.due = words["reason"]
        case "leaving":
            _leaves(worker, drains_within)
    return kind != "beat"


def _is_warm(worker: Worker, fault: str, now: float) -> None:
    worker.fault, worker.warm_since = fault, now
    if worker.phase is Phase.BOOTING:
        worker.phase = Phase.WARM


def _listens(worker: Worker, now: float) -> None:
    if worker.phase is Phase.OPENING:
        worker.phase, worker.serving_since = Phase.SERVING, now
        _log.info("{name} is ready after {seconds:.2f} s", name=worker.name, seconds=now - worker.born)


def _leaves(worker: Worker, drains_within: float) -> None:
    if worker.phase is Phase.SERVING:
        _log.info("{name} was told to end: another one takes its place", name=worker.name)
        worker.leave_within(drains_within)
