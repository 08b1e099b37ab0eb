"""One call of an application: sent, closed and told of, whatever it does."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
from pathlib import Path

import pytest
from twisted.logger import capturedLogs
from zope.interface.verify import verifyObject

from wsgicontainer.errors import PeerGone
from wsgicontainer.interfaces import IResponder
from wsgicontainer.messages import ResponseHead
from wsgicontainer.testing import MemoryExchange, make_request
from wsgicontainer.wsgi.application import FileWrapper, WSGIApplication


class Result:
    """An iterable that notes how it was used."""

    def __init__(self, *blocks: object, close_raises: BaseException | None = None) -> None:
        self.blocks, self.close_raises, self.closed = blocks, close_raises, 0

    def __iter__(self):
        for block in self.blocks:
            if isinstance(block, BaseException):
                raise block
            yield block

    def close(self) -> None:
        self.closed += 1
        if self.close_raises is not None:
            raise self.close_raises


def returning(result, *fields: tuple[str, str]):
    def application(environ, start_response):
        start_response("200 OK", list(fields))
        return result

    return application


class Exchange(MemoryExchange):
    """Notes what it was asked to send by descriptor, as offset and count."""

    def __init__(self, method: str, content: bytes) -> None:
        super().__init__(make_request(method, "/path"), content=content)
        self.by_number: list[tuple[int, int]] = []

    def reply_file(self, head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        self.by_number.append((offset, count))
        super().reply_file(head, descriptor, offset, count)


@pytest.fixture
def call():
    """Have an application answer; return the exchange and count the tracebacks."""

    def call(application, method: str = "GET", content: bytes = b"", *, gone: bool = False):
        exchange = Exchange(method, content)
        exchange.peer_gone = gone
        with capturedLogs() as events:
            WSGIApplication(application).respond(exchange)
        return exchange, sum("log_failure" in event for event in events)

    return call


def test_it_keeps_its_interface():
    verifyObject(IResponder, WSGIApplication(returning([])))


@pytest.mark.parametrize(
    "result",
    [[b"abc"], (b"abc",), [b"a", b"bc"], iter([b"a", b"", b"bc"]), Result(b"abc"), FileWrapper(io.BytesIO(b"abc"), 2)],
)
def test_whatever_is_iterated_over(result, call):
    exchange, failures = call(returning(result))
    assert (exchange.code, exchange.body, exchange.finished, failures) == (200, b"abc", True, 0)


@pytest.mark.parametrize("result", [[], (), [b""], iter([])])
def test_nothing(result, call):
    exchange, _ = call(returning(result))
    assert (exchange.code, exchange.body, exchange.finished) == (200, b"", True)


@pytest.mark.parametrize("failure", [RuntimeError("x"), SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("blocks", [(), (b"first",)])
def test_an_application_that_raises(failure, blocks, call):
    """Told once; 500 or a cut; closed in any case, and the thread lives on."""
    result = Result(*blocks, failure)
    exchange, failures = call(returning(result))
    assert (exchange.failure, failures, result.closed) == ("the application raised", 1, 1)
    assert exchange.code == (200 if blocks else 500)

    def raising(environ, start_response):
        raise failure

    exchange, failures = call(raising)
    assert (exchange.code, failures) == (500, 1)


def test_close_comes_once_and_after_the_content(call):
    result = Result(b"abc")
    assert call(returning(result))[0].finished
    assert result.closed == 1


@pytest.mark.parametrize("failure", [RuntimeError("x"), SystemExit(1)])
def test_close_that_raises_leaves_a_whole_reply_whole(failure, call):
    exchange, failures = call(returning(Result(b"abc", close_raises=failure)))
    assert (exchange.body, exchange.finished, exchange.failure, failures) == (b"abc", True, None, 1)


def test_a_peer_that_has_left_is_no_failure(call):
    """Nothing is logged, close() is called, and the exchange learns of it."""
    result = Result(b"abc")
    with pytest.raises(PeerGone):
        call(returning(result), gone=True)
    assert result.closed == 1


# --- A first block that is the whole content ---


class OneReply(Exchange):
    """Notes what is sent in one piece with its head."""

    whole: bytes | None = None

    def reply(self, head: ResponseHead, content: bytes) -> None:
        self.whole = content
        super().reply(head, content)


def answer(application) -> tuple[OneReply, list]:
    exchange = OneReply("GET", b"")
    with capturedLogs() as events:
        WSGIApplication(application).respond(exchange)
    return exchange, [event["log_level"].name for event in events]


@pytest.mark.parametrize("result", [Result(b"abc"), Result(b"abc", b""), [b"abc", b"", b""]])
def test_it_goes_out_with_the_head(result):
    exchange, told = answer(returning(result, ("Content-Length", "3")))
    assert (exchange.whole, exchange.body, exchange.finished, told) == (b"abc", b"abc", True, [])
    assert getattr(result, "closed", 1) == 1


@pytest.mark.parametrize("blocks", [(b"", b"abc"), (b"a", b"bc"), (b"", b"", b"abc", b"")])
def test_others_are_sent_as_they_come(blocks):
    """An empty block may be followed by what decides the head; only the whole content is known to be all."""
    exchange, told = answer(returning(Result(*blocks), ("Content-Length", "3")))
    assert (exchange.body, exchange.finished, told) == (b"abc", True, [])


def test_what_follows_it_is_dropped_and_told_once():
    """All the same the application is iterated to its end: it may have something to do there."""
    ended = []

    def blocks():
        yield from (b"abc", b"", b"more", b"and more")
        ended.append(True)

    exchange, told = answer(returning(blocks(), ("Content-Length", "3")))
    assert (exchange.body, exchange.finished, exchange.failure, told, ended) == (b"abc", True, None, ["error"], [True])


def test_a_failure_after_it_is_told_and_the_reply_is_whole():
    exchange, told = answer(returning(Result(b"abc", RuntimeError("x")), ("Content-Length", "3")))
    assert (exchange.whole, exchange.finished, told) == (b"abc", True, ["critical"])


def test_the_head_may_come_with_the_first_block():
    """A generator calls start_response when it is asked for its first block."""

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "3")])
        yield b"abc"

    exchange, told = answer(application)
    assert (exchange.whole, exchange.finished, told) == (b"abc", True, [])


def test_after_write_it_is_not_all():
    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", "6")])(b"abc")
        return iter([b"def"])

    exchange, told = answer(application)
    assert (exchange.whole, exchange.body, exchange.finished, told) == (None, b"abcdef", True, [])


# --- Files ---


@pytest.fixture
def path(tmp_path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    return path


def wrapped(file, *fields: tuple[str, str]):
    return returning(FileWrapper(file), *fields)


@pytest.mark.parametrize("buffering", [-1, 0, 4])
@pytest.mark.parametrize("at", [0, 3])
def test_a_file_goes_out_by_its_descriptor(buffering, at, path, call):
    """From where it stands, whatever its buffer has read ahead; and it is closed."""
    file = path.open("rb", buffering=buffering)
    file.read(at)
    exchange, _ = call(wrapped(file))
    assert (exchange.body, exchange.finished, file.closed) == (b"0123456789"[at:], True, True)
    assert exchange.by_number == [(at, 10 - at)]


def test_a_temporary_file_goes_out_by_its_descriptor(call):
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115 - the application's result closes it
    file.write(b"abc")
    file.flush()
    file.seek(0)
    exchange, _ = call(wrapped(file))
    assert (exchange.body, exchange.by_number) == (b"abc", [(0, 3)])


def test_a_content_length_below_the_file_s_is_kept_to(path, call):
    exchange, _ = call(wrapped(path.open("rb"), ("Content-Length", "4")))
    assert (exchange.body, exchange.by_number) == (b"0123", [(0, 4)])


def test_a_content_length_beyond_the_file_is_the_application_s_mistake(path, call):
    exchange, failures = call(wrapped(path.open("rb"), ("Content-Length", "11")))
    assert (exchange.failure, failures, exchange.by_number) == ("the application raised", 1, [])


def compressed(path: Path):
    path.write_bytes(gzip.compress(b"unpacked"))
    return gzip.open(path)


def at_end(path: Path):
    file = path.open("rb")
    file.seek(0, os.SEEK_END)
    return file


def pipe(_: Path):
    read, write = os.pipe()
    os.write(write, b"piped")
    os.close(write)
    return os.fdopen(read, "rb")


class Plain:
    """A file-like object that can read, and nothing else."""

    def __init__(self) -> None:
        self.blocks = [b"", b"plain"]

    def read(self, size: int) -> bytes:
        return self.blocks.pop()


@pytest.mark.parametrize(
    ("opened", "content"),
    [
        (compressed, b"unpacked"),
        (lambda path: io.BufferedReader(compressed(path)), b"unpacked"),
        (at_end, b""),
        (pipe, b"piped"),
        (lambda path: io.BytesIO(b"memory"), b"memory"),
        (lambda path: Plain(), b"plain"),
    ],
    ids=["gzip", "buffered gzip", "at its end", "pipe", "memory", "read only"],
)
def test_what_is_no_plain_file_is_read(opened, content, path, call):
    """A descriptor that does not hold what the file reads must not be sent."""
    exchange, failures = call(wrapped(opened(path)))
    assert (exchange.body, exchange.finished, failures, exchange.by_number) == (content, True, 0, [])


def test_a_closed_file_is_the_application_s_mistake(path, call):
    file = path.open("rb")
    file.close()
    assert call(wrapped(file))[1] == 1


def test_a_wrapped_file_without_a_head(path, call):
    exchange, failures = call(lambda environ, start_response: FileWrapper(path.open("rb")))
    assert (exchange.code, failures) == (500, 1)


def test_a_wrapped_file_after_write(path, call):
    """Once something was written, the rest follows it as content."""

    def application(environ, start_response):
        start_response("200 OK", [])(b"first ")
        return FileWrapper(path.open("rb"))

    exchange, _ = call(application)
    assert (exchange.body, exchange.by_number) == (b"first 0123456789", [])


def test_a_wrapper_closes_what_it_wraps():
    file = io.BytesIO(b"abc")
    wrapper = FileWrapper(file)
    assert list(wrapper) == [b"abc"]
    wrapper.close()
    assert file.closed
    assert not hasattr(FileWrapper(Plain()), "close")  # type: ignore[arg-type]
