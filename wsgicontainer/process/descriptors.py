"""The process's bound on open descriptors, which a server that faces the internet must not meet."""

from __future__ import annotations

from contextlib import suppress

from twisted.logger import Logger

with suppress(ImportError):  # not on Windows
    import resource

_log = Logger()
RESERVE = 256
"""Descriptors for all but connections: files being sent, spools, logs, the application's own."""


def raise_descriptor_limit(connections: int) -> int:
    """Raise the soft limit as far as `connections` need it and the hard limit allows; warn if that is not enough.

    Return how many connections there may be. Of few descriptors half are kept for all else.
    """
    try:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    except NameError:
        return connections
    wanted = connections + RESERVE
    best = wanted + connections  # each slow reader has a file too
    if soft == resource.RLIM_INFINITY or soft >= best:
        return connections
    allowed = best if hard == resource.RLIM_INFINITY else min(best, hard)
    if allowed > soft:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    possible = min(connections, max(1, allowed - min(RESERVE, allowed // 2)))
    if possible < connections:
        _log.warn(
            "--max-connections {connections} needs {wanted} descriptors, and the system allows {allowed}: at most "
            "{possible} connections are open at once; raise its limit (ulimit -Hn, LimitNOFILE=)",
            connections=connections,
            wanted=wanted,
            allowed=allowed,
            possible=possible,
        )
    return possible
