"""A server in memory: a wire, a queue that runs when the test says so, a roll, a log, and one responder."""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.logger import LogLevel, capturedLogs
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.errors import PeerGone
from wsgicontainer.http.h1 import Connection
from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.http.responses import ResponseHeads
from wsgicontainer.http.routing import Routes
from wsgicontainer.http.site import Clocks, ContentLimits, Site
from wsgicontainer.interfaces import (
    IAccessEntry,
    IAccessLog,
    IApplicationThreads,
    IExchange,
    IJob,
    IOpenConnection,
    IResponder,
    IRoll,
    IWire,
)
from wsgicontainer.telemetry.accessline import compile_format

PLAIN = [("Content-Type", "text/plain")]
_DATE = re.compile(rb"Date: [^\r]*\r\n")


@implementer(IWire)
class MemoryWire:
    """The bytes of one connection, in lists. `out` is what the peer got."""

    def __init__(self, *, half_close: bool = True) -> None:
        self.inbox: deque[bytes] = deque()
        self.out = b""
        self.drained = False
        self.secure = self.suspect = self.dead = False
        self.peer, self.local = ("192.0.2.1", "5000"), ("192.0.2.2", "8000")
        self.progress = 0
        self.half_close = half_close
        self.kept: list[bytes] = []
        self.full = False
        """Whether what is sent has to be kept."""
        self.sends_left: int | None = None
        """How many sends the peer still lives for."""
        self.reading_ends = self.output_ended = self.reset = self.was_cut = self.look = False
        self.closed = self.lost = False
        self.close_at_once = True

    usual = 1

    def noticed(self, event: int) -> bool:
        return bool(event)

    def receive(self) -> bytes | None:
        if self.inbox:
            data = self.inbox.popleft()
            # A short read, as on a socket: there is nothing more, unless the peer has closed.
            self.drained = not self.inbox and not self.reading_ends
            return data
        if self.reading_ends:
            return b""
        self.drained = True
        return None

    def gone(self) -> bool:
        return self.lost

    def vanished(self) -> bool:
        return self.dead

    def hand_over(self, noticed, ready) -> None:
        self.heir = noticed, ready

    def look_again(self) -> None:
        self.look = True

    def send(self, data: bytes) -> bool:
        assert not self.closed and not self.output_ended, "sent after the end"
        assert type(data) is bytes and data, "nothing to send"
        self._alive()
        if self.full or self.kept:
            self.kept.append(data)
            return False
        self.out += data
        return True

    def send_both(self, head: bytes, content: bytes) -> bool:
        return self.send(head + content)

    def send_file(self, descriptor: int, offset: int, count: int) -> None:
        try:
            self.send(os.pread(descriptor, count, offset))
        finally:
            os.close(descriptor)

    def wait_for_room(self) -> None:
        """There always is."""

    def flush(self) -> bool:
        if self.kept:
            self._alive()
            if self.full:
                return False
            self.out += b"".join(self.kept)
            self.progress += sum(map(len, self.kept))
            self.kept.clear()
        return True

    def _alive(self) -> None:
        if self.sends_left is not None:
            if self.sends_left <= 0:
                raise PeerGone("the peer has left")
            self.sends_left -= 1

    def end_output(self) -> bool:
        self.output_ended = self.half_close
        return self.half_close

    def cut(self) -> None:
        self.was_cut = True

    def close(self, reset: bool = False) -> bool:
        self.closed, self.reset = True, self.reset or reset
        return self.close_at_once or self.lost


@implementer(IApplicationThreads)
class Queue:
    """Application threads that run when the test says so."""

    def __init__(self) -> None:
        self.jobs: deque[IJob] = deque()
        self.full = False

    def submit(self, job: IJob) -> bool:
        if not self.full:
            self.jobs.append(job)
        return not self.full


@implementer(IRoll)
class MemoryRoll:
    def __init__(self) -> None:
        self.open: list[IOpenConnection] = []

    def enter(self, connection: IOpenConnection) -> None:
        self.open.append(connection)

    def replace(self, before: IOpenConnection, after: IOpenConnection) -> None:
        self.open[self.open.index(before)] = after

    def strike(self, connection: IOpenConnection) -> None:
        self.open.remove(connection)


