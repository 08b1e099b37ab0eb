"""A zygote that has died while the code on disk is broken: those who serve go on, and the pool fills up again."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

import pytest
from twisted.logger import LogEvent, formatEvent, globalLogPublisher

from wsgicontainer.links import Channel
from wsgicontainer.workers.plan import Phase


@pytest.fixture
def told():
    events: list[str] = []

    def keep(event: LogEvent) -> None:
        events.append(formatEvent(event))

    globalLogPublisher.addObserver(keep)
    yield events
    globalLogPublisher.removeObserver(keep)


BROKEN = {"tell": "failed", "status": 4, "sentence": "a:b: ImportError", "details": "Traceback"}


def lose_everything(it: Any) -> int:
    """End the zygote and a worker; return the next zygote."""
    zygote = it.started()
    it.turn(2)
    it.zygotes[zygote].close()
    channel, pid = it.forked.pop(2)
    channel.close()
    it.ended.add(pid)
    it.turn(1.5)
    assert max(it.zygotes) > zygote
    return max(it.zygotes)


def beat(it: Any, seconds: float) -> None:
    for _ in range(int(seconds)):
        it.turn(1)
        it.tell(1, tell="beat", done=0, stalled=0, rss=0)


def test_it_is_tried_again_until_the_code_can_be_imported(world, told) -> None:
    it = world()
    tried = [lose_everything(it)]
    for _ in range(3):
        it.zygotes[tried[-1]].send(BROKEN)
        beat(it, 2)
        assert max(it.zygotes) > tried[-1]
        assert (tried[-1], signal.SIGKILL) in it.killed
        tried.append(max(it.zygotes))
    sentence = "The process that forks workers (pid {}) can't make any: a:b: ImportError; starting it anew"
    assert [line for line in told if "can't make any" in line][:2] == [sentence.format(each) for each in tried[:2]]
    assert "Traceback" in told
    it.load(tried[-1])
    assert it.slots[max(it.forked)] == 1
    assert it.phases()[1] is Phase.SERVING


def test_it_is_tried_again_ever_more_slowly_and_told_once_a_minute(world, told) -> None:
    it = world()
    latest = lose_everything(it)
    for _ in range(300):
        if max(it.zygotes) > latest or it.zygotes[latest].fileno() >= 0:
            it.zygotes[max(it.zygotes)].send(BROKEN)
            latest = max(it.zygotes)
        beat(it, 1)
    lines = [line for line in told if "can't make any" in line]
    assert 10 <= len(it.zygotes) <= 26
    assert 6 <= len(lines) <= 8
    assert "times)" in lines[-1]


def test_an_import_that_hangs_is_tried_again_too(world, told) -> None:
    it = world(worker_timeout=5)
    hanging = lose_everything(it)
    beat(it, 8)
    assert (hanging, signal.SIGKILL) in it.killed
    assert max(it.zygotes) > hanging
    assert any("can't make any: the import took longer than --worker-timeout 5 s" in line for line in told)
    assert it.phases()[1] is Phase.SERVING


def test_a_reload_mends_it(world) -> None:
    it = world()
    it.zygotes[lose_everything(it)].send(BROKEN)
    it.turn()
    it.supervisor.reload()
    new = max(it.zygotes)
    it.load(new)
    workers = sorted(it.forked)[-2:]
    for worker in workers:
        it.tell(worker, tell="warm", fault="")
    it.turn(1.5)
    for worker in workers:
        it.tell(worker, tell="listening")
    assert it.notices.told[-1] == "reloaded" or "reloaded" in it.notices.told
    assert [it.phases()[each] for each in workers] == [Phase.SERVING] * 2


def test_a_system_that_starts_no_process_is_asked_again(world) -> None:
    """Nobody else's child is waited for, or killed, in the place of one that is not there."""
    it = world()
    zygote = it.started()
    waited: list[int] = []
    real_spawn, real_wait = it.spawn, it.wait
    it.full = True

    def spawn(link: int, log: int) -> int:
        if it.full:
            raise OSError(11, "Resource temporarily unavailable")
        return real_spawn(link, log)

    def wait(pid: int) -> tuple[bool, int]:
        waited.append(pid)
        return real_wait(pid)

    it.spawn, it.wait = spawn, wait
    it.zygotes[zygote].close()
    beat(it, 4)
    assert len(it.zygotes) == 1
    assert zygote in waited
    assert 0 not in waited
    it.full = False
    beat(it, 2)
    assert len(it.zygotes) == 2


