"""The last moments of a connection whose peer may still send: only while that is read, the peer reads the reply.

What the kernel still holds at a close becomes a reset, which may overtake the reply (RFC 9112 section 9.6).
Runs in: the connection's owner.
"""

from __future__ import annotations

from wsgicontainer.interfaces import IWire

_SECONDS = 2.0
"""How long a peer may go on sending after the last reply."""
_DRAINING_SECONDS = 0.5
"""The same on the server's way out."""


def patience(draining: bool) -> float:
    """Return for how many seconds what a peer sends is still dropped."""
    return _DRAINING_SECONDS if draining else _SECONDS


def discard(wire: IWire, most: int) -> bool:
    """Drop what has come, `most` receives of it in this turn; tell whether the peer has ended."""
    for _ in range(most):
        data = wire.receive()
        if data is None:
            return False
        if not data:
            return True
    wire.look_again()
    return False
