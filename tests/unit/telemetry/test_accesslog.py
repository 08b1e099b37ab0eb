"""Requests never wait for the disk; the log says when it lost some; rotation loses none."""

from __future__ import annotations

import gc
import json
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from weakref import ref

import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from tests.unit.telemetry.conftest import Entry
from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.interfaces import IAccessLog
from wsgicontainer.messages import Request
from wsgicontainer.telemetry import AccessLog, accesslog
from wsgicontainer.telemetry.seconds import WallClock

CLOCK = WallClock(UTC, lambda: 0.0)
"""The two clocks of the tests are one."""


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the server's own log was told."""
    texts: list[str] = []

    def observe(event: LogEvent) -> None:
        texts.append(formatEvent(event))

    directlyProvides(observe, ILogObserver)
    globalLogPublisher.addObserver(observe)
    yield texts
    globalLogPublisher.removeObserver(observe)


def entry(number: int = 0, at: float = 1_700_000_000.5) -> Entry:
    return Entry(Request("GET", f"/{number}", f"/{number}", "", "HTTP/1.1", {}), began=at)


def never(flush: Callable[[], None]) -> None:
    raise AssertionError(f"{flush} was asked for")


def opened(path: Path | str, form: str = "%(r)s", soon: Callable[[Callable[[], None]], object] = never) -> AccessLog:
    log = AccessLog(str(path), form, soon, CLOCK)
    log.open()
    return log


def test_it_keeps_its_interface(tmp_path: Path):
    log = opened(tmp_path / "log")
    verifyObject(IAccessLog, log)
    log.close()


def test_lines_are_appended_in_order_at_the_flush(tmp_path: Path):
    path = tmp_path / "access.log"
    path.write_text("older\n")
    log = opened(path)
    log.record(entry(1))
    log.record(entry(2))
    assert path.read_text() == "older\n"
    log.flush()
    log.flush()
    assert path.read_text() == "older\nGET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
    log.close()
    log.close()


def test_each_line_has_the_moment_of_its_own_request(tmp_path: Path):
    log = opened(tmp_path / "log", "%(t)s")
    for at in (1_700_000_000.9, 1_700_000_001.0, 1_700_000_000.2):
        log.record(entry(at=at))
    log.close()
    assert [line[19:21] for line in (tmp_path / "log").read_text().splitlines()] == ["20", "21", "20"]


@pytest.mark.parametrize("form", ["common", "combined", "json", "%(h)s %(t)s %(s)s %(b)s %(D)s %({Server}o)s"])
def test_what_is_remembered_of_a_head_never_shows(form: str, tmp_path: Path):
    """Polls of one page: the line is the same until the second, the status or the length is another."""
    replies = [(0.1, 200, 5), (0.2, 200, 5), (0.3, 200, 5), (0.4, 304, 0), (0.5, 200, 5), (1.6, 200, 5), (1.7, 200, 6)]
    logs = opened(tmp_path / "kept", form), opened(tmp_path / "anew", form)
    kept = entry().request
    for at, code, sent in 3 * replies:
        for log, request in zip(logs, (kept, entry().request), strict=True):
            log.record(Entry(request, began=1_700_000_000 + at, code=code, sent=sent, duration=at))
    for log in logs:
        log.close()
    text = (tmp_path / "kept").read_text()
    assert text == (tmp_path / "anew").read_text()
    assert text.count("\n") == 3 * len(replies)


def test_a_clock_that_is_set_is_followed_from_the_next_flush_on(tmp_path: Path):
    ahead = iter([0.0, 0.0, 60.0])
    log = AccessLog(str(tmp_path / "log"), "%(t)s", never, WallClock(UTC, lambda: next(ahead)))
    log.open()
    log.record(entry(at=1_700_000_000.5))
    log.flush()
    log.record(entry(at=1_700_000_000.7))
    log.flush()
    log.record(entry(at=1_700_000_000.9))
    log._seconds._clock = CLOCK
    log.close()
    assert [line[16:21] for line in (tmp_path / "log").read_text().splitlines()] == ["13:20", "13:20", "14:20"]


