"""The supervisor, stepped."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from zope.interface.verify import verifyObject

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.links import Channel
from wsgicontainer.settings import Settings
from wsgicontainer.workers.plan import Phase


def test_notices_are_what_they_are_said_to_be(world) -> None:
    assert verifyObject(IOperatorNotices, world().notices)


def test_the_server_is_ready_when_all_workers_listen(world) -> None:
    it = world()
    it.begin()
    (zygote,) = it.zygotes
    it.load(zygote)
    assert it.slots == {1: 0, 2: 1}
    it.serve(1)
    assert "ready" not in it.notices.told
    assert it.told(1) == ['{"do": "listen"}', '{"do": "adopt", "slot": 1}']  # nothing waits for the other one
    it.serve(2)
    assert it.notices.told[:2] == ["0 workers, generation 1", "1 workers, generation 1"]
    assert "ready" in it.notices.told
    assert it.told(1) == ['{"do": "release", "slot": 1}']
    it.tell(1, tell="beat", done=1, stalled=0, rss=1)
    it.turn(0.3)
    assert it.notices.told[-1] == "alive"


def test_a_worker_that_was_killed_is_replaced_at_once_and_others_stand_in(world) -> None:
    it = world()
    zygote = it.started()
    it.told(1)
    it.turn(2)
    it.die(zygote, 2)
    it.orders(zygote)
    assert it.slots[3] == 1
    assert it.told(1) == ['{"do": "adopt", "slot": 1}']


def test_a_crash_loop_is_slowed_down(world) -> None:
    it = world()
    zygote = it.started()
    it.die(zygote, 2)
    for worker in (3, 4):
        it.turn(0.5)
        it.orders(zygote)
        assert worker in it.forked
        it.die(zygote, worker)
    assert [each["do"] for each in it.orders(zygote)] == []
    it.turn(0.5)
    assert [each["do"] for each in it.orders(zygote)] == ["fork"]


def test_no_generation_follows_before_it_is_warm_and_stays_up(world) -> None:
    it = world()
    old = it.started()
    it.supervisor.reload()
    new = max(it.zygotes)
    assert new != old
    it.load(new)
    it.tell(3, tell="warm", fault="")
    it.turn(2)
    assert it.told(3) == []
    it.tell(4, tell="warm", fault="")
    it.turn(0.75)
    assert it.told(3) == []
    it.turn(0.5)
    assert it.told(3) == ['{"do": "listen"}']
    it.tell(3, tell="listening")
    assert it.phases()[1] is Phase.SERVING
    it.tell(4, tell="listening")
    assert it.phases()[1] is it.phases()[2] is Phase.DRAINING
    assert "reloaded" in it.notices.told
    it.die(old, 1, 0)
    it.die(old, 2, 0)
    it.turn(0.3)
    assert it.zygotes[old].fileno() >= 0
    assert set(it.supervisor._generations.last_zygotes) == {old}


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda it, new: it.zygotes[new].send({"tell": "failed", "status": 4, "sentence": "no"}), "no"),
        (lambda it, new: it.zygotes[new].close(), "the process that forks workers ended while starting"),
        (lambda it, new: it.turn(61), "the import took longer than --worker-timeout 60 s"),
        (lambda it, new: (it.load(new), it.tell(3, tell="warm", fault="/: 500")), "the warm-up failed: /: 500"),
        (lambda it, new: (it.load(new), it.die(new, 3)), "worker 3 (pid 1005) was killed by SIGSEGV before it served"),
        (
            lambda it, new: (it.load(new), it.tell(3, tell="failed", status=4, sentence="bad"), it.die(new, 3)),
            "bad",
        ),
    ],
)
def test_whatever_is_wrong_with_the_new_code_the_old_serves(world, happens, reason) -> None:
    it = world()
    it.started()
    it.supervisor.reload()
    new = max(it.zygotes)
    if reason.startswith("the import"):
        for worker in (1, 2):
            it.supervisor._generations.current.workers[worker].beat_at = 1e9
    happens(it, new)
    it.turn()
    assert f"failed: {reason}" in it.notices.told
    assert it.phases()[1] is it.phases()[2] is Phase.SERVING
    assert all(phase is Phase.KILLED for worker, phase in it.phases().items() if worker > 2)


def test_a_reload_during_a_reload_is_done_after_it(world) -> None:
    it = world()
    it.started()
    it.supervisor.reload()
    it.supervisor.reload()
    first = max(it.zygotes)
    it.zygotes[first].send({"tell": "failed", "status": 4, "sentence": "no"})
    it.turn(0.3)
    assert max(it.zygotes) > first


def test_options_that_are_wrong_stop_a_reload(world) -> None:
    it = world()
    it.started()

    def wrong() -> Settings:
        raise ConfigurationError("--threads: no")

    it.reread = wrong
    it.supervisor.reload()
    assert len(it.zygotes) == 1
    assert it.notices.told[-1] == "failed: --threads: no"


def test_what_can_not_change_stays(world) -> None:
    it = world()
    it.started()
    it.reread = lambda: Settings(wsgi="a:c", workers=3, ports=["tcp:1"])
    it.supervisor.reload()
    coming = it.supervisor._generations.coming
    assert coming.settings.ports == it.settings.ports
    assert coming.settings.wsgi == "a:c"
    assert len(it.port.sockets) == 3


def test_a_worker_that_has_served_long_enough_is_replaced_new_before_old(world) -> None:
    it = world(max_requests=100)
    zygote = it.started()
    it.tell(1, tell="beat", done=100, stalled=0, rss=0)
    it.tell(2, tell="beat", done=100, stalled=0, rss=0)
    it.turn(0.3)
    it.orders(zygote)
    assert it.slots == {1: 0, 2: 1, 3: 0}  # one at a time
    assert it.phases()[1] is Phase.SERVING
    it.turn()
    it.serve(3)
    assert it.phases()[1] is Phase.DRAINING
    it.die(zygote, 1, 0)
    it.turn(0.3)
    it.orders(zygote)
    assert it.slots[4] == 1


def test_who_does_not_end_is_killed(world) -> None:
    it = world(graceful_timeout=10)
    zygote = it.started()
    it.supervisor.change_count(-1)
    assert it.told(2)[-1] == '{"do": "drain", "empty": false}'
    pid = it.forked[2][1]
    it.turn(14)
    assert (pid, signal.SIGKILL) not in it.killed
    it.turn(2)
    assert (pid, signal.SIGKILL) in it.killed
    it.die(zygote, 2, signal.SIGKILL)
    it.orders(zygote)
    assert sorted(it.forked) == [1]


def test_a_frozen_worker_shows_its_stacks_before_it_is_killed(world) -> None:
    it = world(worker_timeout=5)
    it.started()
    pid = it.forked[1][1]
    it.tell(1, tell="beat", done=0, stalled=5.5, rss=0)
    it.supervisor._generations.current.workers[2].beat_at = 1e9
    it.turn(0.3)
    assert it.killed == [(pid, 60)]
    it.turn(1.25)
    assert list(dict.fromkeys(it.killed)) == [(pid, 60), (pid, signal.SIGKILL)]


def test_a_supervisor_that_stood_still_blames_nobody(world) -> None:
    it = world(worker_timeout=5)
    it.started()
    it.turn(0.3)
    it.reactor.advance(60)
    it.tell(1, tell="beat", done=0, stalled=0, rss=0)
    it.tell(2, tell="beat", done=0, stalled=0, rss=0)
    it.turn(1)
    assert it.killed == []


def test_the_last_worker_stays(world) -> None:
    it = world()
    it.started()
    it.supervisor.change_count(-1)
    it.supervisor.change_count(-1)
    assert [phase for phase in it.phases().values() if phase is Phase.SERVING]


def test_a_first_start_that_fails_ends_the_server(world) -> None:
    it = world()
    it.begin()
    (zygote,) = it.zygotes
    it.zygotes[zygote].send({"tell": "failed", "status": 4, "sentence": "no", "details": "because"})
    it.turn()
    assert it.fault == (4, "no", "because")


def test_a_first_start_with_a_failing_warm_up_serves(world) -> None:
    it = world()
    it.begin()
    (zygote,) = it.zygotes
    it.load(zygote)
    it.tell(1, tell="warm", fault="/: 500")
    assert it.told(1) == ['{"do": "listen"}']
    assert it.fault is None


def test_a_zygote_that_dies_is_started_anew_and_its_workers_are_looked_after(world) -> None:
    it = world()
    zygote = it.started()
    it.zygotes[zygote].close()
    it.turn(1.25)
    another = max(it.zygotes)
    assert another != zygote
    it.load(another)
    channel, pid = it.forked.pop(1)
    channel.close()
    it.ended.add(pid)
    it.turn(0.5)
    it.orders(another)
    assert it.slots[3] == 0


def test_stopping_drains_all_and_waits_for_them(world) -> None:
    it = world()
    zygote = it.started()
    ended: list[None] = []
    it.supervisor.stopService().addCallback(ended.append)
    assert it.told(1)[-1] == it.told(2)[-1] == '{"do": "drain", "empty": true}'
    assert it.port.sockets == []
    assert it.notices.told[-1] == "stopping"
    it.turn(1)
    assert not ended
    it.die(zygote, 1, 0)
    it.die(zygote, 2, 0)
    it.ended.add(zygote)
    it.turn(1)
    assert ended == [None]
    assert it.killed == []


def test_an_upgrade_waits_for_a_reload_and_a_failed_one_changes_nothing(world) -> None:
    it = world()
    it.started()
    it.supervisor.reload()
    it.supervisor.upgrade()
    assert it.upgrades == []
    it.zygotes[max(it.zygotes)].send({"tell": "failed", "status": 4, "sentence": "no"})
    it.turn(0.3)
    ((note, _, failed),) = it.upgrades
    assert [len(each["workers"]) for each in note()["crews"]] == [2]
    failed("it would not start")
    assert it.notices.told[-1] == "failed: it would not start"
    it.supervisor.reload()
    assert it.supervisor._generations.coming is not None


# --- What was found to be wrong ---


def test_a_worker_that_is_told_to_listen_may_have_clients_already(world) -> None:
    """TTOU, or a reload that fails late: what it has accepted is answered."""
    it = world()
    it.started()
    it.supervisor.reload()
    new = max(it.zygotes)
    it.load(new)
    it.tell(3, tell="warm", fault="")
    it.tell(4, tell="warm", fault="")
    it.turn(1.5)
    it.tell(3, tell="listening")
    pids = {it.forked[each][1] for each in (3, 4)}
    it.die(new, 4)
    assert any(each.startswith("failed: worker 4") for each in it.notices.told)
    assert it.phases()[3] is Phase.DRAINING
    assert it.told(3)[-1] == '{"do": "drain", "empty": false}'
    assert not {pid for pid, _ in it.killed} & pids


@pytest.mark.parametrize("pid", [-1, 0, 1, True, "1", 1 << 40, 4321])
def test_what_a_zygote_tells_kills_no_stranger(world, pid) -> None:
    """It may have run anybody's code: -1 would be everybody, and 1 init."""
    it = world(worker_timeout=5)
    zygote = it.started()
    it.parents[4321] = it.parents[1] = 1
    it.supervisor.change_count(1)
    for each in it.zygotes[zygote].receive().descriptors:
        os.close(each)
    it.zygotes[zygote].send({"tell": "forked", "worker": 3, "pid": pid})
    it.turn()
    for worker in (1, 2):
        it.supervisor._generations.current.workers[worker].beat_at = 1e9
    it.turn(30)
    assert {pid for pid, _ in it.killed} <= set(it.zygotes)


