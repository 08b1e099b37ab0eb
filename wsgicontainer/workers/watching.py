"""Workers' clocks: who is late, frozen, due to be replaced, or alive. Runs in: supervisor, reactor thread."""

from __future__ import annotations

from wsgicontainer.workers.crew import Crew
from wsgicontainer.workers.plan import COMING, Phase
from wsgicontainer.workers.worker import Worker

FRESH = 5.0
"""Seconds that a beat may be old for its worker to count as alive."""


def look_at(crew: Crew, worker: Worker, now: float) -> None:
    """End a worker whose time is over, show one that is frozen, and mark one that has served long enough."""
    reason = frozen(worker, now, crew.settings.worker_timeout)
    if worker.leaves_at:
        if now >= worker.leaves_at:
            crew.kill(worker)
    elif reason:
        if worker.phase in COMING:
            worker.failure = {"status": 3, "sentence": f"{worker.name} {reason}"}
        crew.show_stacks(worker, reason)
    elif worker.listens() and not worker.due:
        worker.due = worker.lifetime.over(worker.done, now - worker.serving_since, worker.rss)


def frozen(worker: Worker, now: float, patience: float) -> str:
    """Say why a worker counts as frozen, "" if it does not."""
    if worker.phase in COMING:
        return f"was not ready within --worker-timeout {patience:g} s" if now - worker.born > patience else ""
    if worker.phase is not Phase.SERVING:
        return ""
    if now - worker.beat_at > patience:
        return f"did nothing for {patience:g} s (--worker-timeout)"
    if worker.stalled > patience:
        return f"has taken no request for {patience:g} s (--worker-timeout), though some wait"
    return ""


def alive(crew: Crew, now: float) -> bool:
    """Say whether reactor and pool of each worker that serves answer, and there is one.

    One that is being replaced is the supervisor's concern: who watches us would end those that serve, too.
    """
    serving = [worker for worker in crew if worker.listens()]
    return bool(serving) and all(now - worker.beat_at < FRESH and worker.stalled < FRESH for worker in serving)
