"""A thing that happens too often is told once a minute, with a count."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from wsgicontainer.telemetry.sparing import PERIOD, Sparing


class Diary:
    """What was told, and when."""

    def __init__(self, *, later: bool = True) -> None:
        self.clock = Clock()
        self.told: list[tuple[float, str, str, int]] = []
        clock = self.clock.seconds
        self.sparing = Sparing(self.clock.callLater, clock) if later else Sparing(clock=clock)

    def tell(self, kind: str, what: str) -> None:
        self.sparing.tell(kind, lambda others: self.told.append((self.clock.seconds(), kind, what, others)))


def test_the_first_is_told_at_once_and_the_others_once_a_minute_with_their_number() -> None:
    diary = Diary()
    for number in range(1000):
        diary.tell("flood", f"of {number}")
    assert diary.told == [(0, "flood", "of 0", 0)]
    diary.clock.advance(PERIOD)
    assert diary.told[1:] == [(PERIOD, "flood", "of 999", 998)]
    diary.tell("flood", "again")
    diary.clock.advance(PERIOD)
    assert diary.told[2:] == [(2 * PERIOD, "flood", "again", 0)]


def test_another_kind_has_a_minute_of_its_own() -> None:
    diary = Diary()
    diary.tell("flood", "a")
    diary.tell("flood", "b")
    diary.tell("reset", "c")
    assert [line[1:] for line in diary.told] == [("flood", "a", 0), ("reset", "c", 0)]


def test_after_a_quiet_minute_all_is_forgotten() -> None:
    diary = Diary()
    diary.tell("flood", "a")
    diary.clock.advance(PERIOD)
    assert diary.clock.getDelayedCalls() == []
    diary.tell("flood", "b")
    assert [line[2] for line in diary.told] == ["a", "b"]


def test_where_nobody_comes_back_the_next_one_brings_the_number() -> None:
    diary = Diary(later=False)
    for number in range(5):
        diary.tell("flood", str(number))
    diary.clock.advance(PERIOD)
    diary.tell("flood", "5")
    assert [line[2:] for line in diary.told] == [("0", 0), ("5", 4)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 100)), max_size=60))
def test_nothing_is_lost_and_no_minute_has_two_lines(events: list[tuple[str, int]]) -> None:
    """Whenever they come: what is told and what is counted are all that has come."""
    diary = Diary()
    for kind, pause in events:
        diary.tell(kind, "")
        diary.clock.advance(pause)
    diary.clock.advance(PERIOD)
    for kind in "ab":
        times = [line[0] for line in diary.told if line[1] == kind]
        assert all(after - before >= PERIOD for before, after in pairwise(times))
        told = sum(1 + line[3] for line in diary.told if line[1] == kind)
        assert told == sum(event[0] == kind for event in events)
