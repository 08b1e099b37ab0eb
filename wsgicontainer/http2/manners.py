"""Counts what a peer costs without asking for anything: floods of whatever frame end with GOAWAY. Pure.

One purse for all of them, so that no mixture of frames goes further than one kind. What is ordinary is free or earns
its price back: a request that is answered, content that was sent and has to be acknowledged.
"""

from __future__ import annotations

from wsgicontainer.http2.frames import DATA, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, RST_STREAM, Fault

FULL = 1000
"""What a purse holds, and a connection begins with: browsers spend some ten at once."""
PER_SECOND = 10
"""What time brings back."""
_PRICES = {RST_STREAM: 5}
"""Of frames that are not for nothing otherwise 1: a reset also costs the work that was begun."""
PROVOKED = 10
"""The price of a reset of ours that the peer has brought about (MadeYouReset)."""
SERVED = 3
"""What a request earns that was answered to its end: its frames' price."""
SENT = 2
"""What a DATA frame of ours earns: a WINDOW_UPDATE for the stream, and one for the connection."""
_FRAME = 16384
"""Octets of a frame that every peer takes (RFC 9113 section 4.2); those that take longer ones have fewer to answer."""
_LITTLE = 32
"""Octets of content below which a DATA frame costs as much as one without any, unless it is the last."""
REFUSED = 5
"""The price of a stream beyond what was agreed."""
_CRUMB = 512
"""Octets below which a DATA frame of ours earns nothing: a window that drips is what it costs the peer."""


class Manners:
    """One peer's purse."""

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        """Begin full."""
        self._left, self._since = float(FULL), now

    def frame(self, kind: int, flags: int, length: int, now: float) -> None:
        """Take the price of a frame that has come. Raises Fault."""
        if kind == HEADERS or (kind == DATA and (length >= _LITTLE or flags & END_STREAM)):
            return
        self.take(_PRICES.get(kind, 1), now)

    def take(self, price: int, now: float, what: str = "too many frames that ask for nothing") -> None:
        """Take a price. Raises Fault if the purse is empty."""
        self._left -= price
        if self._left < 0:
            self._left = min(FULL, self._left + (now - self._since) * PER_SECOND)
            self._since = now
            if self._left < 0:
                raise Fault(ENHANCE_YOUR_CALM, what)

    def earn(self, price: int) -> None:
        """Give something back."""
        self._left = min(FULL, self._left + price)

    def sent(self, octets: int) -> None:
        """Note content of ours, in frames of at least _FRAME octets but for the last."""
        if octets >= _CRUMB:
            self._left = min(FULL, self._left + SENT * -(-octets // _FRAME))
