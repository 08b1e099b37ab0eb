"""What arrives at a socket without a worker of its own is accepted all the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.workers.slots import covers


def test_each_has_its_own() -> None:
    assert covers(2, {0: 7, 1: 8}) == {7: set(), 8: set()}


def test_another_one_stands_in() -> None:
    assert covers(3, {0: 7, 1: 8}) == {7: {2}, 8: set()}


def test_without_anybody_it_waits() -> None:
    assert covers(2, {}) == {}


@given(st.integers(1, 12), st.sets(st.integers(0, 11)))
def test_every_slot_has_exactly_one_who_accepts(slots: int, present: set[int]) -> None:
    own = {slot: 100 + slot for slot in present if slot < slots}
    given_slots = [slot for each in covers(slots, own).values() for slot in each]
    assert sorted([*own, *given_slots]) == (list(range(slots)) if own else [])
