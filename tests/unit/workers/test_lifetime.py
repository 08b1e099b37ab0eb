"""When a worker has served long enough."""

from __future__ import annotations

from wsgicontainer.workers.lifetime import Lifetime, draw


def test_without_limits_it_serves_for_ever() -> None:
    assert Lifetime().over(10**9, 10.0**9, 1 << 40) == ""


def test_each_limit_says_why() -> None:
    limits = Lifetime(requests=10, seconds=60, rss=100 << 20)
    assert limits.over(9, 59.9, 100 << 20) == ""
    assert limits.over(10, 0, 0) == "has answered 10 requests"
    assert limits.over(0, 61, 0) == "is 61 s old"
    assert limits.over(0, 0, 101 << 20) == "has 101 MB of memory"


def test_workers_that_were_made_together_are_not_due_together() -> None:
    early, late = (draw(1000, 100, 600.0, 0, lambda chance=chance: chance) for chance in (0.0, 1.0))
    assert (early.requests, late.requests) == (1000, 1100)
    assert (early.seconds, round(late.seconds)) == (600.0, 540)


def test_jitter_alone_is_no_limit() -> None:
    assert draw(0, 100, 0.0, 0, lambda: 1.0) == Lifetime()
