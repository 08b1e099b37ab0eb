"""What is due with the workers of a generation, whatever happens together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.workers.plan import Action, Do, Phase, Seen, plan

B, W, O, S, D, K = (  # noqa: E741
    Phase.BOOTING,
    Phase.WARM,
    Phase.OPENING,
    Phase.SERVING,
    Phase.DRAINING,
    Phase.KILLED,
)


def fork(slot: int) -> Action:
    return Action(Do.FORK, slot)


def listen(worker: int) -> Action:
    return Action(Do.LISTEN, worker)


def drain(worker: int) -> Action:
    return Action(Do.DRAIN, worker)


@pytest.mark.parametrize(
    ("count", "workers", "expected"),
    [
        pytest.param(2, [], [fork(0), fork(1)], id="at the start all are made"),
        pytest.param(2, [Seen(1, 0, B), Seen(2, 1, B)], [], id="and then waited for"),
        pytest.param(2, [Seen(1, 0, W), Seen(2, 1, B)], [listen(1)], id="who is warm listens, without the others"),
        pytest.param(2, [Seen(1, 0, O), Seen(2, 1, S)], [], id="the order is given once"),
        pytest.param(2, [Seen(2, 1, S)], [fork(0)], id="a place that is empty is filled"),
        pytest.param(1, [Seen(1, 0, D)], [fork(0)], id="so is one whose worker drains"),
        pytest.param(1, [Seen(1, 0, K)], [fork(0)], id="or was killed"),
        pytest.param(1, [Seen(1, 0, S, due=True)], [fork(0)], id="new before old"),
        pytest.param(1, [Seen(1, 0, S, due=True), Seen(2, 0, B)], [], id="the old one serves meanwhile"),
        pytest.param(1, [Seen(1, 0, S, due=True), Seen(2, 0, S)], [drain(1)], id="and drains once the new one serves"),
        pytest.param(2, [Seen(1, 0, S, due=True), Seen(2, 1, S, due=True)], [fork(0)], id="one at a time"),
        pytest.param(2, [Seen(1, 0, D, due=True), Seen(3, 0, S), Seen(2, 1, S, due=True)], [], id="until it has ended"),
        pytest.param(2, [Seen(1, 0, S), Seen(2, 1, S), Seen(3, 2, S)], [drain(3)], id="TTOU: the last one drains"),
        pytest.param(1, [Seen(1, 0, S), Seen(2, 1, B)], [drain(2)], id="also one that only boots"),
        pytest.param(0, [Seen(1, 0, S)], [drain(1)], id="a generation that was replaced drains"),
    ],
)
def test_what_is_due(count: int, workers: list[Seen], expected: list[Action]) -> None:
    assert plan(count, workers, {}, 0.0, open_=True) == expected


def test_a_generation_that_may_not_listen_yet_only_warms_up() -> None:
    assert plan(1, [Seen(1, 0, W)], {}, 0.0, open_=False) == []


def test_a_place_is_filled_when_its_time_has_come() -> None:
    assert plan(1, [], {0: 5.0}, 4.9, open_=True) == []
    assert plan(1, [], {0: 5.0}, 5.0, open_=True) == [fork(0)]


def test_a_slot_in_a_crash_loop_does_not_keep_others_from_being_replaced() -> None:
    """While it waits; otherwise one at a time, as ever."""
    others = [Seen(1, 0, S, due=True), Seen(2, 1, S, due=True)]
    assert plan(3, others, {2: 5.0}, 4.0, open_=True) == [fork(0)]
    assert plan(3, [*others, Seen(3, 0, B)], {2: 5.0}, 4.0, open_=True) == []
    assert plan(3, [*others, Seen(4, 2, B)], {2: 5.0}, 6.0, open_=True) == []


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 4), st.sampled_from(Phase), st.booleans()), max_size=8))
def test_the_last_worker_of_a_wanted_slot_is_never_drained(
    count: int, given_workers: list[tuple[int, Phase, bool]]
) -> None:
    """Nor are two made for one slot at once."""
    workers = [Seen(number, *each) for number, each in enumerate(given_workers)]
    actions = plan(count, workers, {}, 0.0, open_=True)
    drained = {action.target for action in actions if action.do is Do.DRAIN}
    for slot in range(count):
        serving = {each.number for each in workers if each.slot == slot and each.phase is S}
        assert not serving or serving - drained
        coming = [each for each in workers if each.slot == slot and each.phase in (B, W, O)]
        forks = [action for action in actions if action.do is Do.FORK and action.target == slot]
        assert len(forks) + bool(coming) <= 1
