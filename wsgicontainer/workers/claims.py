"""What zygotes and workers may tell. Pure.

They have run the application's code, and may run as another user: what they say is looked at before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fits = Callable[[Any], bool]
LARGEST = 1 << 53
"""Numbers that are no count of anything begin here."""
_OPTIONAL = ("details", "pid")


def _whole(most: int) -> Fits:
    return lambda value: type(value) is int and 0 <= value < most


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _seconds(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < LARGEST


_PID = _whole(1 << 31)
_FAILED: Mapping[str, Fits] = {"status": _whole(256), "sentence": _text, "details": _text}
OF_ZYGOTES: Mapping[str, Mapping[str, Fits]] = {
    "loaded": {},
    "failed": _FAILED,
    "unforkable": {"reason": _text},
    "forked": {"worker": _whole(LARGEST), "pid": _PID},
    "unborn": {"worker": _whole(LARGEST), "reason": _text},
    "exited": {"pid": _PID, "status": _whole(1 << 16)},
}
OF_WORKERS: Mapping[str, Mapping[str, Fits]] = {
    "warm": {"fault": _text},
    "listening": {},
    "beat": {"done": _whole(LARGEST), "stalled": _seconds, "rss": _whole(LARGEST), "pid": _PID},
    "recycle": {"reason": _text},
    "leaving": {},
    "failed": _FAILED,
}


def claim(words: Mapping[str, Any], known: Mapping[str, Mapping[str, Fits]]) -> str:
    """Return what a message tells, "" if it is none of those that are known, with all that belongs to it."""
    kind = words.get("tell")
    parts = known.get(kind) if isinstance(kind, str) else None
    if parts is None:
        return ""
    fits = all(fit(words[name]) if name in words else name in _OPTIONAL for name, fit in parts.items())
    return str(kind) if fits else ""
