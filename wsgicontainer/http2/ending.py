"""How an HTTP/2 connection ends: a last word, then what still comes is dropped for a moment, then it is closed.

    part ──▶ discard ──▶ closed        either, or serving, ──▶ (await_end) ──▶ closed

The first three are steps of the connection (`connection.step`). Runs in: the connection's owner.
"""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import Any

from wsgicontainer.http.parting import discard, patience
from wsgicontainer.http2 import frames
from wsgicontainer.http2.frames import Fault, goaway

_TURN = 16
"""Receives that are dropped in one turn, so that one busy peer lets the others have theirs."""


def fail(home: Any, fault: Fault) -> None:
    """Have the connection part with a GOAWAY that tells why; nothing more is read, and no work is left."""
    home.shared.tell(fault, home.wire.peer[0], len(home.streams))
    _drop_all(home)
    home.machine.pending()
    home.ours += goaway(home.machine.highest, fault.code)
    home.step, home.mark = part, None
    home.deadline = monotonic() + home.site.clocks.send


def say_goodbye(home: Any) -> None:
    """Tell the peer which stream is the last that is served, once."""
    if home.last == inf:
        home.last = home.machine.highest
        home.ours += goaway(home.machine.highest, frames.NO_ERROR)


def hurry(home: Any, now: float) -> None:
    """Go on with the end of a connection whose peer takes too long."""
    if home.deadline >= now:
        return
    if home.step is await_end:
        home.wire.cut()
        home.deadline = now + home.site.clocks.send
    elif home.step is part and home.wire.progress != home.mark:
        home.mark, home.deadline = home.wire.progress, now + home.site.clocks.send
    else:
        close(home)


def part(home: Any) -> None:
    """Send what is left, then nothing more."""
    wire = home.wire
    octets, home.ours = home.ours + home.machine.pending(), b""
    home.deadline = max(home.deadline, monotonic() + patience(home.site.draining))
    if octets:
        wire.send(octets)
    if not wire.flush():
        return
    if not wire.end_output():
        close(home)
        return
    home.deadline = monotonic() + patience(home.site.draining)
    home.step = _discard
    home.rung = True
    _discard(home)


def _discard(home: Any) -> None:
    if home.rung:
        home.rung = home.wire.drained = False
    if not home.wire.drained and discard(home.wire, _TURN):
        close(home)


def close(home: Any, reset: bool = False) -> None:
    """Close now, or as soon as the wire lets it; with a reset if the peer must see that replies are broken."""
    if home.closed:
        return
    _drop_all(home)
    if home.wire.close(reset):
        home.forget()
    elif home.step is not await_end:
        home.deadline = monotonic() + home.site.clocks.send
        home.step = await_end


def await_end(home: Any) -> None:
    """Look whether the wire is closed at last."""
    close(home)


def _drop_all(home: Any) -> None:
    for stream in list(home.streams.values()):
        home.drop(stream)
        home.strike(stream.number)
