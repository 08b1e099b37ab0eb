"""A reply is either whole or visibly broken, whatever a responder does."""

from __future__ import annotations

import os
import tempfile
import time

import pytest
from observing import is_open
from zope.interface.verify import verifyObject

from tests.unit.http.conftest import PLAIN, House, replied
from wsgicontainer.errors import ApplicationError, PeerGone
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.interfaces import IAccessEntry, IExchange, IJob


def answer(house: House, do, request: bytes = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n") -> bytes:
    """Have a request answered by `do(exchange)`; return what went out."""
    house.responder.answer = do
    return house.receive(request).said()


HEAD = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\n\r\n"
OLD_KEPT = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\nServer: test\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole(content: object, status: str = "200 OK", *fields: tuple[str, str]):
    return lambda exchange: exchange.reply(exchange.prepare(status, list(fields)), content)


def in_pieces(*pieces: object, status: str = "200 OK", fields: tuple[tuple[str, str], ...] = ()):
    def do(exchange: IExchange) -> None:
        exchange.start(exchange.prepare(status, list(fields)))
        for piece in pieces:
            exchange.write(piece)
        exchange.finish()

    return do


def length(value: int) -> tuple[str, str]:
    return "Content-Length", str(value)


def test_it_keeps_its_interfaces(house):
    seen: list[Exchange] = []
    answer(house, seen.append)
    verifyObject(IExchange, seen[0])
    verifyObject(IJob, seen[0])
    verifyObject(IAccessEntry, seen[0])


@pytest.mark.parametrize(
    ("do", "request_", "framing", "content", "closes"),
    [
        (whole(b"abc"), b"", b"Content-Length: 3\r\n", b"abc", False),
        (whole(b"abc", "200 OK", length(3)), b"", b"Content-Length: 3\r\n", b"abc", False),
        (whole(b""), b"", b"Content-Length: 0\r\n", b"", False),
        (whole(bytearray(b"abc")), b"", b"Content-Length: 3\r\n", b"abc", False),
        (whole(memoryview(b"ab").cast("H")), b"", b"Content-Length: 2\r\n", b"ab", False),
        (whole(b"abc"), HEAD, b"Content-Length: 3\r\n", b"", False),
        (whole(b""), HEAD, b"", b"", False),
        (whole(b"", "200 OK", length(9)), HEAD, b"Content-Length: 9\r\n", b"", False),
        (whole(b"abc"), OLD, b"Content-Length: 3\r\nConnection: close\r\n", b"abc", True),
        (whole(b"abc"), OLD_KEPT, b"Content-Length: 3\r\nConnection: keep-alive\r\n", b"abc", False),
        (
            whole(b"a", "200 OK", ("Connection", "close")),
            b"",
            b"Content-Length: 1\r\nConnection: close\r\n",
            b"a",
            True,
        ),
        (whole(b"abcd", "200 OK", length(3)), b"", b"Content-Length: 3\r\n", b"abc", False),
        (in_pieces(b"abc", b"d", fields=(length(3),)), b"", b"Content-Length: 3\r\n", b"abc", False),
        (in_pieces(b"ab", b"c", fields=(length(3),)), b"", b"Content-Length: 3\r\n", b"abc", False),
        (in_pieces(fields=(length(0),)), b"", b"Content-Length: 0\r\n", b"", False),
        (in_pieces(b"abc", b"d"), HEAD, b"", b"", False),
        (in_pieces(b"ab", b"c"), OLD, b"Connection: close\r\n", b"abc", True),
        (in_pieces(b"ab", b"c"), OLD_KEPT, b"Connection: close\r\n", b"abc", True),
        (
            in_pieces(fields=(("Connection", "close"), length(0))),
            b"",
            b"Content-Length: 0\r\nConnection: close\r\n",
            b"",
            True,
        ),
    ],
)
def test_framing(do, request_, framing, content, closes, house):
    """Every reply says where it ends, and whether the connection stays."""
    said = answer(house, do, request_ or b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert said == b"HTTP/1.1 200 OK\r\nServer: test\r\n" + framing + b"\r\n" + content
    assert (house.wire.closed or house.wire.output_ended) is closes
    assert house.log.entries[0].sent == len(content)


@pytest.mark.parametrize(
    ("pieces", "content"),
    [
        ((b"ab", b"c"), b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        ((b"", b"ab", b"", bytearray(b"c"), memoryview(b"d")), b"2\r\nab\r\n1\r\nc\r\n1\r\nd\r\n0\r\n\r\n"),
        ((b"x" * 20,), b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n"),
        ((), b"0\r\n\r\n"),
    ],
)
def test_unknown_length_is_chunked(pieces, content, house):
    assert answer(house, in_pieces(*pieces)) == CHUNKED_HEAD + content


@pytest.mark.parametrize(
    ("status", "fields", "framing"),
    [
        ("204 No Content", (), b""),
        ("204 No Content", (length(3),), b""),
        ("304 Not Modified", (), b""),
        ("304 Not Modified", (length(3),), b"Content-Length: 3\r\n"),
        ("205 Reset Content", (), b"Content-Length: 0\r\n"),
        ("205 Reset Content", (length(3),), b"Content-Length: 0\r\n"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"abc"])
@pytest.mark.parametrize("way", ["whole", "pieces"])
def test_statuses_without_content(status, fields, framing, content, way, house):
    """204, 205, 304: no content on the wire, and the connection stays (RFC 9110 sections 8.6 and 15)."""
    do = whole(content, status, *fields) if way == "whole" else in_pieces(content, status=status, fields=fields)
    assert answer(house, do) == b"HTTP/1.1 " + status.encode() + b"\r\nServer: test\r\n" + framing + b"\r\n"
    assert not house.wire.closed


def test_an_application_s_date_stands_alone(house):
    house.responder.answer = whole(b"a", "200 OK", ("Date", "then"))
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    house.responder.answer = in_pieces(b"a", fields=(("date", "then"),))
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert house.wire.out.lower().count(b"date: ") == house.wire.out.lower().count(b"date: then\r\n") == 2
    house.responder.answer = whole(b"a")
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert house.wire.out.lower().count(b"date: ") == 3


def test_draining_closes(house):
    """On the way out every reply says that it is the last one."""
    house.site.draining = True
    assert b"Connection: close\r\n" in answer(house, whole(b"abc"))


@pytest.mark.parametrize("request_", [b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", OLD])
@pytest.mark.parametrize("fails", [RuntimeError("x"), SystemExit(1), ApplicationError("y"), KeyboardInterrupt()])
def test_failure_before_output_is_500(request_, fails, house, logged_failures):
    def do(exchange: IExchange) -> None:
        exchange.start(exchange.prepare("200 OK", []))
        raise fails

    said = answer(house, do, request_)
    assert said.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert said.endswith(b"\r\n\r\n500 Internal Server Error\n")
    assert house.log.entries[0].code == 500
    assert logged_failures() == 1


def test_failure_after_the_head_of_a_204_is_still_a_whole_500(house, logged_failures):
    """What a head that was never sent has decided is forgotten."""

    def do(exchange: IExchange) -> None:
        exchange.start(exchange.prepare("204 No Content", []))
        raise RuntimeError

    assert answer(house, do, OLD).endswith(b"\r\n\r\n500 Internal Server Error\n")
    assert logged_failures() == 1


def test_nobody_answers(house):
    assert answer(house, lambda exchange: None).startswith(b"HTTP/1.1 500 ")


def test_failure_to_say_500(house, logged_failures):
    """The peer may have left by then."""

    def do(exchange: IExchange) -> None:
        house.wire.sends_left = 0
        raise RuntimeError

    assert answer(house, do) == b""
    assert (house.wire.closed, house.log.entries[0].code) == (True, 499)
    assert logged_failures() == 1


@pytest.mark.parametrize(
    ("request_", "reset"), [(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", False), (OLD, True)], ids=["chunked", "until close"]
)
def test_failure_after_output_cuts(request_, reset, house, logged_failures):
    """Never a clean end: chunks without the last one; where closing is the framing, a reset."""

    def do(exchange: IExchange) -> None:
        exchange.start(exchange.prepare("200 OK", []))
        exchange.write(b"first")
        raise RuntimeError

    said = answer(house, do, request_)
    assert b"first" in said
    assert not said.endswith(b"0\r\n\r\n")
    assert (house.wire.closed, house.wire.reset) == (True, reset)
    assert logged_failures() == 1


@pytest.mark.parametrize("do", [in_pieces(b"ab", fields=(length(3),)), whole(b"ab", "200 OK", length(3))])
def test_too_short(do, house, logged_failures):
    """A Content-Length that is not reached: the connection is cut."""
    answer(house, do)
    assert house.wire.closed
    assert logged_failures() == 1


def test_too_short_and_nothing_sent_is_500(house, logged_failures):
    assert answer(house, in_pieces(fields=(length(3),))).startswith(b"HTTP/1.1 500 ")
    assert logged_failures() == 1


def test_too_long_is_told_once(house, logged_errors):
    answer(house, in_pieces(*[b"abc"] * 10, fields=(length(4),)))
    assert logged_errors() == 1
    assert not house.wire.closed


@pytest.mark.parametrize("content", ["abc", None, 7, [b"abc"]])
@pytest.mark.parametrize("way", [whole, in_pieces])
def test_content_must_be_octets(content, way, house, logged_failures):
    assert answer(house, way(content)).startswith(b"HTTP/1.1 500 ")
    assert logged_failures() == 1


def test_failing_after_the_end_changes_nothing(house):
    def do(exchange: IExchange) -> None:
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"abc")
        exchange.fail("too late")

    assert answer(house, do) == replied(b"abc")


def test_error(house):
    said = answer(house, lambda exchange: exchange.error("404 Not Found", [("X", "y")]))
    assert said.endswith(b"X: y\r\nServer: test\r\nContent-Length: 14\r\n\r\n404 Not Found\n")
    assert said.startswith(b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n")


@pytest.mark.parametrize("sends", [0, 1])
@pytest.mark.parametrize("do", [whole(b"abc"), in_pieces(b"a", b"b"), whole(b"abc", "200 OK", length(4))])
def test_peer_leaves_at_any_send(sends, do, house):
    """No exception leaves, and the connection is closed; the log says 499 if nothing was sent."""
    house.wire.sends_left = sends
    answer(house, do)
    assert house.wire.closed or sends == 1
    assert len(house.log.entries) == 1


def test_gone(house):
    seen: list[bool] = []

    def do(exchange: IExchange) -> None:
        seen.append(exchange.gone())
        house.wire.lost = True
        seen.append(exchange.gone())

    answer(house, do)
    assert seen == [False, True]


# --- Files ---


@pytest.fixture
def descriptor():
    with tempfile.TemporaryFile() as file:
        file.write(b"0123456789")
        file.flush()
        yield os.dup(file.fileno())


@pytest.mark.parametrize(
    ("request_", "status", "content"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "200 OK", b"234"),
        (HEAD, "200 OK", b""),
        (OLD, "200 OK", b"234"),
        (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "304 Not Modified", b""),
    ],
)
def test_a_file_is_sent_and_closed(request_, status, content, house, descriptor):
    said = answer(house, lambda exchange: exchange.reply_file(exchange.prepare(status, []), descriptor, 2, 3), request_)
    assert said.partition(b"\r\n\r\n")[2] == content
    assert b"Content-Length: 3\r\n" in said
    assert not is_open(descriptor)
    assert house.log.entries[0].sent == len(content)


def test_an_empty_piece_of_a_file(house, descriptor):
    said = answer(house, lambda exchange: exchange.reply_file(exchange.prepare("200 OK", []), descriptor, 2, 0))
    assert said.endswith(b"Content-Length: 0\r\n\r\n")
    assert not is_open(descriptor)


@pytest.mark.parametrize("sends", [0, 1])
def test_a_file_is_closed_when_the_peer_leaves(sends, house, descriptor):
    house.wire.sends_left = sends
    answer(house, lambda exchange: exchange.reply_file(exchange.prepare("200 OK", []), descriptor, 2, 3))
    assert not is_open(descriptor)
    assert house.wire.closed


# --- The queue ---


def test_a_request_that_waited_too_long_is_503(house):
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", work=False)
    assert not house.threads.jobs[0].overdue(time.monotonic() + 29)
    assert house.threads.jobs[0].overdue(time.monotonic() + 31)
    said = house.work().said()
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"Retry-After: 1\r\n" in said
    assert not house.responder.seen


@pytest.mark.parametrize("gone", [False, True])
def test_a_full_queue_is_503(gone, house):
    """Answered at once, without a thread, and logged; once for a connection, so that pipelining gains nothing."""
    house.threads.full = True
    house.wire.sends_left = 0 if gone else None
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert house.said().startswith(b"" if gone else b"HTTP/1.1 503 Service Unavailable\r\n")
    assert [entry.code for entry in house.log.entries] == [499 if gone else 503]
    assert house.wire.output_ended or house.wire.closed


def test_an_access_entry_says_what_happened(house):
    house.receive(b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
    (entry,) = house.log.entries
    assert (entry.client, entry.code, entry.sent, entry.unread) == ("192.0.2.1", 200, 3, "")
    assert (entry.request.method, entry.request.target, entry.request.protocol) == ("POST", "/a?b", "HTTP/1.1")
    assert entry.request.fields["HTTP_HOST"] == "h"
    assert entry.reply_fields == PLAIN
    assert 0 <= entry.queued <= entry.duration
    assert len(entry.request_id) == 16


def test_no_clock_is_looked_at_for_lines_that_show_no_times(house):
    """It would cost each request two looks."""
    house.log.timed = False
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    (entry,) = house.log.entries
    assert (entry.duration, entry.queued) == (0.0, 0.0)


def test_without_a_log_nothing_is_recorded():
    house = House(logged=False)
    assert house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said() == replied(b"")
    house.threads.full = True
    assert b" 503 " in house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said()


def test_sending_content_waits_for_room(house):
    """After each send the thread waits while too much is unsent; a peer that takes nothing ends the reply."""
    calls: list[int] = []

    def wait() -> None:
        calls.append(len(house.wire.out))
        if len(calls) == 2:
            raise PeerGone("took nothing")

    house.wire.wait_for_room = wait
    answer(house, in_pieces(b"a", b"b", b"c"))
    assert len(calls) == 2
    assert house.wire.closed


@pytest.mark.parametrize(("request_", "reset"), [(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", False), (OLD, True)])
def test_a_reply_given_up_is_visibly_broken(request_, reset, house):
    """A peer that takes nothing is cut; where closing is the framing, with a reset."""

    def wait() -> None:
        raise PeerGone("took nothing")

    house.wire.wait_for_room = wait
    answer(house, in_pieces(b"a", b"b"), request_)
    assert (house.wire.closed, house.wire.reset) == (True, reset)


def test_no_second_response(house):
    """An application's thread that kept `write` can put nothing on a connection that is somebody else's by now."""
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", work=False)
    exchange = house.threads.jobs[0]
    house.work().said()
    with pytest.raises(ApplicationError):
        exchange.write(b"late")
    with pytest.raises(ApplicationError):
        exchange.start(exchange.prepare("200 OK", []))
    assert house.said() == b""


def test_who_vanished_before_its_turn_is_not_worked_for(house):
    """Its request is dropped when a thread comes to it, and the log says so."""
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", work=False)
    house.wire.suspect = house.wire.dead = True
    house.wire.sends_left = 0
    house.work()
    assert not house.responder.seen
    assert [entry.code for entry in house.log.entries] == [499]
    assert house.wire.closed


def test_who_is_only_suspected_is_answered(house):
    """The event was of another connection, which had the same number before."""
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", work=False)
    house.wire.suspect = True
    assert house.work().said() == replied(b"")


# --- Early hints ---

HINT = [("Link", "</style.css>; rel=preload; as=style")]


def test_hints_come_before_the_response(house):
    def answer(exchange) -> None:
        exchange.early_hints(HINT)
        exchange.early_hints(HINT * 2)
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"x")

    house.responder.answer = answer
    line = b"Link: </style.css>; rel=preload; as=style\r\n"
    start = b"HTTP/1.1 103 Early Hints\r\n"
    hinted = start + line + b"\r\n" + start + line * 2 + b"\r\n"
    assert house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said() == hinted + replied(b"x")
    assert b" 103 " not in house.receive(b"GET / HTTP/1.0\r\n\r\n").said(), "HTTP/1.0 has no interim responses"


@pytest.mark.parametrize(
    "fields", [[("Link", "a\r\nSet-Cookie: b")], [("Content-Length", "5")], [("Connection", "close")], [("a b", "c")]]
)
def test_hints_that_may_not_be_sent(fields, house):
    raised = []

    def answer(exchange) -> None:
        with pytest.raises(ApplicationError) as error:
            exchange.early_hints(fields)
        raised.append(error)
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"x")

    house.responder.answer = answer
    assert house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said() == replied(b"x")
    assert raised


def test_hints_that_come_too_late(house):
    def answer(exchange) -> None:
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"x")
        with pytest.raises(ApplicationError, match="has begun"):
            exchange.early_hints(HINT)

    house.responder.answer = answer
    assert house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said() == replied(b"x")
