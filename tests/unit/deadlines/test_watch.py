"""A client has its answer at the deadline, whatever its request is at; each request has one answer."""

from __future__ import annotations

import io
import os
from traceback import StackSummary

import pytest
from zope.interface.verify import verifyObject

from tests.unit.deadlines.conftest import SECONDS, TimedHouse
from tests.unit.http.conftest import PLAIN, replied
from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.deadlines.interrupt import delicate
from wsgicontainer.deadlines.watch import GRACE
from wsgicontainer.errors import PeerGone, RequestTimeout
from wsgicontainer.interfaces import IApplicationThreads, IInterrupted
from wsgicontainer.wsgi.application import WSGIApplication

GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
TOO_LATE = replied(
    b"504 Gateway Timeout\n", b"Connection: close", status=b"504 Gateway Timeout", kind=b"text/plain; charset=utf-8"
)


def late(house: TimedHouse, then=lambda exchange: None):
    """Answer as an application does whose deadline passes while it works."""

    def answer(exchange) -> None:
        house.wait()
        then(exchange)

    return answer


def texts(events) -> str:
    from twisted.logger import formatEvent

    return "\n".join(formatEvent(event) for event in events)


def test_they_keep_their_interfaces(timed):
    timed.receive(GET, work=False)
    verifyObject(IInterrupted, timed.threads.jobs[0])
    verifyObject(IApplicationThreads, timed.watch)


def test_in_time_it_is_as_without(timed):
    timed.receive(GET)
    assert timed.said() == replied(b"")
    assert timed.wait(3600).said() == b"", "its deadline is forgotten"
    assert not timed.watch._open
    assert not timed.owned
    timed.receive(GET)
    assert timed.said() == replied(b""), "and the connection goes on"


def test_one_that_waits_for_a_thread_is_told_and_never_runs(timed, logged_errors):
    timed.receive(GET + GET, work=False).wait()
    assert timed.said() == TOO_LATE
    assert timed.wire.output_ended, "no further request is answered on this connection"
    timed.work()
    assert not timed.responder.seen
    assert timed.said() == b""
    assert logged_errors() == 1
    assert [(entry.code, entry.queued >= 0) for entry in timed.log.entries] == [(504, True)]


def test_one_that_is_answered_leaves_the_queue(timed):
    """The pool drops it with those that waited too long: it must not fill the queue."""
    timed.receive(GET, work=False)
    job = timed.threads.jobs[0]
    assert not job.overdue(job.began)
    timed.wait()
    assert job.overdue(job.began)


@pytest.mark.parametrize("seconds", [0, SECONDS - 0.01])
def test_not_before_its_time(timed, seconds):
    timed.receive(GET, work=False).wait(seconds)
    assert timed.said() == b""
    timed.work()
    assert timed.said() == replied(b"")


def test_the_deadline_begins_when_the_request_is_whole(timed):
    """A slow upload has its own clock."""
    timed.receive(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na", work=False).wait(SECONDS * 3)
    assert timed.said() == b""
    timed.receive(b"b", work=False)
    assert timed.threads.jobs[0].deadline == timed.threads.jobs[0].received + SECONDS


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (GET, TOO_LATE),
        (GET.replace(b"GET", b"HEAD"), TOO_LATE.removesuffix(b"504 Gateway Timeout\n")),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", TOO_LATE),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", TOO_LATE),
    ],
    ids=["GET", "HEAD", "HTTP/1.0", "POST"],
)
def test_one_that_runs_is_interrupted(timed, logged_events, request_, reply):
    timed.responder.answer = late(timed, lambda exchange: exchange.reply(exchange.prepare("200 OK", PLAIN), b"late"))
    timed.receive(request_)
    assert timed.said() == reply
    assert not timed.interrupts.sent, "what has not come up is withdrawn"
    assert 'File "application.py", line 7, in slow' in texts(logged_events)
    assert timed.log.entries[0].request_id in texts(logged_events)
    assert [entry.code for entry in timed.log.entries] == [504]
    assert not any("log_failure" in event for event in logged_events)


def whole(exchange):
    exchange.reply(exchange.prepare("200 OK", PLAIN), b"late")


def pieces(exchange):
    exchange.start(exchange.prepare("200 OK", PLAIN))
    exchange.write(b"late")


def empty(exchange):
    exchange.start(exchange.prepare("200 OK", PLAIN))
    exchange.finish()


