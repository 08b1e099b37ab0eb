"""When a crashed worker's place is filled again, and when that is told. Pure.

At once the first time, or when the last one served for a while; then after 0.1 s, doubled up to 30 s. A crash loop is
told when it begins and once a minute, with a count.
"""

from __future__ import annotations

from attrs import define

FIRST = 0.1
LONGEST = 30.0
"""Seconds between two attempts."""
STEADY = 1.0
"""Seconds of serving after which a crash is no part of a loop."""
TELL_EACH = 60.0
"""Seconds between two lines about one loop."""
TOLD_SINGLY = 3
"""Crashes in a row of which each is told."""


@define
class Backoff:
    """One slot's crashes."""

    row: int = 0
    """Crashes in a row, none of which served for long."""
    not_before: float = 0.0
    """When the next attempt may be made, on the caller's clock."""
    untold: int = 0
    _told: float = float("-inf")

    def crashed(self, now: float, served: float) -> int:
        """Take note of a crash after `served` seconds of serving; return how many are to be told now: 0 for none."""
        self.row = 1 if served >= STEADY else self.row + 1
        self.not_before = now + (0.0 if self.row == 1 else min(FIRST * 2 ** min(self.row - 2, 20), LONGEST))
        self.untold += 1
        if self.row > TOLD_SINGLY and now - self._told < TELL_EACH:
            return 0
        told, self.untold, self._told = self.untold, 0, now
        return told
