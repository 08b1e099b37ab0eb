"""--worker-timeout 0: whoever serves is never killed, however long its streams are."""

from __future__ import annotations

import signal
from typing import Any


def beats(it: Any, seconds: int, stalled: float) -> None:
    for _ in range(seconds):
        it.turn(1)
        for worker in (1, 2):
            it.tell(worker, tell="beat", done=0, stalled=stalled, rss=0)


def test_requests_may_wait_for_streams_without_end(world) -> None:
    it = world(worker_timeout=0)
    it.started()
    beats(it, 30, 100_000)
    it.turn(3600)
    assert it.killed == []
    assert it.notices.told


def test_a_watchdog_is_fed_meanwhile(world) -> None:
    """Otherwise systemd would end what is not to be ended."""
    it = world(worker_timeout=0)
    it.started()
    it.notices.told.clear()
    beats(it, 10, 100_000)
    assert it.notices.told[-1] == "alive"


def test_an_import_is_not_waited_for_for_ever(world) -> None:
    it = world(worker_timeout=0)
    it.started()
    it.supervisor.reload()
    it.turn(290)
    assert "reloading" in it.notices.told
    assert not any(each.startswith("failed") for each in it.notices.told)
    it.turn(20)
    reason = "the import took longer than 300 s; a longer --worker-timeout allows more"
    assert f"failed: {reason}" in it.notices.told


def test_nor_is_a_worker_that_does_not_get_ready(world) -> None:
    it = world(worker_timeout=0)
    zygote = it.started()
    it.turn(2)
    it.die(zygote, 2)
    it.orders(zygote)
    it.turn(290)
    assert it.killed == []
    pid = it.forked[3][1]
    it.turn(20)
    assert (pid, signal.SIGKILL) in it.killed


def test_the_check_before_an_upgrade_has_its_time(world) -> None:
    it = world(worker_timeout=0)
    it.started()
    it.supervisor.upgrade()
    ((_, patience, _),) = it.upgrades
    assert patience == 300