def test_the_machines_clock_is_the_default(tmp_path: Path):
    log = AccessLog(str(tmp_path / "log"), "json", never)
    log.open()
    log.record(entry(at=time.monotonic()))
    log.close()
    shown = datetime.fromisoformat(json.loads((tmp_path / "log").read_text())["time"])
    assert 0 <= time.time() - shown.timestamp() < 60


def test_closing_writes_what_is_left(tmp_path: Path):
    log = opened(tmp_path / "log")
    log.record(entry(1))
    log.close()
    assert (tmp_path / "log").read_text() == "GET /1 HTTP/1.1\n"


def test_many_entries_ask_for_one_early_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(accesslog, "EARLY", 3)
    asked: list[Callable[[], None]] = []
    log = opened(tmp_path / "log", soon=asked.append)
    for number in range(10):
        log.record(entry(number))
    assert asked == [log.flush]
    log.flush()
    for number in range(4):
        log.record(entry(number))
    assert asked == [log.flush, log.flush]
    log.close()


def test_memory_is_bounded_and_the_loss_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]):
    monkeypatch.setattr(accesslog, "EARLY", 3)
    monkeypatch.setattr(accesslog, "BOUND", 5)
    log = opened(tmp_path / "log", soon=lambda flush: None)
    for number in range(9):
        log.record(entry(number))
    log.flush()
    assert len((tmp_path / "log").read_text().splitlines()) == 5
    assert [text for text in told if "4 entries were lost" in text]
    log.close()


def test_long_lines_count_for_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]):
    """So that memory is bounded whatever clients send; the lines that are kept are whole."""
    monkeypatch.setattr(accesslog, "EARLY", 3)
    monkeypatch.setattr(accesslog, "BOUND", 50)
    log = opened(tmp_path / "log", soon=lambda flush: None)
    long = Entry(Request("", "", "", "", "", {}), unread="x" * 9000)
    for _ in range(20):
        log.record(long)
    log.flush()
    assert (tmp_path / "log").read_text() == ("x" * 9000 + "\n") * 6
    assert [text for text in told if "14 entries were lost" in text]
    log.close()


def test_nothing_of_a_request_is_kept(tmp_path: Path):
    """Lines that wait keep no connection, buffer or field alive."""
    log = opened(tmp_path / "log")
    one = entry()
    known = ref(one.request)
    log.record(one)
    del one
    gc.collect()
    assert known() is None
    log.close()


@pytest.mark.parametrize("name", ["missing/log", "."])
def test_a_file_that_cannot_be_opened_stops_the_start(tmp_path: Path, name: str):
    with pytest.raises(BootError, match=r"^--access-log .*can't be written .*choose"):
        opened(tmp_path / name)


def test_a_pipe_without_reader_stops_the_start_instead_of_hanging_it(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BootError):
        opened(tmp_path / "pipe")


def test_a_bad_format_is_found_before_anything_is_opened(tmp_path: Path):
    with pytest.raises(ConfigurationError):
        AccessLog(str(tmp_path / "log"), "%(nope)s", never)
    assert not (tmp_path / "log").exists()


def test_rotation_loses_nothing(tmp_path: Path):
    path = tmp_path / "log"
    log = opened(path)
    log.record(entry(1))
    path.rename(tmp_path / "log.1")
    log.record(entry(2))
    log.reopen()
    log.record(entry(3))
    log.close()
    assert (tmp_path / "log.1").read_text() == "GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
    assert path.read_text() == "GET /3 HTTP/1.1\n"


def test_a_rotation_that_fails_leaves_the_old_file_open(tmp_path: Path, told: list[str]):
    folder = tmp_path / "logs"
    folder.mkdir()
    log = opened(folder / "log")
    folder.rename(tmp_path / "moved")
    log.reopen()
    log.record(entry(1))
    log.close()
    assert (tmp_path / "moved" / "log").read_text() == "GET /1 HTTP/1.1\n"
    assert [text for text in told if "can't be opened again" in text]


def test_a_full_disk_is_told_once_and_writing_goes_on_later(tmp_path: Path, told: list[str]):
    path = tmp_path / "log"
    path.symlink_to("/dev/full")
    log = opened(path)
    for number in range(3):
        log.record(entry(number))
        log.flush()
    assert [text for text in told if "No space left" in text] == told
    assert len(told) == 1
    path.unlink()
    log.reopen()
    log.record(entry(7))
    log.flush()
    assert path.read_text() == "GET /7 HTTP/1.1\n"
    assert "3 entries were lost" in told[1]
    log.close()
    assert len(told) == 2