def test_nobody_whose_parent_is_unknown_is_taken_for_a_worker(world) -> None:
    """In a container whoever came in from outside has parent 0, and so had a zygote that is not there."""
    it = world(worker_timeout=5)
    zygote = it.started()
    it.supervisor.change_count(1)
    message = it.zygotes[zygote].receive()
    it.forked[3] = Channel(socket.socket(fileno=message.descriptors[0])), 4321
    for each in message.descriptors[1:]:
        os.close(each)

    def spawn(link: int, log: int) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    it.spawn = spawn
    it.parents[4321] = 0
    it.zygotes[zygote].close()
    it.turn(1.5)
    it.tell(3, tell="beat", done=0, stalled=0, rss=0, pid=4321)
    for worker in (1, 2):
        it.supervisor._generations.current.workers[worker].beat_at = 1e9
    it.turn(10)
    assert 4321 not in {pid for pid, _ in it.killed}


def test_who_drains_without_its_zygote_is_waited_for_before_an_upgrade(world) -> None:
    """The next supervisor would not know of it, could not end it in time, and would not wait for it at its own end."""
    it = world()
    before = it.started()
    it.supervisor.reload()
    after = max(it.zygotes)
    it.load(after)
    it.tell(3, tell="warm", fault="")
    it.tell(4, tell="warm", fault="")
    it.turn(1.5)
    it.tell(3, tell="listening")
    it.tell(4, tell="listening")
    it.die(before, 1, 0)
    it.zygotes[before].close()
    it.turn()
    it.supervisor.upgrade()
    assert it.phases()[2] is Phase.DRAINING
    assert it.upgrades == []
    it.forked[2][0].close()
    it.ended.add(it.forked[2][1])
    it.turn(0.5)
    assert len(it.upgrades) == 1


def test_one_that_is_stuck_keeps_no_worker_that_has_ended(world, told) -> None:
    """SIGSTOP, say: whoever drains would be there for ever, and its generation with it."""
    it = world(graceful_timeout=5)
    before = it.started()
    it.supervisor.reload()
    it.load(max(it.zygotes))
    for words in ({"tell": "warm", "fault": ""}, {"tell": "listening"}):
        it.tell(3, **words)
        it.tell(4, **words)
        it.turn(1.5)
    for worker in (1, 2):
        channel, pid = it.forked.pop(worker)
        channel.close()
        it.ended.add(pid)
    for _ in range(25):
        it.turn(1)
        for worker in (3, 4):
            it.tell(worker, tell="beat", done=0, stalled=0, rss=0)
    assert (before, signal.SIGKILL) in it.killed
    assert set(it.phases()) == {3, 4}
    assert sum("does not tell the end of worker" in line for line in told) == 1
    assert len(it.supervisor._generations.leaving) == 0


def test_a_reload_for_which_no_process_can_be_started_is_given_up_in_time(world) -> None:
    """Otherwise it would be under way for ever, and every further one would wait for it."""
    it = world(preload=True, worker_timeout=5)
    it.started()
    it.supervisor.reload()
    new = max(it.zygotes)

    def spawn(link: int, log: int) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    it.spawn = spawn
    it.zygotes[new].send({"tell": "unforkable", "reason": "starts 1 thread"})
    for _ in range(8):
        it.turn(1)
        for worker in (1, 2):
            it.tell(worker, tell="beat", done=0, stalled=0, rss=0)
    assert it.supervisor._generations.coming is None
    assert any(each.startswith("failed: the import took longer than") for each in it.notices.told)
