"""No word is lost: whoever replies, whenever, it is sent; and whoever waits is woken by room, reset, loss and clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import RstStreamFrame, SettingsFrame, WindowUpdateFrame

from tests.unit.http.conftest import MemoryWire
from tests.unit.http2.conftest import Http2House, Raw
from wsgicontainer.connections.ownership import Ownership
from wsgicontainer.errors import PeerGone
from wsgicontainer.http2.connection import Connection
from wsgicontainer.http2.frames import PREFACE

PLAIN = [("Content-Type", "text/plain")]
LIMIT = 20


class Steps:
    """Counts the points that an owner passes, and lets something happen at one of them."""

    def __init__(self) -> None:
        self.passed, self.at = 0, -1
        self.happens: Callable[[], object] = bool

    def __call__(self) -> None:
        self.passed += 1
        if self.passed == self.at:
            self.at = -1
            self.happens()


class SteppedOwnership(Ownership):
    """Passes a point before and after each step of the law."""

    __slots__ = ()
    steps = Steps()

    def claim(self) -> bool:
        self.steps()
        claimed = super().claim()
        self.steps()
        return claimed

    def seize(self) -> bool:
        self.steps()
        seized = super().seize()
        self.steps()
        return seized

    def release(self) -> bool:
        self.steps()
        self._token.append(None)
        self.steps()  # somebody may have it, and have let it go again, before the look for word
        if self.word and self.seize():
            self.word = False
            return True
        return False


class SteppedConnection(Connection):
    """Passes a point between all parts of a pass."""

    def _hear(self):
        SteppedOwnership.steps()
        super()._hear()
        SteppedOwnership.steps()

    def _hear_news(self):
        super()._hear_news()
        SteppedOwnership.steps()

    def _send_on(self):
        super()._send_on()
        SteppedOwnership.steps()

    def _settle(self):
        super()._settle()
        SteppedOwnership.steps()

    def _is_free(self):
        free = super()._is_free()
        SteppedOwnership.steps()
        return free

    def _send_now(self, stream, data):
        sent = super()._send_now(stream, data)
        SteppedOwnership.steps()
        return sent


def in_pieces(exchange):
    """Reply as a page that is made bit by bit: its pieces are sent at once, if nothing stands before them."""
    exchange.start(exchange.prepare("200 OK", PLAIN))
    for piece in (b"first ", b"second ", b"third"):
        exchange.write(piece)
    exchange.finish()


WAYS = pytest.mark.parametrize("answer", [None, in_pieces], ids=["whole", "in pieces"])


def stepped(answer):
    house = Http2House()
    house.responder.answer = answer or house.responder.answer
    steps = SteppedOwnership.steps = Steps()
    house.site.new_ownership = SteppedOwnership
    house.connection = SteppedConnection(house.site, house.wire, house.shared)
    raw = Raw(house)
    raw.send(raw.headers(1), raw.headers(3), work=False)
    raw.heard()
    return house, raw, steps


def ended(frames):
    return {frame.stream_id for frame in frames if "END_STREAM" in frame.flags}


def content_of(frames, stream):
    return b"".join(frame.data for frame in frames if type(frame).__name__ == "DataFrame" and frame.stream_id == stream)


@WAYS
def test_a_reply_at_any_moment_of_another_owner_is_sent(answer):
    """One stream replies while the owner sends another's reply: at every single step, both are sent."""
    at = 0
    while True:
        at += 1
        house, raw, steps = stepped(answer)
        first, second = house.threads.jobs
        steps.passed, steps.at, steps.happens = 0, at, second.run
        first.run()
        if steps.at == at:  # there are not so many steps
            assert at > 8
            break
        frames = raw.heard()
        assert ended(frames) == {1, 3}, at
        if answer is not None:
            assert content_of(frames, 1) == content_of(frames, 3) == b"first second third", at
        assert not house.connection.streams and not house.owned
        assert not house.connection._news


@WAYS
def test_an_event_at_any_moment_of_another_owner_is_heard(answer):
    at = 0
    while True:
        at += 1
        house, raw, steps = stepped(answer)
        first, _ = house.threads.jobs

        def arrives(house=house, raw=raw):
            house.wire.inbox.append(raw.headers(5).serialize())
            house.connection.noticed(1)

        steps.passed, steps.at, steps.happens = 0, at, arrives
        first.run()
        if steps.at == at:
            break
        assert len(house.threads.jobs) == 3, at
        assert ended(raw.heard()) == {1}


