"""When a worker has served long enough: requests, seconds, memory. Pure.

Each worker draws its own limits when it is made, so that those that were made together are not due together.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

VARIATION = 0.1
"""Share by which lifetimes vary downwards."""
MB = 1 << 20


@frozen
class Lifetime:
    """One worker's limits; 0 is none."""

    requests: int = 0
    seconds: float = 0.0
    rss: int = 0
    """Octets."""

    def over(self, requests: int, seconds: float, rss: int) -> str:
        """Say why it is over, "" if it is not."""
        if self.requests and requests >= self.requests:
            return f"has answered {requests} requests"
        if self.seconds and seconds >= self.seconds:
            return f"is {seconds:.0f} s old"
        if self.rss and rss > self.rss:
            return f"has {rss // MB} MB of memory"
        return ""


def draw(requests: int, jitter: int, seconds: float, rss_mb: int, chance: Callable[[], float]) -> Lifetime:
    """Draw limits; `chance()` is from 0 to 1."""
    return Lifetime(
        requests + round(jitter * chance()) if requests else 0,
        seconds * (1 - VARIATION * chance()),
        rss_mb * MB,
    )
