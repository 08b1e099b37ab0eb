"""WSGI applications that break one rule each, and a few that only walk along the edge.

`misbehaving:application` serves them all by path, the well-behaved ones too; TABLE is the list. `/index` returns it as
JSON, `/closed` what `/close/…` has recorded.
"""

from __future__ import annotations

import array
import gzip
import io
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import wellbehaved
from wellbehaved import TEXT, App, asked

CLOSED: list[str] = []
"""One entry per close() of an iterable: the `token` of its request's query."""
MADE: Counter[str] = Counter()
"""Octets that `/endless` has made, by the `token` of its request's query."""


def plain(status: str, *fields: tuple[Any, Any], content: Any = (b"content",)) -> App:
    """Make an application that gives these to start_response and returns this."""

    def application(environ, start_response):
        start_response(status, [*TEXT, *fields])
        return content

    return application


# --- Content-Length and content ---

too_short = plain("200 OK", ("Content-Length", "100"), content=[b"only", b"these"])
too_long = plain("200 OK", ("Content-Length", "4"), content=[b"more", b" than said"])


def too_long_by_write(environ, start_response):
    write = start_response("200 OK", [*TEXT, ("Content-Length", "4")])
    write(b"more")
    write(b" than said")
    return []


def too_short_stream(environ, start_response):
    """Promise a megabyte and stop after three blocks: the head is on its way by then."""
    start_response("200 OK", [*TEXT, ("Content-Length", str(1 << 20))])
    return (b"x" * 1000 for _ in range(3))


# --- Exceptions ---


def raises_before(environ, start_response):
    raise RuntimeError("before start_response")


def raises_after_headers(environ, start_response):
    start_response("200 OK", TEXT)
    raise RuntimeError("after start_response, before content")


def raises_first(environ, start_response):
    start_response("200 OK", TEXT)
    raise RuntimeError("at the first step of the iteration")
    yield b""


def raises_in_iteration(environ, start_response):
    start_response("200 OK", TEXT)
    yield b"first block\n"
    raise RuntimeError("after the first block")


def raises_after_write(environ, start_response):
    write = start_response("200 OK", TEXT)
    write(b"written\n")
    raise RuntimeError("after write()")


def raises_after_gone(environ, start_response):
    """Fail once the peer has left: nobody is there to be told."""
    start_response("200 OK", TEXT)
    yield b"first block\n"
    while not environ["wsgicontainer.disconnected"]():
        time.sleep(0.01)
    raise RuntimeError("after the peer had left")


def system_exit(environ, start_response):
    raise SystemExit(7)


def keyboard_interrupt(environ, start_response):
    raise KeyboardInterrupt


# --- start_response ---


def no_start_response(environ, start_response):
    return [b"content without a head"]


def start_after_first_step(environ, start_response):
    """Call start_response only when iterated, which PEP 3333 allows."""
    start_response("200 OK", TEXT)
    yield b"late"


def start_response_twice(environ, start_response):
    start_response("200 OK", TEXT)
    start_response("404 Not Found", TEXT)
    return [b"content"]


def exc_info_before_output(environ, start_response):
    """Change one's mind before anything was sent, which PEP 3333 allows: 503."""
    start_response("200 OK", TEXT)
    try:
        raise ValueError("told by exc_info")
    except ValueError:
        start_response("503 Service Unavailable", [*TEXT, ("Retry-After", "1")], sys.exc_info())
    return [b"sorry"]


def exc_info_at_once(environ, start_response):
    """Give exc_info on the first call, which PEP 3333 allows: 500."""
    try:
        raise ValueError("told by exc_info")
    except ValueError:
        start_response("500 Internal Server Error", TEXT, sys.exc_info())
    return [b"sorry"]


def exc_info_after_output(environ, start_response):
    """Change one's mind too late: start_response has to raise it again."""
    start_response("200 OK", TEXT)
    yield b"first block\n"
    try:
        raise ValueError("told too late")
    except ValueError:
        start_response("500 Internal Server Error", TEXT, sys.exc_info())
    yield b"never to be seen"


# --- What is returned ---


class Closing:
    """An iterable that records its close() under the request's token."""

    def __init__(self, token: str, content: tuple[bytes, ...] = (b"content",), *, fails: bool = False) -> None:
        self.token, self.content, self.fails = token, content, fails

    def __iter__(self) -> Iterator[bytes]:
        for block in self.content:
            if block == b"raise":
                raise RuntimeError("in the iteration of what close() is recorded of")
            yield block

    def close(self) -> None:
        CLOSED.append(self.token)
        if self.fails:
            raise RuntimeError("in close()")


