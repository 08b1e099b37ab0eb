"""Content on its way to an exchange: its framing is read, its octets are kept, until it is whole.

No wire and no clock of its own: the connection feeds it. Runs in: the connection's owner.
"""

from __future__ import annotations

from typing import Protocol

from attrs import evolve

from wsgicontainer.errors import PeerError
from wsgicontainer.http.content import Spool
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.framing import Chunked, Sized
from wsgicontainer.http.head import CHUNKED
from wsgicontainer.http.site import Clocks, ContentLimits


class ContentReader(Protocol):
    """Reads content as it comes."""

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """Return content and, when it is complete, what follows; None as long as more has to come."""


class Arrival:
    """The content of one exchange while it comes."""

    __slots__ = ("exchange", "_began", "_reader", "_spool")

    def __init__(
        self, exchange: Exchange, length: int, limits: ContentLimits, reader: ContentReader | None = None
    ) -> None:
        """Expect `length` octets, or chunks if it is CHUNKED, for `exchange`; or what another reader makes of it."""
        self.exchange = exchange
        self._reader = reader or (Chunked(limits.most) if length == CHUNKED else Sized(length))
        self._spool = Spool(limits.in_memory)
        self._began = 0.0

    def feed(self, data: bytes) -> bytes | None:
        """Take what came: None as long as more has to come, else what follows the content.

        Then the exchange has its content as a file, and its length. Raises PeerError 400, 413 or 507.
        """
        content, rest = self._reader.feed(data)
        try:
            self._spool.write(content)
            if rest is not None:
                self.exchange.content = self._spool.rewound()
        except OSError as error:
            raise PeerError("507 Insufficient Storage", f"the content can't be kept: {error.strerror}") from None
        if rest is not None:
            self._tell_length()
        return rest

    def deadline(self, now: float, clocks: Clocks) -> float:
        """Return until when the next octets have to come: neither a pause nor a trickle holds a connection for ever."""
        self._began = self._began or now
        if not clocks.body_rate:
            return now + clocks.body
        return clocks.body + min(now, self._began + self._spool.size / clocks.body_rate)

    def drop(self) -> None:
        """Drop what has come; not after `feed` has returned what follows: it is the exchange's then."""
        self._spool.close()

    def _tell_length(self) -> None:
        request = self.exchange.request
        if "CONTENT_LENGTH" not in request.fields:
            fields = {**request.fields, "CONTENT_LENGTH": str(self._spool.size)}
            # A new one: the next head may share the one it came from.
            self.exchange.request = evolve(request, fields=fields, environ=None)
