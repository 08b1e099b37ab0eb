"""The fakes keep the promises of what they stand for."""

from __future__ import annotations

import os
import tempfile

import pytest
from zope.interface.verify import verifyObject

from wsgicontainer.errors import ApplicationError, PeerGone
from wsgicontainer.interfaces import IExchange
from wsgicontainer.testing import MemoryExchange, make_request


def exchange(method: str = "GET") -> MemoryExchange:
    return MemoryExchange(make_request(method, "/a%20b?c"), content=b"sent")


def test_it_keeps_its_interface():
    verifyObject(IExchange, exchange())


def test_the_request_is_decoded_as_the_wire_does():
    request = exchange().request
    assert (request.target, request.path, request.query) == ("/a%20b?c", "/a b", "c")
    assert exchange().content.read() == b"sent"


def test_a_whole_reply_is_kept():
    one = exchange()
    head = one.prepare("200 OK", [("X", "1"), ("x", "2"), ("Connection", "close")])
    assert head.block == "HTTP/1.1 200 OK\r\nX: 1\r\nx: 2\r\nConnection: close\r\n"
    assert head.close
    assert (one.started, one.code, one.field("X")) == (False, 0, None)
    one.reply(head, b"hello")
    assert (one.started, one.finished, one.code, one.field("x"), one.body) == (True, True, 200, "1, 2", b"hello")
    assert one.field("y") is None


def test_a_reply_in_pieces_is_kept_and_accounted():
    one = exchange()
    one.start(one.prepare("200 OK", [("Content-Length", "4")]))
    one.write(b"ab")
    with pytest.raises(ApplicationError):
        one.finish()
    one.write(b"cd")
    one.finish()
    assert one.body == b"abcd"


def test_a_reply_has_one_head():
    one = exchange()
    with pytest.raises(AssertionError):
        one.write(b"early")
    one.error("404 Not Found")
    assert one.body == b"404 Not Found\n"
    with pytest.raises(AssertionError):
        one.error("404 Not Found")


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "304 Not Modified"), ("GET", "204 No Content")]
)
def test_some_replies_have_no_content(method: str, status: str):
    one = exchange(method)
    one.reply(one.prepare(status, []), b"x")
    assert one.body == b""


@pytest.mark.parametrize("status", ["200", "100 Continue", "200 OK\r\nX: y", "abc", "600 X"])
def test_a_status_that_may_not_be_sent_is_refused(status: str):
    with pytest.raises(ApplicationError):
        exchange().prepare(status, [])


@pytest.mark.parametrize("field", [("X", "a\r\nb"), ("X y", "a"), ("", "a"), ("X", "\u2028")])
def test_a_field_that_may_not_be_sent_is_refused(field: tuple[str, str]):
    with pytest.raises(ApplicationError):
        exchange().prepare("200 OK", [field])


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_is_read_and_closed(gone: bool):
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        descriptor = os.dup(file.fileno())
    one = exchange()
    one.peer_gone = gone
    if gone:
        with pytest.raises(PeerGone):
            one.reply_file(one.prepare("200 OK", []), descriptor, 2, 3)
    else:
        one.reply_file(one.prepare("200 OK", []), descriptor, 2, 3)
        assert (one.body, one.finished) == (b"234", True)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(descriptor)


def test_a_failure_is_500_or_a_cut():
    one = exchange()
    one.fail("why")
    assert (one.code, one.failure) == (500, "why")
    two = exchange()
    two.start(two.prepare("200 OK", []))
    two.peer_gone = True
    two.fail("late")
    assert two.gone()
    assert (two.code, two.finished) == (200, False)
    with pytest.raises(PeerGone):
        two.write(b"x")
