"""What stands around a connection when only it is measured: a wire, threads and a roll that cost next to nothing."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from select import EPOLLIN

from zope.interface import implementer

from wsgicontainer.interfaces import IApplicationThreads, IJob, IOpenConnection, IRoll, IWire

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
"""With an empty SETTINGS frame (RFC 9113 section 3.4)."""


@implementer(IWire)
class EndlessWire:
    """A client that asks the same again and again, and takes every reply."""

    usual = EPOLLIN
    secure = False
    peer = ("127.0.0.1", "50000")
    local = ("127.0.0.1", "8000")
    progress = 0
    suspect = False

    def __init__(self, request: bytes) -> None:
        """Take what the client says at every event."""
        self._request = request
        self.drained = False
        self.said = b""

    def noticed(self, event: int) -> bool:
        """Every event is news."""
        return True

    def receive(self) -> bytes | None:
        """Return the request, and nothing more before the next event."""
        if self.drained:
            return None
        self.drained = True
        return self._request

    def gone(self) -> bool:
        """Say that the client stays."""
        return False

    def vanished(self) -> bool:
        """Say that the client stays."""
        return False

    def hand_over(self, noticed: Callable[[int], None], ready: Callable[[], None]) -> None:
        """Nobody takes over."""

    def look_again(self) -> None:
        """Ring by itself at the next request."""

    def send_both(self, head: bytes, content: bytes) -> bool:
        """Keep both."""
        return self.send(head + content)

    def send(self, data: bytes) -> bool:
        """Keep the last that was said; a kernel would have taken it all."""
        self.said = data
        return True

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        """No scenario sends files."""
        raise NotImplementedError

    def wait_for_room(self) -> None:
        """There is room."""

    def flush(self) -> bool:
        """Nothing is kept."""
        return True

    def end_output(self) -> bool:
        """No scenario ends."""
        raise NotImplementedError

    def cut(self) -> None:
        """No scenario is cut."""
        raise NotImplementedError

    def close(self, reset: bool = False) -> bool:
        """Be closed."""
        return True


class StreamsWire(EndlessWire):
    """A client of HTTP/2 that opens a stream at every event, always with the same field section."""

    _stream = -1

    def receive(self) -> bytes | None:
        """Return the frame that opens the next stream; before the first, the preface."""
        section = super().receive()
        if section is None:
            return None
        self._stream += 2
        frame = struct.pack(">BHBBI", 0, len(section), 1, 0x05, self._stream) + section
        return frame if self._stream > 1 else _PREFACE + frame


@implementer(IApplicationThreads)
class OneThread:
    """Jobs, run when asked."""

    def __init__(self) -> None:
        """Have nothing to do."""
        self._jobs: deque[IJob] = deque()

    def submit(self, job: IJob) -> bool:
        """Take a job."""
        self._jobs.append(job)
        return True

    def work(self) -> None:
        """Run the oldest job."""
        self._jobs.popleft().run()


@implementer(IRoll)
class NoRoll:
    """Nobody counts connections here."""

    def enter(self, connection: IOpenConnection) -> None:
        """Forget it."""

    def replace(self, before: IOpenConnection, after: IOpenConnection) -> None:
        """Forget both."""

    def strike(self, connection: IOpenConnection) -> None:
        """Forget it."""
