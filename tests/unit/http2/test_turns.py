"""Who sends next: in turns, the urgent first, one after the other only if the client says so (RFC 9218)."""

from __future__ import annotations

import itertools

from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.http2.head import read_priority
from wsgicontainer.http2.turns import Turns


@define(eq=False)
class Stream:
    number: int
    priority: tuple[int, bool] = (3, True)


def order(turns: Turns, count: int) -> list[int]:
    return [turns.next().number for _ in range(count)]


def started(*streams: Stream) -> Turns:
    turns = Turns()
    for stream in streams:
        turns.add(stream)
        turns.add(stream)  # again changes nothing
    return turns


def test_nobody():
    assert Turns().next() is None


def test_in_turns():
    assert order(started(Stream(1), Stream(3), Stream(5)), 7) == [1, 3, 5, 1, 3, 5, 1]


def test_the_more_urgent_first():
    urgent = Stream(9, (0, True))
    turns = started(Stream(1), urgent, Stream(3))
    assert order(turns, 3) == [9, 9, 9]
    turns.leave(urgent)
    turns.leave(urgent)
    assert order(turns, 3) == [1, 3, 1]


def test_one_after_the_other_if_the_client_wants_it():
    first, second = Stream(1, (3, False)), Stream(3, (3, False))
    turns = started(second, first)
    assert order(turns, 3) == [1, 1, 1]
    turns.leave(first)
    assert order(turns, 2) == [3, 3]


def test_a_line_takes_turns_with_the_others():
    first, second, other = Stream(1, (3, False)), Stream(3, (3, False)), Stream(5)
    turns = started(first, second, other)
    assert sorted(order(turns, 4)) == [1, 1, 5, 5]
    turns.leave(first)
    assert sorted(order(turns, 4)) == [3, 3, 5, 5]


def test_another_priority():
    first, second = Stream(1), Stream(3)
    turns = started(first, second)
    turns.change(second, (1, True))
    assert order(turns, 2) == [3, 3]
    absent = Stream(5)
    turns.change(absent, (0, True))
    assert order(turns, 2) == [3, 3] and absent.priority == (0, True)


@given(st.lists(st.tuples(st.integers(0, 7), st.booleans()), min_size=1, max_size=8), st.data())
def test_whatever_comes_and_goes_somebody_is_next(priorities, data):
    """As long as anybody takes part somebody of the greatest urgency is next, and nobody who has left."""
    streams = [Stream(number, priority) for number, priority in zip(itertools.count(1, 2), priorities, strict=False)]
    turns, there = Turns(), set()
    for _ in range(20):
        stream = data.draw(st.sampled_from(streams))
        if stream.number in there:
            turns.leave(stream)
            there.discard(stream.number)
        else:
            turns.add(stream)
            there.add(stream.number)
        found = turns.next()
        assert (found is None) is (not there)
        if found is not None:
            assert found.number in there
            assert found.priority[0] == min(each.priority[0] for each in streams if each.number in there)


def test_priority_fields():
    assert read_priority(b"u=0") == (0, False)
    assert read_priority(b"u=5, i") == (5, True)
    assert read_priority(b"i=?1;x,u=7") == (7, True)
    assert read_priority(b"i=?0") == (3, False)
    assert read_priority(b"u=9, zz=1") == (3, False)