@pytest.mark.parametrize(
    "words",
    [
        {"tell": "beat"},
        {"tell": "beat", "done": "1", "stalled": 0, "rss": 0},
        {"tell": "beat", "done": 0, "stalled": None, "rss": 0},
        {"tell": "beat", "done": 0, "stalled": float("nan"), "rss": 0},
        {"tell": "beat", "done": 0, "stalled": 0, "rss": 10**400},
        {"tell": ["beat"]},
        {"tell": "failed"},
        {"tell": "warm", "fault": {}},
        {"tell": "recycle", "reason": 5},
        {},
    ],
)
def test_a_worker_that_tells_nonsense_disturbs_nobody(world, words) -> None:
    it = world(max_requests=10)
    zygote = it.started()
    it.tell(1, **words)
    it.turn(1)
    it.die(zygote, 2)
    assert [each["do"] for each in it.orders(zygote)] == ["fork"]
    it.tell(1, tell="beat", done=10, stalled=0, rss=0)
    it.turn()
    it.serve(3)
    it.turn(0.5)
    assert [each["slot"] for each in it.orders(zygote)] == [0]


def test_nesting_without_end_is_nonsense_too(world) -> None:
    it = world()
    it.started()
    it.forked[1][0]._socket.send(b"[" * 100_000)
    it.tell(1, tell="recycle", reason="is tired")
    assert it.supervisor._generations.current.workers[1].due == "is tired"