def test_a_line_that_was_cut_by_a_full_disk_does_not_swallow_the_next(tmp_path: Path, told: list[str]):
    path = tmp_path / "log"
    log = opened(path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        log.record(entry(1))
        log.record(entry(2))
        log.flush()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    log.record(entry(3))
    log.close()
    assert path.read_text() == "GET /1 HTTP/1.1\nGET \nGET /3 HTTP/1.1\n"
    assert "File too large" in told[0]


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_dash_is_standard_output_and_survives_closing(pipe: tuple[int, int]):
    log = AccessLog("-", "%(r)s", never, CLOCK, stdout=pipe[1])
    log.open()
    log.record(entry(1))
    log.reopen()
    log.record(entry(2))
    log.close()
    assert os.read(pipe[0], 9999) == b"GET /1 HTTP/1.1\nGET /2 HTTP/1.1\n"
    os.fstat(pipe[1])


def test_a_reader_that_stalls_stalls_nobody_and_loses_nothing(pipe: tuple[int, int]):
    log = AccessLog("-", "%(r)s", lambda flush: None, CLOCK, stdout=pipe[1])
    log.open()
    long = Entry(Request("", "", "", "", "", {}), unread="x" * 9000)
    expected = b""
    for number in range(6000):
        log.record(long if number % 100 == 0 else entry(number))
        expected += b"x" * 9000 + b"\n" if number % 100 == 0 else b"GET /%d HTTP/1.1\n" % number
    got = b""
    while len(got) < len(expected):
        log.flush()
        got += os.read(pipe[0], 1 << 20)
    assert got == expected
    log.close()


def test_lines_of_several_processes_do_not_mix_in_a_pipe():
    """What is written in one go is whole lines, as many as the kernel keeps together; such a pipe shows each write."""
    reading, writing = os.pipe2(os.O_DIRECT)
    log = AccessLog("-", "%(r)s", never, CLOCK, stdout=writing)
    log.open()
    for number in range(700):
        log.record(entry(number))
    log.flush()
    pieces = [os.read(reading, 1 << 16)]
    while not pieces[-1].endswith(b"/699 HTTP/1.1\n"):
        pieces.append(os.read(reading, 1 << 16))
    assert b"".join(pieces) == b"".join(b"GET /%d HTTP/1.1\n" % number for number in range(700))
    assert all(piece.endswith(b"\n") and len(piece) <= accesslog.PIPE_BUF for piece in pieces)
    assert len(pieces) <= 6
    log.close()
    os.close(reading)
    os.close(writing)


def test_a_terminal_that_takes_nothing_after_all_is_tried_again(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, told: list[str]
):
    def busy(*_: object) -> int:
        raise BlockingIOError

    log = AccessLog("-", "%(r)s", never, CLOCK, stdout=pipe[1])
    log.open()
    log.record(entry(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", busy)
        log.flush()
    log.close()
    assert os.read(pipe[0], 999) == b"GET /1 HTTP/1.1\n"
    assert told == []


def test_what_a_stalled_reader_never_took_is_counted_at_the_end(pipe: tuple[int, int], told: list[str]):
    log = AccessLog("-", "%(r)s", lambda flush: None, CLOCK, stdout=pipe[1])
    log.open()
    while True:
        log.record(entry(1))
        log.flush()
        if log._pending:
            break
    log.close()
    assert "lost 1 entries" in told[0]


def test_a_reader_that_left_is_told_once(told: list[str]):
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog("-", "%(r)s", never, CLOCK, stdout=writing)
    log.open()
    for number in range(3):
        log.record(entry(number))
        log.flush()
    assert len(told) == 1
    assert "Broken pipe" in told[0]
    log.close()
    os.close(writing)


def test_threads_record_at_once_and_every_entry_is_written(tmp_path: Path):
    log = opened(tmp_path / "log", soon=lambda flush: None)

    def work() -> None:
        for number in range(2000):
            log.record(entry(number))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        log.flush()
    log.close()
    assert len((tmp_path / "log").read_text().splitlines()) == 8000
