"""Which waits of a connection that serves are too long: for content, for a window, for a wire that takes nothing.

Looked at in each sweep while a stream is open or the wire chokes. Runs in: reactor thread, as the connection's owner.
"""

from __future__ import annotations

from typing import Any

from wsgicontainer.http2 import ending, frames
from wsgicontainer.http2.frames import Fault


def look(home: Any, now: float) -> None:
    """End streams whose peer lets them wait, and the connection if all of them do."""
    patience = home.site.clocks.send
    if _wire_is_stuck(home, now):
        ending.close(home, reset=True)
        return
    for stream in list(home.streams.values()):
        if stream.arrival is not None and stream.until < now:
            home.requests.time_out(stream)
    waiting = [stream for stream in list(home.streams.values()) if stream.arrival is None and stream.unsent]
    stuck = [stream for stream in waiting if home.sender.is_stuck(stream, now, patience)]
    if stuck and len(stuck) == len(waiting):
        ending.fail(home, Fault(frames.ENHANCE_YOUR_CALM, f"its windows took nothing for {patience:g} s"))
        return
    for stream in stuck:
        home.machine.reset(stream.number, frames.CANCEL)
        home.drop(stream)


def _wire_is_stuck(home: Any, now: float) -> bool:
    """Tell whether the peer has taken nothing at all for too long, of what waits for it."""
    if not home.choked:
        home.mark = None
    elif home.wire.progress != home.mark:
        home.mark, home.since = home.wire.progress, now
    else:
        return bool(now - home.since > home.site.clocks.send)
    return False
