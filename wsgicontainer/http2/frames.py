"""Cuts octets into frames (RFC 9113 section 4) and refuses what is wrong whatever the state. Pure.

The state machine gets one frame at a time: so each is counted before it costs anything, and after a fault nothing more
is read. A frame that announces more than was agreed is refused by its first nine octets, not when all of it has come.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from wsgicontainer.errors import ContainerError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client's connection begins with (RFC 9113 section 3.4)."""
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 16
"""RFC 9218 section 7.1."""
END_STREAM = ACK = 1
END_HEADERS, PADDED = 4, 8
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = range(4)
FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, HTTP_1_1_REQUIRED = 6, 7, 8, 11, 13
LONGEST = 16384
"""Octets of a frame's payload that we take: what everybody begins with (SETTINGS_MAX_FRAME_SIZE)."""

_HEADER = Struct(">HBBBL")
_WINDOW_UPDATE = Struct(">HBBBLL")
_GOAWAY = Struct(">HBBBLLL")
_LENGTHS = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_Frame = tuple[int, int, int, bytes]
"""Type, flags, stream, and all of its octets, the nine of its header included."""


class Fault(ContainerError):
    """What ends a connection (RFC 9113 section 5.4.1)."""

    def __init__(self, code: int, reason: str) -> None:
        """Take the error code for GOAWAY and a reason for the log."""
        super().__init__(reason)
        self.code, self.reason = code, reason


class Cutter:
    """What has come of one connection and is no whole frame yet."""

    __slots__ = ("_buffer", "_preface", "_settled", "_block", "_block_octets", "_longest_block")

    def __init__(self, longest_block: int) -> None:
        """Expect the preface; a field section may have `longest_block` octets on the wire, all its frames together."""
        self._buffer = b""
        self._preface, self._settled = PREFACE, False
        self._block = self._block_octets = 0
        self._longest_block = longest_block

    @property
    def unfinished(self) -> bool:
        """Whether the rest of a frame or of a field section has to come."""
        return bool(self._buffer or self._block)

    @property
    def in_block(self) -> bool:
        """Whether a field section has begun and not ended."""
        return self._block != 0

    def cut(self, data: bytes) -> Iterator[_Frame]:
        """Yield the frames that are whole now. Raises Fault."""
        if self._preface:
            data = self._after_preface(data)
        octets = self._buffer + data if self._buffer else data
        self._buffer = b""
        at, have = 0, len(octets)
        while have - at >= 9:
            high, low, kind, flags, stream = _HEADER.unpack_from(octets, at)
            length, stream = high << 8 | low, stream & 0x7FFFFFFF
            self._check(kind, flags, stream, length)
            end = at + 9 + length
            if end > have:
                break
            self._note(kind, flags, stream, length)
            yield kind, flags, stream, octets[at:end]
            at = end
        self._buffer = octets[at:]

    def _after_preface(self, data: bytes) -> bytes:
        cut = len(self._preface)
        if not self._preface.startswith(data[:cut]):
            raise Fault(PROTOCOL_ERROR, "no HTTP/2 preface")
        self._preface = self._preface[len(data) :]
        return data[cut:]

    def _check(self, kind: int, flags: int, stream: int, length: int) -> None:
        """Look at a frame's header; again for one that has not come whole, which changes nothing."""
        if length > LONGEST:
            raise Fault(FRAME_SIZE_ERROR, f"a frame of {length} octets")
        if not self._settled:
            if kind != SETTINGS or flags & ACK:
                raise Fault(PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settled = True
        if self._block:
            if kind != CONTINUATION or stream != self._block:
                raise Fault(PROTOCOL_ERROR, "a frame in the midst of a field section")
        elif kind == CONTINUATION:
            raise Fault(PROTOCOL_ERROR, "CONTINUATION of nothing")
        if length != _LENGTHS.get(kind, length) or not _fits(kind, flags, length):
            raise Fault(FRAME_SIZE_ERROR, f"a frame of type {kind} with {length} octets")

    def _note(self, kind: int, flags: int, stream: int, length: int) -> None:
        """Keep count of a field section in several frames. Raises Fault for one without end."""
        if kind in (HEADERS, CONTINUATION):
            self._block_octets = length + (self._block_octets if kind == CONTINUATION else 0)
            if self._block_octets > self._longest_block:
                raise Fault(ENHANCE_YOUR_CALM, f"a field section of more than {self._longest_block} octets")
            self._block = 0 if flags & END_HEADERS else stream


def _fits(kind: int, flags: int, length: int) -> bool:
    if kind == SETTINGS:
        return not length if flags & ACK else length % 6 == 0
    return kind != GOAWAY or length >= 8


def goaway(last: int, code: int) -> bytes:
    """Return a GOAWAY frame (RFC 9113 section 6.8)."""
    return _GOAWAY.pack(0, 8, GOAWAY, 0, 0, last, code)


def data_header(stream: int, octets: int) -> bytes:
    """Return the header of a DATA frame that is not the last (RFC 9113 section 6.1)."""
    return _HEADER.pack(octets >> 8, octets & 255, DATA, 0, stream)


def window_update(stream: int, octets: int) -> bytes:
    """Return a WINDOW_UPDATE frame (RFC 9113 section 6.9); stream 0 is the connection."""
    return _WINDOW_UPDATE.pack(0, 4, WINDOW_UPDATE, 0, stream, octets)


ALL = 2**31 - 1
"""The last stream of a GOAWAY that is only a warning."""