class LockedWire(MemoryWire):
    """A wire that one thread writes to while another takes what came out."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()

    def send(self, data: bytes) -> bool:
        with self.lock:
            return super().send(data)


class Crowd(Http2House):
    """A connection whose replies are made by real threads."""

    def __init__(self, *, workers: int, **more: int) -> None:
        super().__init__(**more)
        self.wire = LockedWire()
        self.connection = Connection(self.site, self.wire, self.shared)
        self._stop = threading.Event()
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]

    def take(self) -> bytes:
        with self.wire.lock:
            return super().take()

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.threads.jobs.popleft().run()
            except IndexError:
                time.sleep(0.0002)

    def __enter__(self):
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        for worker in self._workers:
            worker.join(LIMIT)


@pytest.mark.parametrize("round_", range(3))
def test_many_threads_many_streams(round_):
    """A bounded stress: 8 threads reply in pieces, beyond their budgets, while the windows open bit by bit."""
    pieces = [bytes([65 + number]) * (number * 300) for number in range(10)]

    def answer(exchange):
        exchange.start(exchange.prepare("200 OK", PLAIN))
        for piece in pieces:
            exchange.write(piece)
        exchange.finish()

    with Crowd(workers=8, streams=1000, budget=5_000) as house:
        house.responder.answer = answer
        raw = Raw(house, begin=False)
        raw.send(PREFACE, SettingsFrame(0, settings={4: 3_000}), work=False)
        streams = set(range(1, 201, 2))
        early = []
        for stream in sorted(streams):
            early += raw.send(raw.headers(stream), work=False)
        content = open_bit_by_bit(house, raw, streams, early)
    assert content == dict.fromkeys(streams, b"".join(pieces))
    assert not house.connection.streams


def open_bit_by_bit(house, raw, streams, frames):
    """Open windows and read until all streams have ended; return their content."""
    deadline = time.monotonic() + LIMIT
    open_, content = set(streams), dict.fromkeys(streams, b"")
    while open_:
        assert time.monotonic() < deadline, f"{len(open_)} streams were forgotten"
        house.connection.manners.earn(10**6)
        windows = b"".join(WindowUpdateFrame(stream, 2_000).serialize() for stream in sorted(open_))
        frames += raw.send(windows + WindowUpdateFrame(0, 20_000).serialize(), work=False)
        for frame in frames:
            if type(frame).__name__ == "DataFrame":
                content[frame.stream_id] += frame.data
            if "END_STREAM" in frame.flags:
                open_.discard(frame.stream_id)
        frames = []
        time.sleep(0.001)
    return content


# --- Who waits for room ---


class Waiting:
    """A stream whose peer has a window of zero, and a thread that waits for room on it."""

    def __init__(self, **house) -> None:
        self.house = Http2House(budget=1000, **house)
        self.outcome: list[object] = []
        self.raw = Raw(self.house, begin=False)
        self.raw.send(PREFACE, SettingsFrame(0, settings={4: 0}), self.raw.headers(1), work=False)
        self.raw.heard()
        self.house.responder.answer = self.answer
        self.thread = threading.Thread(target=self.house.threads.jobs.popleft().run, daemon=True)
        self.stream = self.house.connection.streams[1]
        self.thread.start()
        deadline = time.monotonic() + LIMIT
        while self.stream._changed is None and not self.outcome and time.monotonic() < deadline:
            time.sleep(0.001)

    def answer(self, exchange):
        try:
            exchange.reply(exchange.prepare("200 OK", PLAIN), b"x" * 3000)
            self.outcome.append("replied")
        except PeerGone as error:
            self.outcome.append(str(error))
            raise

    def ended(self) -> list[object]:
        self.thread.join(LIMIT)
        assert not self.thread.is_alive(), "nobody has woken it"
        return self.outcome


def test_room_wakes_it():
    waiting = Waiting()
    assert waiting.outcome == []
    waiting.raw.send(WindowUpdateFrame(1, 2500), work=False)
    assert waiting.ended() == ["replied"]


def test_a_reset_wakes_it():
    waiting = Waiting()
    waiting.raw.send(RstStreamFrame(1, ErrorCodes.CANCEL), work=False)
    assert waiting.ended() == ["the stream was reset"]
    waiting.house.ring()
    assert not waiting.house.connection.streams


def test_the_loss_of_the_connection_wakes_it():
    waiting = Waiting()
    waiting.house.end()
    assert waiting.ended() == ["the stream was reset"]
    assert waiting.house.wire.closed


def test_the_clock_wakes_it():
    waiting = Waiting(patience=0.2)
    assert waiting.ended() == ["the peer took nothing for 0.2 s"]


def test_the_disk_wakes_it():
    waiting = Waiting(disk=10_000)
    assert waiting.ended() == ["replied"]
    assert waiting.stream._kept <= 1000
    frames = waiting.raw.send(WindowUpdateFrame(1, 5000), work=False)
    assert sum(len(frame.data) for frame in frames if type(frame).__name__ == "DataFrame") == 3000
    disk = waiting.house.shared.room.disk
    assert (disk.files, disk._left) == (0, 10_000)
    assert not waiting.house.connection.streams
