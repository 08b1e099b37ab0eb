"""What a client counted: the same for all of them. Pure."""

from __future__ import annotations

from attrs import frozen


class ClientFailedError(Exception):
    """A client could not ask what it should; says what it printed."""


@frozen
class Counted:
    """What came back."""

    requests: int
    """Those that were answered."""
    seconds: float
    octets: int
    """Content in the direction that the scenario is about."""
    not_2xx: int
    broken: int
    latencies: dict[str, float]
    """By a figure's name: `p50_ms`, `p99_ms`, `mean_ms`, `max_ms`, as far as the client tells."""
