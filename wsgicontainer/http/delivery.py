"""How the reply of an exchange goes out: here as the text of HTTP/1.x, in `http2.replies` as frames.

The exchange keeps the rules that no version changes; a delivery words the head and tells where the content ends.
Runs in: application thread.
"""

from __future__ import annotations

from typing import Any, Protocol

from wsgicontainer.http.responses import hints
from wsgicontainer.messages import Fields, ResponseHead


class Delivery(Protocol):
    """One version's way. `exchange` is the Exchange whose reply it is."""

    def opening(self, exchange: Any, head: ResponseHead, length: int | None) -> Any:
        """Word a head for content of `length` octets, None if nobody knows; what comes back is given to `send`."""

    def send(self, exchange: Any, opening: Any, data: bytes, last: bool) -> None:
        """Send the opening, unless it is empty, and content; `last` if nothing follows. Raises PeerGone."""

    def hint(self, exchange: Any, fields: Fields) -> None:
        """Send 103 with these fields. Raises PeerGone, ApplicationError."""


class Text:
    """HTTP/1.0 and HTTP/1.1 (RFC 9112 sections 6, 7.1 and 9.3)."""

    def opening(self, exchange: Any, head: ResponseHead, length: int | None) -> bytes:
        """Decide how the content's end is told, and whether the connection stays."""
        return (head.block + self._framing(exchange, head, length) + "\r\n").encode("latin-1")

    def send(self, exchange: Any, opening: bytes, data: bytes, last: bool) -> None:
        """Send, in chunks if the head has said so."""
        if exchange.chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if last:
                data += b"0\r\n\r\n"
        if opening:
            data = opening + data
        if data:
            exchange.connection.wire.send(data)

    def hint(self, exchange: Any, fields: Fields) -> None:
        """Send 103; HTTP/1.0 has no such thing."""
        lines = hints(fields)
        if exchange.request.protocol == "HTTP/1.1":
            exchange.connection.wire.send(lines)
            exchange.connection.wire.wait_for_room()

    def _framing(self, exchange: Any, head: ResponseHead, length: int | None) -> str:
        http11 = exchange.request.protocol == "HTTP/1.1"
        exchange.chunked = False
        lines = ""
        if length is not None:
            lines = f"Content-Length: {length}\r\n"
        elif exchange.silent:
            pass
        elif http11:
            exchange.chunked = True
            lines = "Transfer-Encoding: chunked\r\n"
        else:
            exchange.keep, exchange.until_close = False, True
        if head.close or exchange.connection.site.draining:
            exchange.keep = False
        if exchange.keep:
            return lines if http11 else lines + "Connection: keep-alive\r\n"
        return lines + "Connection: close\r\n"


TEXT: Delivery = Text()
