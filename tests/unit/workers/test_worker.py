"""Orders to a worker that reads none for a while: they are there when it does."""

from __future__ import annotations

from typing import Any


def fill(it: Any, worker: int) -> None:
    """Have a worker's link take nothing more."""
    channel = it.supervisor._generations.current.workers[worker].channel
    while channel.send({"do": "nothing", "so": "x" * 10_000}):
        pass


def read(it: Any, worker: int) -> list[str]:
    """Have the worker read all; return what it is told then."""
    it.told(worker)
    it.turn(0.3)
    return it.told(worker)


def test_who_reads_nothing_drains_when_it_reads_again(world) -> None:
    it = world()
    it.started()
    it.told(2)
    fill(it, 2)
    it.supervisor.change_count(-1)
    assert read(it, 2) == ['{"do": "drain", "empty": false}']
    assert read(it, 2) == []


def test_logs_are_reopened_and_a_timer_runs_once_however_often_that_was_asked_for(world) -> None:
    it = world(timers=["1=a:b"])
    it.started()
    it.told(1)
    fill(it, 1)
    it.supervisor.reopen()
    for _ in range(5):
        it.turn(1)
        for worker in (1, 2):
            it.tell(worker, tell="beat", done=0, stalled=0, rss=0)
    assert read(it, 1) == ['{"do": "reopen"}', '{"do": "tick", "timer": 0}']


def test_who_is_to_hurry_is_told_so_at_the_end(world) -> None:
    it = world()
    zygote = it.started()
    it.told(1)
    fill(it, 1)
    it.supervisor.stopService()
    it.supervisor.hurry()
    it.turn(0.25)
    assert read(it, 1) == ['{"do": "drain", "empty": true}', '{"do": "hurry"}']
    for worker in (1, 2):
        it.die(zygote, worker, 0)
    it.ended.add(zygote)
    it.turn(1)


def test_a_slot_is_given_to_who_can_be_told_so(world) -> None:
    """It comes with descriptors, which are not kept: they are given anew."""
    it = world()
    zygote = it.started()
    it.told(1)
    fill(it, 1)
    it.die(zygote, 2)
    assert read(it, 1) == ['{"do": "adopt", "slot": 1}']
    assert read(it, 1) == []


def test_what_is_kept_goes_through_an_upgrade(world) -> None:
    it = world()
    it.started()
    it.told(1)
    fill(it, 1)
    it.supervisor.reopen()
    it.supervisor.upgrade()
    ((note, _, _),) = it.upgrades
    assert [each["kept"] for each in note()["crews"][0]["workers"]] == [[{"do": "reopen"}], []]


def test_who_drains_already_is_told_when_nobody_serves_beside_it_any_more(world) -> None:
    """Who has time for idle connections has none then."""
    it = world()
    zygote = it.started()
    it.supervisor.change_count(-1)
    it.told(2)
    it.supervisor.stopService()
    assert it.told(2) == ['{"do": "drain", "empty": true}']
    for worker in (1, 2):
        it.die(zygote, worker, 0)
    it.ended.add(zygote)
    it.turn(1)