def close_recorder(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing(asked(environ, "token", "?"))


def close_after_failure(environ, start_response):
    start_response("200 OK", TEXT)
    return Closing(asked(environ, "token", "?"), (b"first", b"raise"))


def close_raises(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "7")])
    return Closing(asked(environ, "token", "?"), fails=True)


def close_endless(environ, start_response):
    """Stream until the peer leaves; then close() must come."""
    start_response("200 OK", TEXT)
    iterable = Closing(asked(environ, "token", "?"))
    iterable.content = (b"x" * 65536,) * 1_000_000
    return iterable


def endless(environ, start_response):
    """Stream for ever and count, for `/made`, what was made."""
    start_response("200 OK", TEXT)
    token, block = asked(environ, "token", "?"), b"x" * 65536
    try:
        while True:
            MADE[token] += len(block)
            yield block
    finally:
        CLOSED.append(token)


def made(environ, start_response):
    content = json.dumps(MADE).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def closed(environ, start_response):
    content = json.dumps(CLOSED).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def never_closes(environ, start_response):
    """Return a generator that holds on after its last block."""
    start_response("200 OK", TEXT)
    yield b"last block\n"
    threading.Event().wait()


def file_not_regular(environ, start_response):
    """Wrap what has no descriptor: it has to be read, not sent by number."""
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](io.BytesIO(b"from memory" * 1000))


def file_with_length(environ, start_response):
    """Wrap a file that is longer than the Content-Length says: the rest is not to be sent."""
    start_response("200 OK", [*TEXT, ("Content-Length", "10")])
    return environ["wsgi.file_wrapper"](Path(__file__).open("rb"))


def file_unread(environ, start_response):
    """Wrap a file and return something else."""
    start_response("200 OK", TEXT)
    environ["wsgi.file_wrapper"](io.BytesIO(b"not this"))
    return [b"but this"]


def file_compressed(environ, start_response):
    """Wrap a file whose descriptor is another's: the number reads what is compressed, the file what it says."""
    packed = io.BytesIO(gzip.compress(b"said by the file " * 1000))
    start_response("200 OK", TEXT)
    return environ["wsgi.file_wrapper"](gzip.GzipFile(fileobj=_on_disk(packed.getvalue())))


def _on_disk(content: bytes) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever wraps it closes it
    file.write(content)
    file.seek(0)
    return file


# --- Input ---


def input_left(environ, start_response):
    """Answer without reading the content."""
    start_response("200 OK", [*TEXT, ("Content-Length", "6")])
    return [b"unread"]


def input_past_end(environ, start_response):
    """Read without bounds, then once more: `read()` ends where the content does."""
    content = environ["wsgi.input"].read() + environ["wsgi.input"].read(10)
    start_response("200 OK", TEXT)
    return [content]


def input_by_lines(environ, start_response):
    content = json.dumps([line.decode("latin-1") for line in environ["wsgi.input"]]).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [content]


def errors(environ, start_response):
    environ["wsgi.errors"].write("a line to wsgi.errors: żółw\n")
    environ["wsgi.errors"].writelines(["and ", "one more\n"])
    environ["wsgi.errors"].flush()
    return wellbehaved.hello(environ, start_response)


# --- Time ---


def spins(environ, start_response):
    """Compute for ever."""
    while True:
        pass


def blocks_for_ever(environ, start_response):
    threading.Event().wait()


def index(environ, start_response):
    content = json.dumps(sorted(TABLE)).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