def error(exchange):
    exchange.error("404 Not Found")


def nothing(exchange):
    """Return without an answer, as one does that swallows RequestTimeout."""


def fails(exchange):
    exchange.fail("it raised")


def leaves(exchange):
    raise PeerGone("the application's own")


def sends_file(exchange):
    with open(__file__, "rb") as file:
        descriptor = os.dup(file.fileno())
    try:
        exchange.reply_file(exchange.prepare("200 OK", PLAIN), descriptor, 0, 10)
    finally:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)


@pytest.mark.parametrize("then", [whole, pieces, empty, error, nothing, fails, leaves, sends_file])
def test_whoever_comes_too_late_touches_nothing(timed, logged_failures, then):
    timed.responder.answer = late(timed, then)
    timed.receive(GET)
    assert timed.said() == TOO_LATE
    assert [entry.code for entry in timed.log.entries] == [504]
    assert not logged_failures()


def test_what_it_raises_instead_is_told(timed, logged_failures):
    def broken(exchange):
        raise ValueError("in the clean-up")

    timed.responder.answer = late(timed, broken)
    timed.receive(GET)
    assert timed.said() == TOO_LATE
    assert logged_failures() == 1


def test_a_reply_that_has_begun_is_never_cut(timed):
    """A slow download takes as long as it takes."""

    def slow(exchange):
        exchange.start(exchange.prepare("200 OK", PLAIN))
        exchange.write(b"first")
        timed.wait(3600)
        exchange.write(b"second")
        exchange.finish()

    timed.responder.answer = slow
    timed.receive(GET)
    said = timed.said()
    assert b"first" in said
    assert said.endswith(b"second\r\n0\r\n\r\n")
    assert not timed.interrupts.sent


def test_early_hints_are_no_reply(timed):
    """Whoever only hints has not begun; what is hinted after the deadline is dropped."""

    def hinting(exchange):
        exchange.early_hints([("Link", "</a>; rel=preload")])
        timed.wait()
        exchange.early_hints([("Link", "</b>; rel=preload")])

    timed.responder.answer = hinting
    said = timed.receive(GET).said()
    assert said == b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n" + TOO_LATE


def test_a_deadline_amid_early_hints_is_kept_a_little_later(timed):
    """While the thread sends them the reactor can't answer: it looks again."""

    def hinting(exchange):
        exchange._take()
        timed.wait()
        assert timed.watch._open, "not forgotten"
        exchange._right.append(None)
        timed.watch.sweep()

    timed.responder.answer = hinting
    assert timed.receive(GET).said() == TOO_LATE


def test_hints_before_a_reply_in_time(timed):
    def hinting(exchange):
        exchange.early_hints([])
        whole(exchange)

    timed.responder.answer = hinting
    assert timed.receive(GET).said() == b"HTTP/1.1 103 Early Hints\r\n\r\n" + replied(b"late")


def test_a_head_that_waits_for_content_is_no_reply(timed):
    def slow(exchange):
        exchange.start(exchange.prepare("200 OK", PLAIN))
        timed.wait()
        exchange.write(b"late")

    timed.responder.answer = slow
    assert timed.receive(GET).said() == TOO_LATE


def test_a_client_that_has_left_is_not_answered(timed):
    timed.responder.answer = late(timed, whole)
    timed.wire.sends_left = 0
    timed.receive(GET)
    assert timed.wire.closed
    assert not timed.roll.open
    assert [entry.code for entry in timed.log.entries] == [499]


def test_without_a_log_too():
    timed = TimedHouse(logged=False)
    timed.responder.answer = late(timed, whole)
    assert timed.receive(GET).said() == TOO_LATE


def test_a_full_queue_still_says_so(timed):
    timed.threads.full = True
    assert b" 503 " in timed.receive(GET).said()
    assert not timed.watch._open


def test_an_application_that_raises_it_by_itself_has_failed(timed, logged_failures):
    """There was no deadline: it is an exception like any other, and nobody is left without an answer."""

    def confused(exchange):
        raise RequestTimeout

    timed.responder.answer = confused
    assert b" 500 " in timed.receive(GET).said()
    assert logged_failures() == 1


def test_the_application_finds_its_deadline(timed):
    seen = []

    def application(environ, start_response):
        seen.append(environ["wsgicontainer.deadline"])
        start_response("200 OK", [])
        return [b""]

    timed.site.routes.find("/")[1].answer = WSGIApplication(application).respond
    for _ in range(2):
        timed.receive(GET)
    assert seen[0] < seen[1], "each its own, also when the same head comes again"


