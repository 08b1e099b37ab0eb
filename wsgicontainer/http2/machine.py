"""The state machine of the `h2` library, as far as we use it: frames in, events out, and what it wants sent.

It keeps the states of connection and streams, both directions' windows, and the two HPACK tables. It sees no field:
what was decoded is taken away before it looks (`fields`), as it would end the connection for what is one stream's
mistake, and look at each field thrice. It learns of no GOAWAY either: it would send nothing any more, where the streams
that run are to be finished. Runs in: the connection's owner.
"""

from __future__ import annotations

from typing import Any, cast

from attrs import frozen
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, Event
from h2.exceptions import H2Error, ProtocolError, StreamClosedError
from h2.settings import SettingCodes, Settings
from h2.stream import StreamState
from hpack import Decoder, OversizedHeaderListError

from wsgicontainer.http2.frames import (
    END_STREAM,
    ENHANCE_YOUR_CALM,
    PADDED,
    PREFACE,
    PROTOCOL_ERROR,
    Fault,
    data_header,
    window_update,
)
from wsgicontainer.http2.head import Field
from wsgicontainer.http2.packing import NO_TABLE, Packed

WINDOW = 1_048_576
"""Octets of a stream's content that may be on their way, and a quarter of a connection's.

Nothing of it waits in memory: what has come is spooled at once, and then the windows are opened by as much."""
_FIRST_WINDOW = 65_535
"""What every connection begins with (RFC 9113 section 6.9.2)."""
_SECTIONS, _SECTION_OCTETS = 16, 256
"""Field sections that are remembered of each connection, and the longest."""
_UNBOUNDED = 2**31 - 1
_TURN = 65_536
"""Octets of content that a stream may send before others have their turn, in as few frames as the peer takes."""
_CLOSED = 1000
"""Ended streams whose end is remembered."""
LOST = (H2Error, KeyError)
"""What sending raises on a stream that the state machine has ended by itself."""
_NO_FIELDS: list[Field] = []
_RECEIVING = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)


@frozen
class Content:
    """What a DATA frame has brought; `stream_ended` is an event of h2's."""

    stream_id: int
    data: bytes
    stream_ended: object = None


class _Decoder(Decoder):
    """Keeps the fields for us."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self.max_header_list_size = longest
        self.fields: list[Field] = []
        self._known: dict[bytes, list[Field]] = {}

    def decode(self, data: bytes, raw: bool = False) -> list[Field]:  # type: ignore[override]
        """Decode, and show nothing of it.

        What changed nothing in the table means the same when it comes again, until something does: clients repeat
        themselves, and then a section is a dozen octets that cost 30 µs.
        """
        octets = bytes(data)
        known = self._known.get(octets)
        self.fields = self._decoded(octets) if known is None else known
        return _NO_FIELDS

    def _decoded(self, octets: bytes) -> list[Field]:
        first, *others = self._table()
        fields = cast("list[Field]", super().decode(octets, raw=True))
        now, *others_now = self._table()
        if now is not first or others_now != others:
            self._known.clear()
        elif len(self._known) < _SECTIONS and len(octets) <= _SECTION_OCTETS:
            self._known[octets] = fields
        return fields

    def _table(self) -> tuple[object, int, int]:
        """Return what any change of the table changes: an entry comes first, or bounds throw some out.

        The first entry itself, not its `id`: whoever holds it keeps the next one from having its address.
        """
        entries = self.header_table.dynamic_entries
        return entries[0] if entries else None, len(entries), self.header_table.maxsize


class _Encoder:
    """Passes on what was packed before, as `packing` does it: without a table that would have to be kept."""

    def __init__(self) -> None:
        self.packed = b""
        self._update = NO_TABLE

    @property
    def header_table_size(self) -> int:
        """There is none."""
        return 0

    @header_table_size.setter
    def header_table_size(self, value: int) -> None:
        """Say so again: a peer that has changed its bound waits for an answer (RFC 7541 section 4.2)."""
        self._update = NO_TABLE

    def encode(self, headers: object) -> bytes:
        """Return what was packed."""
        block, self._update = self._update + self.packed, b""
        return block


class _Silence:
    """h2's log: 22 calls for each request, which nobody reads."""

    def debug(self, *words: object) -> None:
        """Say nothing."""

    trace = debug


class _Connection(H2Connection):
    """With less memory for what has ended: 65,536 streams of each connection otherwise."""

    MAX_CLOSED_STREAMS = _CLOSED


