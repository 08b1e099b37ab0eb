"""An HTTP/2 connection in memory, and a client on its other end: h2 as a client, or frames made by hand."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import h2.config
import h2.connection
import h2.events
import pytest
from hpack import Decoder, Encoder
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame, SettingsFrame
from twisted.logger import capturedLogs

from tests.unit.http.conftest import House
from wsgicontainer.connections.overflow import Disk, Room
from wsgicontainer.http2.connection import Connection
from wsgicontainer.http2.frames import PREFACE
from wsgicontainer.http2.requests import Shared

REQUEST = [(":method", "GET"), (":scheme", "http"), (":path", "/a"), (":authority", "h")]
POST = [(":method", "POST"), *REQUEST[1:]]


class Http2House(House):
    """One site and one HTTP/2 connection to it."""

    def __init__(
        self, *, streams: int = 10, most: int = 1000, budget: int = 10_000, disk: int = 0, patience: float = 5
    ) -> None:
        super().__init__()
        self.roll.open.clear()
        self.shared = Shared(streams, Room(budget, patience, Disk(disk)), most)
        self.connection = Connection(self.site, self.wire, self.shared)

    def take(self) -> bytes:
        """Return all octets that the peer has got since."""
        out, self.wire.out = self.wire.out, b""
        return out


class Peer:
    """h2 as the client."""

    def __init__(self, house: Http2House) -> None:
        self.house = house
        self.h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        )
        self.h2.initiate_connection()
        self.events: list[Any] = []

    def exchange(self, *, work: bool = True) -> list[Any]:
        """Send what waits, and hear what the server says to it, until both are silent; return the new events."""
        began = len(self.events)
        for _ in range(50):
            octets = self.h2.data_to_send()
            if octets:
                self.house.wire.inbox.append(octets)
            self.house.ring(work=work)
            said = self.house.take()
            if not octets and not said:
                break
            if said:
                self.events += self.h2.receive_data(said)
        return self.events[began:]

    def ask(self, fields: Iterable[tuple[str, str]] = REQUEST, content: bytes | None = None, *, end=True) -> int:
        """Begin a request; return its stream."""
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, list(fields), end_stream=end and content is None)
        if content is not None:
            self.h2.send_data(stream, content, end_stream=end)
        return stream

    def reply(self, stream: int) -> tuple[dict[str, str], bytes, bool]:
        """Return what was said on a stream: its fields, its content, and whether it has ended well."""
        fields: dict[str, str] = {}
        content, ended = b"", False
        for event in self.events:
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                fields = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                content += event.data
                self.h2.acknowledge_received_data(event.flow_controlled_length, stream)
            elif isinstance(event, h2.events.StreamEnded):
                ended = True
        return fields, content, ended


class Raw:
    """Frames made by hand, and what comes back as frames."""

    def __init__(self, house: Http2House, *, begin: bool = True) -> None:
        self.house = house
        self.encoder, self.decoder = Encoder(), Decoder()
        self._buffer = b""
        if begin:
            self.send(PREFACE, SettingsFrame(0))

    def send(self, *frames: Frame | bytes, work: bool = True) -> list[Frame]:
        """Send frames or octets, each with an event of its own; return the frames that came back."""
        for frame in frames:
            self.house.wire.inbox.append(frame if isinstance(frame, bytes) else frame.serialize())
            self.house.ring(work=work)
        return self.heard()

    def heard(self) -> list[Frame]:
        self._buffer += self.house.take()
        frames = []
        while len(self._buffer) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[:9]))
            if len(self._buffer) < 9 + length:
                break
            frame.parse_body(memoryview(self._buffer[9 : 9 + length]))
            self._buffer = self._buffer[9 + length :]
            frames.append(frame)
        return frames

    def headers(self, stream: int, fields=REQUEST, *flags: str) -> HeadersFrame:
        """Make a HEADERS frame, the end of its section and of its stream unless told otherwise."""
        return HeadersFrame(stream, self.encoder.encode(fields), flags=list(flags or ("END_HEADERS", "END_STREAM")))

    def continuation(self, stream: int, data: bytes = b"", *flags: str) -> ContinuationFrame:
        return ContinuationFrame(stream, data, flags=list(flags))


def goaway(frames: Iterable[Frame]) -> int | None:
    """Return the error code of the first GOAWAY, None if there is none."""
    return next((frame.error_code for frame in frames if type(frame).__name__ == "GoAwayFrame"), None)


def resets(frames: Iterable[Frame]) -> dict[int, int]:
    """Return the streams that were reset, and why."""
    return {frame.stream_id: frame.error_code for frame in frames if type(frame).__name__ == "RstStreamFrame"}


def later(seconds: float) -> float:
    return time.monotonic() + seconds


@pytest.fixture
def house() -> Http2House:
    return Http2House()


@pytest.fixture
def peer(house) -> Peer:
    return Peer(house)


@pytest.fixture
def raw(house) -> Raw:
    return Raw(house)


@pytest.fixture
def logged_events():
    with capturedLogs() as events:
        yield events


@pytest.fixture(autouse=True)
def no_traceback(request):
    """Nothing that a peer does is a mistake of ours."""
    with capturedLogs() as events:
        yield
    failures = [event for event in events if "log_failure" in event]
    assert not failures or "fails" in request.node.name, failures[0]["log_failure"].getTraceback()