def test_descriptors_that_a_worker_sends_are_not_kept(world) -> None:
    it = world()
    it.started()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        it.forked[1][0].send({"tell": "beat", "done": 0, "stalled": 0, "rss": 0}, [0] * 100)
    it.turn()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_system_without_room_is_tried_again_and_the_clocks_go_on(world) -> None:
    it = world()
    zygote = it.started()
    it.turn(2)

    def full() -> int:
        raise OSError(24, "Too many open files")

    memory, it.memory = it.memory, full
    it.die(zygote, 2)
    it.turn(1)
    assert it.orders(zygote) == []
    it.memory = memory
    it.turn(3)
    assert [each["slot"] for each in it.orders(zygote)] == [1]


def test_a_zygote_that_dies_before_it_has_told_takes_no_place_with_it(world) -> None:
    """Whether it has not read the order, or its child has ended since."""
    it = world()
    zygote = it.started()
    it.turn(2)
    it.die(zygote, 2)
    it.zygotes[zygote].close()  # the order to fork worker 3 is lost with it
    it.turn(1.25)
    it.load(max(it.zygotes))
    assert it.slots[4] == 1
    assert 3 not in it.phases()


def test_a_worker_names_itself_if_its_zygote_could_not(world) -> None:
    it = world(worker_timeout=5)
    zygote = it.started()
    it.supervisor.change_count(1)
    order = it.zygotes[zygote].receive()
    link = Channel(socket.socket(fileno=order.descriptors[0]))
    for each in order.descriptors[1:]:
        os.close(each)
    it.forked[3] = link, 4711
    it.zygotes[zygote].close()
    it.turn(1.25)
    it.tell(3, tell="beat", done=0, stalled=0, rss=0, pid=4711)
    it.serve(3)
    it.ended.add(4711)
    it.load(max(it.zygotes))
    it.turn(1)
    assert 3 not in it.phases()


