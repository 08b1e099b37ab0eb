"""What the C library does with memory that is free: kept for the next request, not given back at once.

Each batch of uploads or large replies takes megabytes and frees them. The default hands anything above 128 KiB back to
the kernel, which clears every page anew: a third of the CPU of a request with 64 KiB of content.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

KEPT = 16 << 20
"""Octets that may lie free at the end of each arena: some batches of uploads."""
MAPPED = 1 << 20
"""Octets from which on a block has pages of its own, which go back as soon as it is freed."""
ARENAS = 2
"""Heaps, instead of one for each thread up to eight for each core: threads that share an interpreter lock rarely ask
at once, and what one has freed another can use (a quarter of the memory of a busy server with 12 threads)."""
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
"""Names of mallopt(3)."""


def keep_freed_memory() -> None:
    """Tell malloc; a C library that is not glibc has no such thing, or means something else by it."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 (only glibc has it)
        library.mallopt(_TRIM_THRESHOLD, KEPT)
        library.mallopt(_MMAP_THRESHOLD, MAPPED)
        library.mallopt(_ARENA_MAX, ARENAS)
