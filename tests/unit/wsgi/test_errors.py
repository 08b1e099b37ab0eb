"""wsgi.errors: a line is one event, however it was written, and threads do not mix theirs."""

from __future__ import annotations

import threading

import pytest
from twisted.logger import capturedLogs

from wsgicontainer.wsgi.errors import ErrorsStream


@pytest.fixture
def lines():
    with capturedLogs() as events:
        yield lambda: [event["line"] for event in events]


def test_lines(lines):
    stream = ErrorsStream()
    assert stream.write("one\ntwo\nthr") == 11
    assert lines() == ["one", "two"]
    stream.writelines(["ee\n", "{four}\n", "five"])
    assert lines() == ["one", "two", "three", "{four}"]
    stream.flush()
    stream.flush()
    assert lines() == ["one", "two", "three", "{four}", "five"]


def test_threads_do_not_mix(lines):
    stream = ErrorsStream()
    stream.write("mi")
    other = threading.Thread(target=lambda: stream.write("theirs\n"))
    other.start()
    other.join(10)
    stream.write("ne\n")
    assert lines() == ["theirs", "mine"]