def test_a_replacement_that_crashes_is_slowed_down(world) -> None:
    it = world(max_requests=10)
    zygote = it.started()
    it.turn(2)
    it.tell(1, tell="beat", done=10, stalled=0, rss=0)
    forks = 0
    for _ in range(40):
        it.turn(0.25)
        for order in it.orders(zygote):
            forks += 1
            it.turn()
            it.die(zygote, order["worker"])
        it.tell(1, tell="beat", done=10, stalled=0, rss=0)
        it.tell(2, tell="beat", done=0, stalled=0, rss=0)
    assert 3 <= forks <= 9
    assert it.phases()[1] is Phase.SERVING


def test_a_watchdog_is_fed_while_a_place_is_filled(world) -> None:
    """Whoever bites would end those that serve, too."""
    it = world()
    zygote = it.started()
    it.supervisor.change_count(1)
    it.die(zygote, 2)
    it.notices.told.clear()
    for _ in range(20):
        it.turn(1)
        it.tell(1, tell="beat", done=0, stalled=0, rss=0)
    assert "alive" in it.notices.told[-2:]
    it.turn(6)
    it.notices.told.clear()
    it.turn(6)
    assert "alive" not in it.notices.told


def test_hup_before_the_first_generation_serves_is_done_after_it(world) -> None:
    it = world()
    it.begin()
    it.supervisor.reload()
    (zygote,) = it.zygotes
    it.load(zygote)
    it.serve(*it.forked)
    it.turn(0.25)
    assert len(it.zygotes) == 2