LONG = ("Content-Length", "7")
TABLE: dict[str, App] = {
    **wellbehaved.TABLE,
    "/index": index,
    "/length/short": too_short,
    "/length/short-stream": too_short_stream,
    "/length/long": too_long,
    "/length/long-write": too_long_by_write,
    "/length/long-stream": plain("200 OK", ("Content-Length", "4"), content=[b"more"] * 1000),
    "/length/long-list": plain("200 OK", ("Content-Length", "4"), content=[b"more than said"]),
    "/length/short-list": plain("200 OK", ("Content-Length", "10"), content=[b"few"]),
    "/length/none": plain("200 OK"),
    "/length/not-a-number": plain("200 OK", ("Content-Length", "seven")),
    "/length/negative": plain("200 OK", ("Content-Length", "-7")),
    "/length/twice": plain("200 OK", LONG, ("Content-Length", "8")),
    "/raises/before": raises_before,
    "/raises/after-headers": raises_after_headers,
    "/raises/first": raises_first,
    "/raises/in-iteration": raises_in_iteration,
    "/raises/after-write": raises_after_write,
    "/raises/after-gone": raises_after_gone,
    "/raises/system-exit": system_exit,
    "/raises/keyboard-interrupt": keyboard_interrupt,
    "/start/never": no_start_response,
    "/start/late": start_after_first_step,
    "/start/twice": start_response_twice,
    "/exc-info/before-output": exc_info_before_output,
    "/exc-info/at-once": exc_info_at_once,
    "/exc-info/after-output": exc_info_after_output,
    "/status/crlf": plain("200 OK\r\nX-Injected: yes"),
    "/status/lf": plain("200 OK\nX-Injected: yes"),
    "/status/no-code": plain("OK"),
    "/status/no-reason": plain("200"),
    "/status/empty-reason": plain("200 "),
    "/status/too-small": plain("99 Small"),
    "/status/informational": plain("100 Continue"),
    "/status/bytes": plain(b"200 OK"),  # type: ignore[arg-type]
    "/status/number": plain(200),  # type: ignore[arg-type]
    "/status/non-latin-1": plain("200 Dobże ☃"),
    "/field/crlf": plain("200 OK", ("X-Value", "one\r\nX-Injected: yes")),
    "/field/lf": plain("200 OK", ("X-Value", "one\nX-Injected: yes")),
    "/field/nul": plain("200 OK", ("X-Value", "one\0two")),
    "/field/non-latin-1": plain("200 OK", ("X-Value", "☃")),
    "/field/latin-1": plain("200 OK", ("X-Value", "café")),
    "/field/number": plain("200 OK", ("X-Value", 7)),
    "/field/bytes": plain("200 OK", ("X-Value", b"seven")),
    "/field/name-crlf": plain("200 OK", ("X-Na\r\nme", "value")),
    "/field/name-colon": plain("200 OK", ("X-Name:", "value")),
    "/field/name-space": plain("200 OK", ("X Name", "value")),
    "/field/name-empty": plain("200 OK", ("", "value")),
    "/field/tuple": lambda environ, start_response: (start_response("200 OK", (("X", "y"),)), [b"content"])[1],
    "/hop/transfer-encoding": plain("200 OK", ("Transfer-Encoding", "chunked")),
    "/hop/connection": plain("200 OK", ("Connection", "upgrade"), LONG),
    "/hop/close": plain("200 OK", ("Connection", "close"), LONG),
    "/hop/keep-alive": plain("200 OK", ("Keep-Alive", "timeout=5"), LONG),
    "/hop/upgrade": plain("200 OK", ("Upgrade", "websocket"), LONG),
    "/own/date-server": plain("200 OK", ("Date", "Thu, 01 Jan 1970 00:00:00 GMT"), ("Server", "mine"), LONG),
    "/chunk/bytearray": plain("200 OK", content=[bytearray(b"content")]),
    "/chunk/memoryview": plain("200 OK", content=[memoryview(b"content")]),
    "/chunk/wide-memoryview": plain("200 OK", content=[memoryview(array.array("H", [0x6F6F] * 4))]),
    "/chunk/bytearrays": plain("200 OK", content=[bytearray(b"con"), memoryview(b"tent")]),
    "/chunk/str": plain("200 OK", content=["content"]),
    "/chunk/none": plain("200 OK", content=[None]),
    "/chunk/empty": plain("200 OK", content=[b"", b"con", b"", b"tent", b""]),
    "/return/bytes": plain("200 OK", content=b"content"),
    "/return/str": plain("200 OK", content="content"),
    "/return/none": plain("200 OK", content=None),
    "/return/number": plain("200 OK", content=7),
    "/return/nothing": plain("200 OK", content=[]),
    "/close/recorded": close_recorder,
    "/close/after-failure": close_after_failure,
    "/close/raises": close_raises,
    "/close/endless": close_endless,
    "/closed": closed,
    "/endless": endless,
    "/made": made,
    "/never-closes": never_closes,
    "/file/not-regular": file_not_regular,
    "/file/with-length": file_with_length,
    "/file/unread": file_unread,
    "/file/compressed": file_compressed,
    "/input/left": input_left,
    "/input/past-end": input_past_end,
    "/input/lines": input_by_lines,
    "/errors": errors,
    "/content/204": plain("204 No Content"),
    "/content/204-length": plain("204 No Content", LONG),
    "/content/304": plain("304 Not Modified", ("ETag", '"x"')),
    "/content/304-length": plain("304 Not Modified", ("ETag", '"x"'), LONG),
    "/content/304-empty": plain("304 Not Modified", ("ETag", '"x"'), content=[]),
    "/content/205": plain("205 Reset Content"),
    "/content/205-length": plain("205 Reset Content", LONG),
    "/spins": spins,
    "/blocks": blocks_for_ever,
}


def application(environ, start_response):
    return TABLE.get(environ["PATH_INFO"], wellbehaved.hello)(environ, start_response)
