"""What a tick concludes from what it sees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wsgicontainer.threads.tick import (
    BRIEFLY,
    CALM,
    CALM_PERIOD,
    FAIRNESS,
    LONGEST_HOLD,
    MOST_HELPERS,
    PERIOD,
    TRIAL,
    WAITING_BELOW,
    Mood,
    Tick,
)

BUSY = PERIOD
"""CPU time of a thread that computes from one tick to the next."""
IDLE = 0.0

LONG = 10 * PERIOD

TABLE = [
    # leading, seconds unled, awake, jobs done, CPU, mood
    (True, 0, 1, 0, IDLE, Mood.MOVING, "a leader that lingers is left alone"),
    (True, 0, 1, 0, BUSY, Mood.MOVING, "a leader that reads is left alone"),
    (True, 0, 2, 1, IDLE, Mood.MOVING, "somebody reads what comes: nobody waits behind the other"),
    (False, LONG, 1, 0, IDLE, Mood.WAITING, "a thread that uses no CPU waits: others can run beside it"),
    (False, LONG, 9, 0, IDLE, Mood.WAITING, "so do nine"),
    (False, LONG, 1, 0, BUSY * WAITING_BELOW * 0.9, Mood.WAITING, "some CPU still is waiting"),
    (False, LONG, 1, 50, IDLE, Mood.WAITING, "so it is where many jobs end, each of which waits a little"),
    (False, LONG, 1, 1, BUSY * WAITING_BELOW * 1.1, Mood.ALONE, "jobs end and the CPU is full: one is enough"),
    (False, PERIOD / 2, 1, 1, BUSY / 2, Mood.ALONE, "it had nothing to do for a while, and was full since it has led"),
    (False, PERIOD / 2, 1, 1, BUSY / 4, Mood.WAITING, "it has led, but that does not explain it"),
    (False, BRIEFLY * 0.9, 1, 0, IDLE, Mood.MOVING, "it has just led, after it had nothing to do"),
    (False, BRIEFLY * 0.9, 1, 1, IDLE, Mood.ALONE, "so it has, and jobs end"),
    (False, LONG, 30, 20, BUSY, Mood.ALONE, "many fight for one CPU"),
    (False, LONG, 1, 0, BUSY, Mood.COMPUTING, "nothing ends and the CPU is full"),
    (False, LONG, 4, 0, BUSY, Mood.COMPUTING, "four share one CPU"),
]


@pytest.mark.parametrize(
    ("leading", "unled", "awake", "done", "cpu", "mood", "why"), TABLE, ids=[row[-1] for row in TABLE]
)
def test_table(leading, unled, awake, done, cpu, mood, why):
    tick = Tick(finished=1000, cpu=50.0)
    seen = tick.mood(leading=leading, unled=unled, awake=awake, finished=1000 + done, cpu=50.0 + cpu, elapsed=PERIOD)
    assert seen is mood


class Ticking:
    """A tick after the other: what was done and used in each; totals add up."""

    def __init__(self) -> None:
        self.tick = Tick()
        self.finished, self.cpu = 0, 0.0

    def see(self, done: int, cpu: float, **others: Any) -> Mood:
        self.finished, self.cpu = self.finished + done, self.cpu + cpu
        seen = {"leading": False, "unled": LONG, "awake": 1, "elapsed": PERIOD} | others
        return self.tick.mood(finished=self.finished, cpu=self.cpu, **seen)


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


def test_what_counts_is_what_happened_since_the_last_tick(ticking):
    """Totals only grow; each tick sees its own share."""
    assert ticking.see(100, BUSY) is Mood.ALONE
    assert ticking.see(0, IDLE) is Mood.WAITING


def test_a_late_tick_is_judged_by_the_time_that_has_passed(ticking):
    """The CPU time of one period is little in ten."""
    assert ticking.see(0, BUSY, elapsed=10 * PERIOD) is Mood.WAITING


def test_a_coarse_clock_shows_no_time_between_two_ticks(ticking):
    assert ticking.see(1, BUSY, elapsed=0.0) is Mood.ALONE


def test_computing_is_shared_now_and_then(ticking):
    """One more thread after every FAIRNESS ticks of computing: whoever waits behind it is not forgotten."""
    moods = [ticking.see(0, BUSY) for _ in range(3 * FAIRNESS)]
    assert moods == ([Mood.COMPUTING] * (FAIRNESS - 1) + [Mood.SHARING]) * 3


def test_patience_begins_anew_after_anything_else(ticking):
    """A job that ends in between shows that things move."""
    for _ in range(1, FAIRNESS):
        ticking.see(0, BUSY)
    assert ticking.see(1, BUSY) is Mood.ALONE
    assert ticking.see(0, BUSY) is Mood.COMPUTING


SEEN = some.tuples(
    some.booleans(),
    some.floats(0, 1),
    some.integers(1, 64),
    some.integers(0, 50),
    some.floats(-1, 1),
    some.floats(0.001, 2),
)


@given(some.lists(SEEN, min_size=1, max_size=40))
def test_nobody_waits_for_ever_behind_a_thread_that_finishes_nothing(story):
    """After whatever came before: within FAIRNESS ticks without an end and without a leader, somebody is woken."""
    ticking = Ticking()
    for leading, unled, awake, done, spent, elapsed in story:  # less CPU than before: a thread has ended
        ticking.see(done, spent, leading=leading, unled=unled, awake=awake, elapsed=elapsed)
        assert ticking.tick.helpers <= MOST_HELPERS
        assert ticking.tick.hold <= LONGEST_HOLD
    assert {Mood.WAITING, Mood.SHARING} & {ticking.see(0, BUSY) for _ in range(FAIRNESS)}


def test_ticks_slow_down_while_nothing_waits_or_computes():
    """They cost a busy server its time; the first thread that waits or computes brings them back."""
    for cpu in (IDLE, BUSY):
        ticking = Ticking()
        periods = []
        for _ in range(CALM):
            ticking.see(5, BUSY)
            periods.append(ticking.tick.period)
        assert periods == [PERIOD] * (CALM - 1) + [CALM_PERIOD]
        ticking.see(0, cpu)
        assert ticking.tick.period == PERIOD


# --- How many are woken where some wait ---


def helpers(ticking: Ticking, ticks: int) -> list[int]:
    seen = []
    for _ in range(ticks):
        assert ticking.see(0, IDLE) is Mood.WAITING
        seen.append(ticking.tick.helpers)
    return seen


def test_twice_as_many_are_woken_with_each_tick_of_waiting(ticking):
    """32 threads that all wait are up within 12 ms; one that waits wakes one, not a crowd."""
    assert helpers(ticking, 9) == [1, 2, 4, 8, 16, 32, 64, 64, 64]


def test_one_again_once_the_cpu_is_full(ticking):
    helpers(ticking, 4)
    ticking.see(10, BUSY)
    assert helpers(ticking, 2) == [1, 2]


def test_a_pause_in_between_forgets_nothing(ticking):
    """Bursts of requests that wait come with moments in which a thread only listens."""
    helpers(ticking, 4)
    ticking.see(0, IDLE, leading=True, unled=0)
    assert helpers(ticking, 1) == [16]


# --- Whether one alone does as much as many ---


def many(ticking: Ticking, ticks: int, done: int = 10) -> list[Mood]:
    return [ticking.see(done, BUSY, awake=5) for _ in range(ticks)]


def test_one_that_does_as_much_stays_alone(ticking):
    """Quick jobs: whatever waits now and then, as long as more is done than by the many."""
    for _ in range(50):
        assert many(ticking, 1) == [Mood.ALONE]
        assert [ticking.see(12, BUSY) for _ in range(3)] == [Mood.ALONE] * 3
        assert ticking.see(0, IDLE) is Mood.WAITING
        assert not ticking.tick.failures


def test_one_that_does_clearly_less_gives_way_longer_and_longer(ticking):
    """Jobs that wait for a database, each a little: many fill the CPU, one does not."""
    ticking.tick.hold = 20  # until what the many do is known
    held = []
    for _ in range(10):
        moods: list[Mood] = []
        while not moods or moods[-1] is not Mood.ALONE:
            moods += many(ticking, 1)
        held.append(len(moods) - 1)
        assert ticking.see(3, BUSY * 0.4) is Mood.WAITING
    assert held == [20, 2, 4, 8, 16, 32, 64, 128, LONGEST_HOLD, LONGEST_HOLD]


def test_one_that_fills_a_core_of_several_gives_way_too(ticking):
    """Jobs that compute without the interpreter's lock: nothing waits, and still many do more."""
    ticking.tick.hold = 20
    assert many(ticking, 21, done=40)[-1] is Mood.ALONE
    moods = [ticking.see(20, BUSY) for _ in range(round(TRIAL / PERIOD) + 2)]
    assert Mood.MOVING in moods
    assert ticking.tick.failures == 1


def test_a_success_forgives_failures(ticking):
    many(ticking, 1)
    ticking.see(1, IDLE)
    assert many(ticking, 3)[-1] is Mood.ALONE
    for _ in range(round(TRIAL / PERIOD) + 2):
        ticking.see(12, BUSY)
    assert not ticking.tick.failures