def test_usr2_before_the_first_generation_serves_is_done_after_it(world) -> None:
    it = world()
    it.begin()
    it.supervisor.upgrade()
    (zygote,) = it.zygotes
    it.load(zygote)
    assert it.upgrades == []
    it.serve(*it.forked)
    it.turn(0.25)
    assert len(it.upgrades) == 1


def test_who_is_told_to_end_while_an_upgrade_is_checked_ends(world) -> None:
    it = world()
    it.started()
    it.supervisor.upgrade()
    ((note, _, failed),) = it.upgrades
    it.supervisor.stopService()
    assert note() is None
    failed("")
    assert it.notices.told[-1] == "stopping"


def test_an_upgrade_follows_what_has_come_between(world) -> None:
    """A zygote that died while the new code was checked is no state to be taken over."""
    it = world()
    zygote = it.started()
    it.supervisor.upgrade()
    ((note, _, failed),) = it.upgrades
    it.zygotes[zygote].close()
    it.turn()
    assert note() is None
    failed("")
    it.turn(1.25)
    assert len(it.upgrades) == 1
    it.load(max(it.zygotes))
    it.turn(0.25)
    assert len(it.upgrades) == 2
    words = it.upgrades[1][0]()["crews"][0]["workers"]
    assert [each["orphan"] for each in words] == [True, True]


def test_a_crash_while_an_upgrade_is_checked_is_mended_at_once(world) -> None:
    it = world()
    zygote = it.started()
    it.turn(2)
    it.supervisor.upgrade()
    it.die(zygote, 2)
    assert [each["slot"] for each in it.orders(zygote)] == [1]


def test_another_number_of_workers_comes_with_its_generation(world) -> None:
    """Not with a reload that fails; TTIN counts for both."""
    it = world()
    old = it.started()
    it.reread = lambda: Settings(wsgi="a:b", workers=3)
    it.supervisor.reload()
    new = max(it.zygotes)
    it.load(new)
    assert [it.slots[each] for each in (3, 4, 5)] == [0, 1, 2]
    it.die(new, 3)
    it.turn(0.5)
    assert it.orders(old) == []
    it.supervisor.reload()
    new = max(it.zygotes)
    it.load(new)
    workers = sorted(it.forked)[-3:]
    for worker in workers:
        it.tell(worker, tell="warm", fault="")
    it.turn(1.5)
    for worker in workers:
        it.tell(worker, tell="listening")
    assert [it.phases()[each] for each in workers] == [Phase.SERVING] * 3
    assert "reloaded" in it.notices.told
    it.supervisor.change_count(1)
    assert [each["slot"] for each in it.orders(new)] == [3]


def test_a_first_zygote_that_ends_is_no_start(world) -> None:
    """An application that ends the process on import, with --preload: not a loop that neither serves nor ends."""
    it = world()
    it.begin()
    (zygote,) = it.zygotes
    it.zygotes[zygote].close()
    it.turn(2)
    assert it.fault == (3, "the process that forks workers ended while starting", "")
    assert len(it.zygotes) == 1


def test_a_zygote_that_ends_again_and_again_is_slowed_down(world) -> None:
    it = world()
    it.started()
    for _ in range(60):
        it.zygotes[max(it.zygotes)].close()
        it.turn(1)
        for worker in (1, 2):
            it.tell(worker, tell="beat", done=0, stalled=0, rss=0)
    assert 5 <= len(it.zygotes) <= 14


def test_a_zygote_that_stands_still_is_replaced(world) -> None:
    it = world(worker_timeout=5)
    zygote = it.started()
    it.turn(2)
    it.die(zygote, 2)
    for _ in range(8):
        it.turn(1)
        it.tell(1, tell="beat", done=0, stalled=0, rss=0)
    assert it.killed[0] == (zygote, signal.SIGKILL)
    it.zygotes[zygote].close()
    it.turn(2)
    it.load(max(it.zygotes))
    assert set(it.phases()) == {1, max(it.slots)}