def test_close_is_called_and_nothing_is_told_twice(timed, logged_failures):
    """The iterable's close() runs whatever came up."""
    closed = []

    class Result:
        def __iter__(self):
            timed.wait()
            yield b"late"

        def close(self):
            closed.append(1)
            raise RequestTimeout  # as if it came up in here

    def application(environ, start_response):
        start_response("200 OK", [])
        return Result()

    timed.responder.answer = WSGIApplication(application).respond
    assert timed.receive(GET).said() == TOO_LATE
    assert closed == [1]
    assert not logged_failures()


def test_content_that_does_not_close_is_told(timed, logged_failures):
    class Stuck(io.BytesIO):
        def close(self):
            raise OSError("the disk is gone")

    def answer(exchange):
        exchange.content = Stuck()
        timed.wait()

    timed.responder.answer = answer
    assert timed.receive(GET).said() == TOO_LATE
    assert logged_failures() == 1


# --- Threads that do not come back ---


def test_a_thread_in_its_grace_is_left_alone(timed):
    def answer(exchange):
        timed.wait()
        timed.wait(GRACE * 0.9)

    timed.responder.answer = answer
    timed.receive(GET)
    timed.wait(60)
    assert not timed.threads.lost


def stuck(house: TimedHouse) -> None:
    """Have a request run that is written off, and comes back later."""
    house.responder.answer = lambda exchange: (house.wait(), house.wait(GRACE))
    house.receive(GET)


def test_a_thread_that_stays_away_is_written_off(timed, logged_errors):
    stuck(timed)
    assert len(timed.threads.lost) == 1
    assert logged_errors() == 2
    assert not timed.replacements


def test_too_many_of_them_and_the_process_asks_for_its_replacement(logged_events):
    timed = TimedHouse(most_stuck=1)
    stuck(timed)
    assert timed.replacements == [1]
    assert [event["log_level"].name for event in logged_events].count("critical") == 1


def test_one_requests_trouble_stops_no_clock(timed, logged_failures):
    class Broken(TimedExchange):
        def answer(self):
            raise ValueError("ours")

    timed.site.new_exchange = Broken
    timed.receive(GET, work=False).wait()
    assert logged_failures() == 1


def test_what_is_no_request_has_no_deadline(timed):
    job = object()
    assert timed.watch.submit(job)
    assert list(timed.threads.jobs) == [job]


def test_an_end_that_comes_before_submitting_has_ended(timed):
    """Its thread may be done with it before the reader has entered it."""

    class AtOnce(type(timed.threads)):
        def submit(self, job):
            job.run()
            return True

    timed.watch._threads = AtOnce()
    timed.receive(GET)
    assert timed.said() == replied(b"")
    assert not timed.watch._open


def test_nothing_comes_up_where_a_lock_is_taken(timed):
    """Logging's locks are everybody's: an exception between acquire() and its try would leave one taken for ever."""

    def answer(exchange) -> None:
        timed.interrupts.where = "/usr/lib/python3.11/logging/__init__.py"
        timed.later += SECONDS + 0.01
        timed.watch.sweep()
        assert (timed.interrupts.sent, exchange.sent) == ([], False)
        timed.interrupts.where = "application.py"
        timed.later += 0.1
        timed.watch.sweep()
        assert exchange.sent
        assert len(timed.interrupts.sent) == 1
        timed.watch.sweep()
        assert len(timed.interrupts.sent) == 1, "once is enough"

    timed.responder.answer = answer
    timed.receive(GET)
    assert timed.said() == TOO_LATE


@pytest.mark.parametrize(
    ("inner", "so"),
    [
        ("/usr/lib/python3.11/logging/__init__.py", True),
        ("/site-packages/twisted/python/logfile.py", True),
        ("/usr/lib/python3.11/threading.py", True),
        ("/srv/mysite/logging.py", False),
        ("/srv/mysite/views.py", False),
    ],
)
def test_where_locks_are_taken(inner, so):
    outer = [("/usr/lib/python3.11/threading.py", 1, "_bootstrap", "")] + [("/srv/mysite/wsgi.py", 1, "page", "")] * 5
    assert delicate(StackSummary.from_list([*outer, (inner, 1, "acquire", "")])) is so
