"""Crashed workers come back at once, crash loops cost nothing and fill no disk."""

from __future__ import annotations

from wsgicontainer.workers.backoff import Backoff


def test_the_first_crash_is_mended_at_once() -> None:
    backoff = Backoff()
    assert backoff.crashed(100.0, 0.0) == 1
    assert backoff.not_before == 100.0


def test_a_loop_is_slowed_down_to_one_attempt_in_half_a_minute() -> None:
    backoff = Backoff()
    waits = []
    for _ in range(15):
        backoff.crashed(0.0, 0.0)
        waits.append(round(backoff.not_before, 1))
    assert waits[:7] == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2]
    assert waits[-1] == 30.0


def test_who_has_served_is_no_part_of_a_loop() -> None:
    backoff = Backoff()
    for _ in range(5):
        backoff.crashed(0.0, 0.0)
    backoff.crashed(50.0, 10.0)
    assert backoff.not_before == 50.0


def test_a_loop_is_told_once_a_minute_with_its_count() -> None:
    """A thousand crashes in ten minutes are some lines, and none is missing in their sum."""
    backoff = Backoff()
    told = [backoff.crashed(count * 0.6, 0.0) for count in range(1000)]
    lines = [each for each in told if each]
    assert told[:3] == [1, 1, 1]
    assert len(lines) < 3 + 12
    assert sum(lines) + backoff.untold == 1000
