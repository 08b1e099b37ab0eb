"""An HTTP/2 client made of frames: sends anything, reads frames, keeps no rule that it is not asked to keep."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PATIENCE = 20
Fields = list[tuple[str, str]]


def request(path: str = "/", method: str = "GET") -> Fields:
    return [(":method", method), (":scheme", "http"), (":path", path), (":authority", "h")]


class Client:
    """One connection. `frames` is all that has come."""

    def __init__(self, port: int, settings: dict[int, int] | None = None, *, begin: bool = True, small=False) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.encoder, self.decoder = Encoder(), Decoder()
        self.decoder.max_header_list_size = 1 << 20
        self.frames: list[Frame] = []
        self.heads: dict[int, list[dict[str, str]]] = {}
        """Of each stream its field sections."""
        self.closed = False
        self._buffer = b""
        if begin:
            self.send(PREFACE, SettingsFrame(0, settings=settings or {}))

    def send(self, *frames: Frame | bytes) -> Client:
        self.socket.sendall(b"".join(frame if isinstance(frame, bytes) else frame.serialize() for frame in frames))
        return self

    def head(self, stream: int, fields: Iterable[tuple[str, str]] | None = None, *flags: str) -> HeadersFrame:
        data = self.encoder.encode(list(request() if fields is None else fields))
        return HeadersFrame(stream, data, flags=list(flags or ("END_HEADERS", "END_STREAM")))

    def read(self) -> bool:
        """Read some frames; False once the server has closed."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.closed = True
            return False
        self._buffer += data
        at = 0
        while len(self._buffer) - at >= 9:
            frame, length = Frame.parse_frame_header(memoryview(self._buffer[at : at + 9]))
            if len(self._buffer) - at < 9 + length:
                break
            frame.parse_body(memoryview(self._buffer[at + 9 : at + 9 + length]))
            at += 9 + length
            self._heard(frame)
        self._buffer = self._buffer[at:]
        return True

    def _heard(self, frame: Frame) -> None:
        self.frames.append(frame)
        if isinstance(frame, (HeadersFrame, ContinuationFrame)):
            assert "END_HEADERS" in frame.flags, "no head of ours is so long"
            self.heads.setdefault(frame.stream_id, []).append(dict(self.decoder.decode(frame.data)))

    def until(self, found: Callable[[], bool]) -> Client:
        """Read until something is so; AssertionError if the server closes first, TimeoutError if it never is."""
        while not found():
            assert self.read(), f"closed; {self.frames}"
        return self

    def of(self, stream: int) -> list[Frame]:
        return [frame for frame in self.frames if frame.stream_id == stream]

    def ended(self, stream: int) -> bool:
        """Whether a stream has ended, well or by a reset."""
        return any("END_STREAM" in frame.flags or isinstance(frame, RstStreamFrame) for frame in self.of(stream))

    def wait(self, *streams: int) -> Client:
        """Read until these streams have ended."""
        return self.until(lambda: all(map(self.ended, streams)))

    def content(self, stream: int) -> bytes:
        return b"".join(frame.data for frame in self.of(stream) if isinstance(frame, DataFrame))

    def status(self, stream: int) -> int:
        """Return the status of a stream's reply; 0 if there is none."""
        return int(self.heads[stream][-1][":status"]) if stream in self.heads else 0

    def reset_code(self, stream: int) -> int | None:
        return next((frame.error_code for frame in self.of(stream) if isinstance(frame, RstStreamFrame)), None)

    def goaway(self) -> GoAwayFrame | None:
        return next((frame for frame in self.frames if isinstance(frame, GoAwayFrame)), None)

    def to_the_end(self) -> Client:
        """Read until the server closes."""
        while self.read():
            pass
        return self

    def ask(self, path: str = "/", stream: int = 1) -> bytes:
        """Make one request, and return its content."""
        self.send(self.head(stream, request(path))).wait(stream)
        assert self.status(stream) == 200, self.frames
        return self.content(stream)

    def close(self) -> None:
        self.socket.close()
