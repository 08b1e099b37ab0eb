"""What a tick concludes from what it sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wsgicontainer.threads.tick import CALM, CALM_PERIOD, FAIRNESS, PERIOD, QUICK_JOBS, WAITING_BELOW, Mood, Tick

BUSY = PERIOD
"""CPU time of a thread that computes from one tick to the next."""
IDLE = 0.0

TABLE = [
    # leading, awake, jobs done, CPU, mood
    (True, 1, 0, IDLE, Mood.MOVING, "a leader that lingers is left alone"),
    (True, 1, 0, BUSY, Mood.MOVING, "a leader that reads is left alone"),
    (True, 2, 1, IDLE, Mood.MOVING, "somebody reads what comes: nobody waits behind the other"),
    (False, 1, 0, IDLE, Mood.WAITING, "a thread that uses no CPU waits: others can run beside it"),
    (False, 9, 0, IDLE, Mood.WAITING, "so do nine"),
    (False, 1, 0, BUSY * WAITING_BELOW * 0.9, Mood.WAITING, "a little CPU still is waiting"),
    (False, 1, 1, BUSY * WAITING_BELOW * 1.1, Mood.MOVING, "jobs end and the CPU is used"),
    (False, 1, 1, IDLE, Mood.WAITING, "a job ended, but its thread has waited most of the time"),
    (False, 1, 0, BUSY, Mood.COMPUTING, "nothing ends and the CPU is used"),
    (False, 4, 0, BUSY, Mood.COMPUTING, "four share one CPU"),
    (False, 1, QUICK_JOBS, BUSY, Mood.QUICK, "many jobs end: one thread is enough"),
    (False, 1, QUICK_JOBS, IDLE, Mood.QUICK, "many jobs end, however little CPU they take"),
    (True, 1, QUICK_JOBS, BUSY, Mood.QUICK, "also while one reads"),
    (False, 2, QUICK_JOBS, BUSY, Mood.MOVING, "many for one thread are few for two"),
    (False, 2, 2 * QUICK_JOBS, BUSY, Mood.QUICK, "many for two"),
]


@pytest.mark.parametrize(("leading", "awake", "done", "cpu", "mood", "why"), TABLE, ids=[row[-1] for row in TABLE])
def test_table(leading, awake, done, cpu, mood, why):
    tick = Tick(finished=1000, cpu=50.0)
    assert tick.mood(leading=leading, awake=awake, finished=1000 + done, cpu=50.0 + cpu, elapsed=PERIOD) is mood


def test_what_counts_is_what_happened_since_the_last_tick():
    """Totals only grow; each tick sees its own share."""
    tick = Tick()
    assert tick.mood(leading=False, awake=1, finished=100, cpu=1.0, elapsed=PERIOD) is Mood.QUICK
    assert tick.mood(leading=False, awake=1, finished=100, cpu=1.0, elapsed=PERIOD) is Mood.WAITING


def test_a_late_tick_is_judged_by_the_time_that_has_passed():
    """The CPU time of one period is little in ten."""
    assert Tick().mood(leading=False, awake=1, finished=0, cpu=BUSY, elapsed=10 * PERIOD) is Mood.WAITING


def computing(tick: Tick, cpu: float) -> Mood:
    return tick.mood(leading=False, awake=1, finished=0, cpu=cpu, elapsed=PERIOD)


def test_computing_is_shared_now_and_then():
    """One more thread after every FAIRNESS ticks of computing: whoever waits behind it is not forgotten."""
    tick = Tick()
    moods = [computing(tick, number * BUSY) for number in range(1, 3 * FAIRNESS + 1)]
    assert moods == ([Mood.COMPUTING] * (FAIRNESS - 1) + [Mood.SHARING]) * 3


def test_patience_begins_anew_after_anything_else():
    """A job that ends in between shows that things move."""
    tick = Tick()
    for number in range(1, FAIRNESS):
        computing(tick, number * BUSY)
    assert tick.mood(leading=False, awake=1, finished=1, cpu=FAIRNESS * BUSY, elapsed=PERIOD) is Mood.MOVING
    assert tick.mood(leading=False, awake=1, finished=1, cpu=(FAIRNESS + 1) * BUSY, elapsed=PERIOD) is Mood.COMPUTING


SEEN = some.tuples(
    some.booleans(), some.integers(1, 64), some.integers(0, 50), some.floats(-1, 1), some.floats(0.001, 2)
)


@given(some.lists(SEEN, min_size=1, max_size=40))
def test_nobody_waits_for_ever_behind_a_thread_that_finishes_nothing(story):
    """After whatever came before: within FAIRNESS ticks without an end and without a leader, somebody is woken."""
    tick, finished, cpu = Tick(), 0, 0.0
    for leading, awake, done, spent, elapsed in story:
        finished, cpu = finished + done, cpu + spent  # less CPU than before: a thread has ended
        tick.mood(leading=leading, awake=awake, finished=finished, cpu=cpu, elapsed=elapsed)
    waking = {Mood.WAITING, Mood.SHARING}
    assert waking & {computing_on(tick, finished, cpu + number * BUSY) for number in range(1, FAIRNESS + 1)}


def computing_on(tick: Tick, finished: int, cpu: float) -> Mood:
    return tick.mood(leading=False, awake=1, finished=finished, cpu=cpu, elapsed=PERIOD)


def test_ticks_slow_down_while_nothing_waits_or_computes():
    """They cost a busy server its time; the first thread that waits or computes brings them back."""
    for cpu, awake in ((IDLE, 1), (BUSY, 1)):
        tick = Tick()
        periods = []
        for number in range(1, CALM + 1):
            tick.mood(leading=False, awake=awake, finished=number * QUICK_JOBS, cpu=0.0, elapsed=PERIOD)
            periods.append(tick.period)
        assert periods == [PERIOD] * (CALM - 1) + [CALM_PERIOD]
        tick.mood(leading=False, awake=awake, finished=CALM * QUICK_JOBS, cpu=cpu, elapsed=PERIOD)
        assert tick.period == PERIOD


def test_many_jobs_in_a_long_time_are_few():
    """Quick is a matter of jobs per second."""
    tick = Tick()
    assert tick.mood(leading=False, awake=1, finished=QUICK_JOBS, cpu=BUSY * 5, elapsed=PERIOD * 5) is Mood.MOVING
