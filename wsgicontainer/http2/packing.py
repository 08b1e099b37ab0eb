"""How a reply goes out in frames: its head as packed fields (RFC 7541), the content's end as a flag.

The fields are those of the HTTP/1.1 text that `http.responses` has checked and rendered, so both versions say the same;
what belongs to HTTP/1.1 connections is not in that text. They are packed without the table that RFC 7541 would let both
sides keep: a head then is the same octets on every connection, and one that comes again is packed once. That costs the
peer some 90 octets more for each reply, saves us 25 µs, and nothing secret gets into a table that others' guesses could
be compressed with (RFC 7541 section 7.1). Runs in: application thread; what is remembered is values.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from hpack.hpack import encode_integer
from hpack.table import HeaderTable

from wsgicontainer.http.responses import hints
from wsgicontainer.http2.head import Field
from wsgicontainer.messages import Fields, ResponseHead

NO_TABLE = b"\x20"
"""A table of no octets (RFC 7541 section 6.3): said once in the first section of a connection."""
_INDEXED, _LITERAL, _NEVER_INDEXED = 0x80, 0x00, 0x10
_FIELDS = {pair: number for number, pair in reversed(list(enumerate(HeaderTable.STATIC_TABLE, 1)))}
_NAMES = {pair[0]: number for pair, number in _FIELDS.items()}
_HEADS, _HEAD_OCTETS = 256, 1024
"""Heads remembered, and the longest: heads come again within the second that their Date names."""


@frozen
class Packed:
    """A head, ready for its frame."""

    status: list[Field]
    """The one field that the state machine looks at."""
    octets: bytes


class Framed:
    """HTTP/2's delivery. The exchange's connection is a Stream."""

    def __init__(self) -> None:
        """Start with an empty memo."""
        self._memo: dict[tuple[str, int | None], Packed] = {}

    def opening(self, exchange: Any, head: ResponseHead, length: int | None) -> Packed:
        """Return a head's fields."""
        key = head.block, length
        found = self._memo.get(key)
        if found is None:
            found = packed(head.block, length)
            if len(head.block) <= _HEAD_OCTETS:
                if len(self._memo) >= _HEADS:
                    self._memo.clear()
                self._memo[key] = found
        return found

    def send(self, exchange: Any, opening: Packed | None, data: bytes, last: bool) -> None:
        """Leave it to the stream. Raises PeerGone."""
        exchange.connection.put(opening, data, last)

    def hint(self, exchange: Any, fields: Fields) -> None:
        """Send 103. Raises PeerGone, ApplicationError."""
        exchange.connection.put(packed(hints(fields).decode("latin-1"), None), b"", False)
        exchange.connection.wait_for_room()


def packed(block: str, length: int | None) -> Packed:
    """Pack what a head in HTTP/1.1's words says, status first, and the content's length if it is known."""
    first, *lines = block.encode("latin-1").rstrip(b"\r\n").split(b"\r\n")
    status = first[9:12]
    octets = [_field(b":status", status)]
    for line in lines:
        name, _, value = line.partition(b":")
        octets.append(_field(name.lower(), value.strip(b" \t")))
    if length is not None:
        octets.append(_field(b"content-length", b"%d" % length))
    return Packed([(b":status", status)], b"".join(octets))


def _field(name: bytes, value: bytes) -> bytes:
    """RFC 7541 sections 6.1, 6.2.2 and 6.2.3; strings are not shortened, which would cost more than it saves."""
    whole = _FIELDS.get((name, value))
    if whole is not None:
        return bytes([_INDEXED | whole])
    known = _NAMES.get(name, 0)
    start = encode_integer(known, 4)
    if name == b"set-cookie":
        start[0] |= _NEVER_INDEXED
    return bytes(start) + (b"" if known else _string(name)) + _string(value)


def _string(octets: bytes) -> bytes:
    return bytes(encode_integer(len(octets), 7)) + octets


CONTINUE = packed("HTTP/1.1 100 Continue\r\n", None)