class Machine:
    """One connection's states."""

    def __init__(self, streams: int, longest_section: int, window: int = WINDOW) -> None:
        """Announce so many concurrent streams, the longest field section, and a stream's window, in octets.

        Sections up to twice as long are decoded, to be refused; what is longer raises Fault.
        """
        config = H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_inbound_headers=False,
            normalize_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            logger=_Silence(),  # type: ignore[arg-type]
        )
        self._h2 = machine = _Connection(config)
        self._decoder = machine.decoder = _Decoder(2 * longest_section)
        self._encoder = machine.encoder = _Encoder()  # type: ignore[assignment]
        machine.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: longest_section,
                SettingCodes.INITIAL_WINDOW_SIZE: window,
            },
        )
        machine.initiate_connection()
        # Ours to count: it would end the connection for one stream too many.
        machine.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = _UNBOUNDED
        machine.local_settings.acknowledge()
        machine.receive_data(PREFACE)  # `frames` has seen it
        self._window, self._windows = window, 4 * window
        self._owed, self._owed_of = 0, dict[int, int]()
        self._ours: list[bytes | memoryview] = [machine.data_to_send(), window_update(0, self._windows - _FIRST_WINDOW)]
        """Frames that we have made ourselves, and what of h2's has to go out before them."""

    @property
    def fields(self) -> list[Field]:
        """What the last request or trailer section has said."""
        return self._decoder.fields

    @property
    def highest(self) -> int:
        """The last stream that the peer has opened."""
        return self._h2.highest_inbound_stream_id

    def take_content(self, stream: int, flags: int, frame: bytes) -> list[Event]:
        """Take a DATA frame. Raises Fault.

        The state machine sees none of its octets, as it would copy them thrice and spell them in hexadecimal for a log
        that nobody reads: so the windows on the way in are counted here. What was taken opens them again in the same
        breath, so nobody can send more than they are open for. What neither begins nor ends anything it does not see.
        """
        length = len(frame) - 9
        content = frame[9:]
        if flags & PADDED:
            if not length or content[0] >= length:
                raise Fault(PROTOCOL_ERROR, "padding as long as its frame")
            content = content[1 : length - content[0]]
        self._owed += length
        state = self._h2.streams.get(stream)
        events: list[Any] = [Content(stream, content)]
        if flags & END_STREAM or state is None or state.state_machine.state not in _RECEIVING:
            events = self.take(b"\0\0\0\0%c" % (flags & END_STREAM) + frame[5:9])
            events = [Content(stream, content, e.stream_ended) if isinstance(e, DataReceived) else e for e in events]
        if events and type(events[0]) is Content:
            self._owed_of[stream] = self._owed_of.get(stream, 0) + length
        self.received(0, False)
        return events

    def received(self, stream: int, more: bool) -> None:
        """Open the windows by what was taken: the connection's, and the stream's if `more` has to come on it."""
        if self._owed >= self._windows // 2:
            self._ours.append(window_update(0, self._owed))
            self._owed = 0
        if not more:
            self._owed_of.pop(stream, None)
        elif self._owed_of.get(stream, 0) >= self._window // 2:
            self._ours.append(window_update(stream, self._owed_of.pop(stream)))

    def take(self, frame: bytes) -> list[Event]:
        """Take one frame that is no DATA. Raises Fault."""
        try:
            return self._h2.receive_data(frame)
        except ProtocolError as error:
            self._h2.clear_outbound_data_buffer()
            code = ENHANCE_YOUR_CALM if isinstance(error.__cause__, OversizedHeaderListError) else error.error_code
            raise Fault(int(code), str(error)) from None
        except (ValueError, TypeError, KeyError, IndexError) as error:  # h2's own surprises are the peer's doing
            raise Fault(PROTOCOL_ERROR, f"{type(error).__name__} in the state machine") from error

    # Sending

    def pending(self) -> bytes:
        """Return what has to be sent: frames in their order."""
        if not self._ours:
            return self._h2.data_to_send()
        parts, self._ours = [*self._ours, self._h2.data_to_send()], []
        return b"".join(parts)

    def send_head(self, stream: int, head: Packed, last: bool) -> None:
        """Send a field section."""
        self._encoder.packed = head.octets
        self._h2.send_headers(stream, head.status, end_stream=last)

    def send_data(self, stream: int, data: bytes, last: bool) -> None:
        """Send content, not more than `room` has said.

        What is not the last frame changes no state, only the windows: the state machine would copy it thrice.
        """
        h2 = self._h2
        longest = h2.max_outbound_frame_size
        before = max(len(data) - 1, 0) // longest * longest if last else len(data)
        if before:
            if not h2.streams[stream].open:
                raise StreamClosedError(stream)
            h2.streams[stream].outbound_flow_control_window -= before
            h2.outbound_flow_control_window -= before
            self._ours.append(h2.data_to_send())
            if before <= longest:
                self._ours += data_header(stream, before), data[:before]
            else:
                self._ours += _frames(stream, memoryview(data)[:before], longest)
        if last:
            h2.send_data(stream, data[before:], end_stream=True)

    def room(self, stream: int) -> int:
        """Return how many octets of content may be sent in one turn; 0 or less if a window is closed."""
        h2 = self._h2
        return min(h2.outbound_flow_control_window, h2.streams[stream].outbound_flow_control_window, _TURN)

    def reset(self, stream: int, code: int) -> None:
        """End a stream at once; nothing if it has ended."""
        self._owed_of.pop(stream, None)
        try:
            self._h2.reset_stream(stream, code)
        except StreamClosedError:
            pass


def _frames(stream: int, content: memoryview, longest: int) -> list[bytes | memoryview]:
    """Cut content into DATA frames that are not the last: headers and pieces."""
    header, end = data_header(stream, longest), len(content) // longest * longest
    parts: list[bytes | memoryview] = []
    for start in range(0, end, longest):
        parts += header, content[start : start + longest]
    if end < len(content):
        parts += data_header(stream, len(content) - end), content[end:]
    return parts