@implementer(IAccessLog)
class MemoryLog:
    """Keeps what entries say, and a line that holds what may be kept of a head."""

    def __init__(self, *, timed: bool = True) -> None:
        self.timed = timed
        self.entries: list[Any] = []
        self.lines: list[str] = []
        self._line = compile_format("%(h)s %(r)s %({Content-Length}i)s").line

    def record(self, entry: IAccessEntry) -> None:
        self.entries.append(SimpleNamespace(**{name: getattr(entry, name) for name in IAccessEntry.names()}))
        self.lines.append(self._line(entry, "", 0.0).rstrip())

    def reopen(self) -> None:
        """There is no file."""


@implementer(IResponder)
class Answering:
    """Answers as the test says; by default with the content that came."""

    def __init__(self) -> None:
        self.answer: Callable[[IExchange], Any] = self.echo
        self.seen: list[tuple[str, str, bytes]] = []

    def respond(self, exchange: IExchange) -> None:
        self.answer(exchange)

    def echo(self, exchange: IExchange) -> None:
        content = exchange.content.read()
        self.seen.append((exchange.request.method, exchange.request.target, content))
        exchange.reply(exchange.prepare("200 OK", PLAIN), content)


class House:
    """One site and one connection to it, stepped by the test."""

    def __init__(self, *, logged: bool = True, **wire: bool) -> None:
        self.threads, self.roll, self.responder = Queue(), MemoryRoll(), Answering()
        self.log = MemoryLog()
        self.wire = MemoryWire(**wire)
        self.site = Site(
            parser=HeadParser(HeadLimits(request_line=8190, fields=100, field_size=8190)),
            responses=ResponseHeads("test"),
            routes=Routes([], self.responder, self.responder),
            threads=self.threads,
            roll=self.roll,
            new_ownership=Ownership,
            clocks=Clocks(header=30, body=60, keep_alive=75, send=60, queue=30),
            limits=ContentLimits(most=1000, in_memory=100, head=2000),
            template={"template": "site's"},
            access_log=self.log if logged else None,
        )
        self.connection = Connection(self.site, self.wire)

    def receive(self, *pieces: bytes, work: bool = True) -> House:
        """Let octets arrive, each piece with an event of its own, and have the queue worked off."""
        for piece in pieces:
            self.wire.inbox.append(piece)
            self.ring(work=work)
        return self

    def end(self) -> House:
        """Let the peer close its side."""
        self.wire.reading_ends = True
        return self.ring()

    def ring(self, *, work: bool = True) -> House:
        """Report an event, as often as the connection asks for another look."""
        self.site.moment.now = time.monotonic()
        self.connection.noticed(1)
        while self.wire.look:
            self.wire.look = False
            self.connection.ready()
        return self.work() if work else self

    def work(self) -> House:
        """Run what is queued."""
        while self.threads.jobs:
            self.threads.jobs.popleft().run()
        return self

    def said(self) -> bytes:
        """Return what the peer has got since it was last asked, without Date."""
        out, self.wire.out = self.wire.out, b""
        return _DATE.sub(b"", out)

    @property
    def owned(self) -> bool:
        """Whether somebody has the connection."""
        if not self.connection._own.seize():
            return True
        self.connection._own.release()
        return False


verifyObject(IWire, MemoryWire())
verifyObject(IApplicationThreads, Queue())
verifyObject(IRoll, MemoryRoll())
verifyObject(IAccessLog, MemoryLog())
verifyObject(IResponder, Answering())


@pytest.fixture
def house() -> House:
    return House()


def replied(content: bytes, *lines: bytes, status: bytes = b"200 OK", kind: bytes = b"text/plain") -> bytes:
    """Make the octets of a plain reply."""
    head = [b"HTTP/1.1 " + status, b"Content-Type: " + kind, b"Server: test", b"Content-Length: %d" % len(content)]
    return b"\r\n".join([*head, *lines, b"", content])


@pytest.fixture
def logged_events():
    """All events that are logged meanwhile."""
    with capturedLogs() as events:
        yield events


@pytest.fixture
def logged_failures(logged_events):
    """Count the tracebacks that were logged."""
    return lambda: sum("log_failure" in event for event in logged_events)


@pytest.fixture
def logged_errors(logged_events):
    """Count the errors that were logged."""
    return lambda: sum(event["log_level"] is LogLevel.error for event in logged_events)
