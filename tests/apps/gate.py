"""A stream that proves it is one: its second block is made after somebody has seen the first and asked `GET /go`."""

from __future__ import annotations

import threading
from collections.abc import Iterator

OPEN = threading.Event()


def blocks() -> Iterator[bytes]:
    """Yield the first block, wait until the gate opens, yield the second."""
    OPEN.clear()
    yield b"first\n"
    yield b"second\n" if OPEN.wait(10) else b"nobody came\n"


def go() -> str:
    """Open the gate."""
    OPEN.set()
    return "gone\n"
