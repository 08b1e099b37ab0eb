"""One connection, stepped: whatever comes in whatever pieces, each request gets its reply, and nothing stays behind."""

from __future__ import annotations

import itertools
import resource
import tempfile
import time
from contextlib import contextmanager
from math import inf

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from tests.unit.http.conftest import PLAIN, House, replied
from wsgicontainer.errors import PeerGone
from wsgicontainer.http import h1
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.interfaces import IOpenConnection
from wsgicontainer.messages import Request
from wsgicontainer.wsgi.environ import environ_for

GET = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabcde"
CHUNKED_HEAD = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"3\r\nabc\r\n2;x\r\nde\r\n0\r\nX: y\r\n\r\n"
LAST = b"GET /d HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
FAR = 10_000
"""Seconds after which every clock has run out."""


def status_of(said: bytes) -> int:
    return int(said[9:12]) if said else 0


def late() -> float:
    return time.monotonic() + FAR


def test_it_keeps_its_interface(house):
    verifyObject(IOpenConnection, house.connection)


# --- Requests, however they come ---


@given(st.lists(st.integers(min_value=1, max_value=300), max_size=8), st.booleans())
def test_pipelined_requests_in_any_pieces(cuts, at_once):
    """Cut anywhere, worked off at once or late: the same replies in the same order."""
    octets = GET + POST + CHUNKED + b"\r\n" + GET + LAST + b"ignored"
    places = [0, *sorted({cut % len(octets) for cut in cuts}), len(octets)]
    house = House()
    pieces = [octets[start:end] for start, end in itertools.pairwise(places) if end > start]
    house.receive(*pieces, work=at_once)
    for _ in range(10):
        house.ring()  # not only `work`: content that took its turn's 2 ms, on a busy machine, asks for another look
    close = replied(b"", b"Connection: close")
    assert house.said() == replied(b"") + replied(b"abcde") * 2 + replied(b"") + close
    assert house.responder.seen == [
        ("GET", "/a", b""),
        ("POST", "/b", b"abcde"),
        ("POST", "/c", b"abcde"),
        ("GET", "/a", b""),
        ("GET", "/d", b""),
    ]


def test_one_octet_at_a_time(house):
    for octets, content in ((GET, b""), (POST, b"abcde"), (CHUNKED, b"abcde")):
        assert house.receive(*(octets[at : at + 1] for at in range(len(octets)))).said() == replied(content)


def test_a_dripping_head_costs_little(house):
    """One octet at a time, what has been looked at is not looked at again: 0.5 s of CPU here, not 12."""
    house.site.limits = evolve(house.site.limits, head=20_000)
    before = time.process_time()
    for octet in b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 3_000:
        house.receive(bytes([octet]))
    assert time.process_time() - before < 4
    assert house.said() == b""


def test_an_empty_line_before_a_request_is_forgiven_however_it_comes(house):
    """RFC 9112 section 2.2, also when CR and LF come apart."""
    assert house.receive(b"\r\n" + GET).said() == replied(b"")
    assert house.receive(b"\r\n", GET).said() == replied(b"")
    assert house.receive(b"\r", b"\n" + GET).said() == replied(b"")


def test_only_one_request_runs_at_a_time(house):
    """The next one waits for the reply, even if it is there already."""
    house.receive(GET + POST, work=False)
    assert len(house.threads.jobs) == 1
    assert house.owned
    house.threads.jobs.popleft().run()
    assert (len(house.threads.jobs), house.said()) == (1, replied(b""))


def test_what_comes_during_a_request_is_read_after_it(house):
    house.receive(GET, work=False)
    assert house.connection.deadline == inf
    house.receive(POST)
    assert house.said() == replied(b"") + replied(b"abcde")
    assert not house.owned


def test_event_of_no_interest(house):
    """The wire decides what an event means."""
    house.wire.inbox.append(GET)
    house.connection.noticed(0)
    assert not house.threads.jobs


def test_environ_template(house):
    """What is the connection's is the same for all of its requests, and known with the first."""
    house.receive(GET)
    assert house.connection.template == {
        "template": "site's",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "5000",
        "SERVER_NAME": "192.0.2.2",
        "SERVER_PORT": "8000",
        "wsgi.url_scheme": "http",
        "wsgicontainer.disconnected": house.wire.gone,
    }


# --- The end of a connection ---


def test_close_when_the_peer_does(house):
    assert house.receive(GET).said() == replied(b"")
    house.end()
    assert house.wire.closed
    assert not house.roll.open
    assert house.owned  # for ever: nobody touches what is closed


def test_the_peer_leaves_within_a_head(house):
    house.receive(GET[:10]).end()
    assert (house.wire.closed, house.said(), house.log.entries) == (True, b"", [])


@pytest.mark.parametrize("octets", [POST[:-1], CHUNKED[:-1], CHUNKED_HEAD])
def test_the_peer_leaves_within_content(octets, house):
    """The application is not called, and the log says 499."""
    house.receive(octets).end()
    assert (house.wire.closed, house.said(), house.responder.seen) == (True, b"", [])
    assert [entry.code for entry in house.log.entries] == [499]


def test_the_peer_closes_its_side_after_a_request(house):
    house.wire.inbox.append(GET)
    house.end()
    assert house.said() == replied(b"")
    assert house.wire.closed


@pytest.mark.parametrize("sends", range(4))
@pytest.mark.parametrize(
    "octets", [GET + POST, LAST, CHUNKED + GET, b"bad\r\n\r\n", POST.replace(b"5", b"5000"), GET + b"\0"]
)
def test_the_peer_leaves_at_any_send(sends, octets, house):
    """Whatever was to be said: nothing is raised, and the connection ends."""
    house.wire.sends_left = sends
    house.receive(octets)
    house.wire.lost = house.wire.reading_ends = True
    house.ring()
    assert house.wire.closed
    assert not house.roll.open


@pytest.mark.parametrize("expect", [b"Expect: 100-continue\r\n"])
def test_the_peer_leaves_before_100_continue(expect, house):
    house.wire.sends_left = 0
    house.receive(b"POST / HTTP/1.1\r\nHost: h\r\n" + expect + b"Content-Length: 5\r\n\r\n")
    assert house.wire.closed


@pytest.mark.parametrize("fails_in_flush", [True, False])
def test_the_peer_leaves_while_a_reply_is_kept(fails_in_flush, house):
    """The thread that has answered survives it, and the connection is closed."""
    house.wire.full = True
    house.receive(GET, work=False)
    job = house.threads.jobs.popleft()
    if fails_in_flush:
        house.wire.sends_left = 1  # the reply is kept; the next try fails
        job.run()
    else:
        job.run()
        house.wire.full, house.wire.sends_left = False, 0
        house.ring()
    assert house.wire.closed
    assert not house.roll.open


def test_an_end_that_takes_its_time(house):
    """A wire that can't close at once rings when it is over; until then the connection stays on the roll."""
    house.wire.close_at_once = False
    house.receive(LAST[:-2] + b"\r\n")
    house.end()
    assert house.wire.closed
    assert house.roll.open
    house.ring()
    assert house.roll.open
    house.connection.expire(late())
    assert house.wire.was_cut
    house.wire.lost = True
    house.ring()
    assert not house.roll.open


# --- Replies that the peer takes slowly ---


def test_a_kept_reply_goes_out_before_the_next_request(house):
    house.wire.full = True
    house.receive(GET + POST)
    assert (house.said(), house.threads.jobs) == (b"", house.threads.jobs)
    assert not house.responder.seen[1:]
    house.wire.full = False
    assert house.ring().said() == replied(b"") + replied(b"abcde")


def test_the_clock_of_a_kept_reply_is_set_back_by_progress(house):
    """Only a peer that takes nothing at all is cut, and by a reset."""
    house.wire.full = True
    house.receive(GET)
    first = house.connection.deadline
    assert first < inf
    house.ring()
    assert house.connection.deadline == first
    house.wire.progress += 1
    house.ring()
    assert house.connection.deadline > first
    house.connection.expire(late())
    assert (house.wire.closed, house.wire.reset) == (True, True)


def test_progress_that_rang_nobody_counts_too(house):
    """A transport tells of room only when all is gone: the sweep sees itself that the peer takes something."""
    house.wire.full = True
    house.receive(GET)
    house.wire.progress += 1
    now = late()
    house.connection.expire(now)
    assert not house.wire.closed
    assert house.connection.deadline > now
    house.connection.expire(now + FAR)
    assert (house.wire.closed, house.wire.reset) == (True, True)


# --- Clocks ---


def test_deadlines(house):
    """Head, keep-alive and content each have their own clock."""

    def wait() -> float:
        return house.connection.deadline - time.monotonic()

    assert 29 < wait() <= 30
    house.receive(GET)
    house.connection.expire(time.monotonic())  # a sweep: the clock begins
    assert 74 < wait() <= 75
    house.receive(b"GET ")
    assert 29 < wait() <= 30
    before = house.connection.deadline
    house.receive(b"/ ")
    assert house.connection.deadline == before  # the whole head has one limit, however it drips
    house.receive(b"HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
    assert 59 < wait() <= 60
    before = house.connection.deadline
    house.receive(b"a")
    assert house.connection.deadline > before  # content only has to make progress


@pytest.mark.parametrize("octets", [GET[:10], POST[:-1], CHUNKED[:-1]])
def test_a_slow_request_is_408(octets, house):
    house.receive(octets)
    house.connection.expire(late())
    said = house.said()
    assert status_of(said) == 408
    assert b"Connection: close\r\n" in said
    assert [entry.code for entry in house.log.entries] == [408]


@pytest.mark.parametrize("octets", [b"", GET])
def test_an_idle_connection_is_closed_in_silence(octets, house):
    house.receive(octets) if octets else None
    house.said()
    house.connection.expire(time.monotonic())
    assert not house.wire.closed
    house.connection.expire(late())
    assert (house.wire.closed, house.said(), house.wire.reset) == (True, b"", False)


def test_what_has_not_run_out_stays(house):
    house.receive(GET)
    house.connection.expire(house.connection.deadline)
    assert not house.wire.closed
    assert not house.owned


def test_what_is_in_work_is_left_alone(house):
    """A deadline never takes a connection from its owner."""
    house.receive(GET, work=False)
    house.connection.expire(late())
    assert not house.wire.closed
    assert house.work().said() == replied(b"")


def test_a_peer_that_left_unnoticed_and_runs_out_of_time(house):
    """408 can't be sent: nothing is raised into the sweep, which looks after all the others too."""
    house.receive(GET[:10])
    house.wire.sends_left = 0
    house.connection.expire(late())
    assert house.wire.closed
    assert not house.roll.open


# --- Refusals ---


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"\0", 400),
        (b" GET", 400),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\rX", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET * HTTP/1.1\r\nHost: h\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413),
        (CHUNKED_HEAD + b"3e9\r\n", 413),
        (CHUNKED_HEAD + b"x\r\n", 400),
        (b"GET /" + b"a" * 2000, 414),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 400, 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n", 417),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
    ],
)
def test_refusals(octets, code, house):
    """Said at once, logged once, and the connection ends without the application."""
    said = house.receive(octets).said()
    assert status_of(said) == code
    head, _, content = said.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head
    assert b"\r\nContent-Length: %d\r\n" % len(content) in head
    assert content.startswith(b"%d " % code)
    assert [(entry.code, entry.sent) for entry in house.log.entries] == [(code, len(content))]
    assert house.wire.output_ended
    assert not house.responder.seen


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"GET /\r\n", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"GET /" + b"a" * 1500 + b" HTTP/1.1 \r\nHost: h\r\n", 400),
    ],
)
def test_a_request_line_that_nothing_can_mend_is_refused_at_once(octets, code, house):
    """HTTP/0.9 sends only this line, and waits: so would we, for the head's clock."""
    assert status_of(house.receive(octets).said()) == code
    dripped = House().receive(b"\r\n", *(octets[at : at + 1] for at in range(len(octets))))
    assert status_of(dripped.said()) == code


@pytest.mark.parametrize("rest", [b"GET / HTTP/1.1\nHost: h", b"GET /\r\nHost: h", b"\0"])
def test_what_follows_a_request_is_looked_at_as_well(rest, house):
    """It comes with the request before it, and no more comes: waiting for more would hide the answer."""
    assert house.receive(GET + rest).said().startswith(replied(b"") + b"HTTP/1.1 400 ")


def test_half_a_head_after_a_request_has_the_clock_of_heads(house):
    """Not that of idle connections, which is longer."""
    house.receive(GET + b"GET /")
    assert house.connection.deadline - time.monotonic() <= house.site.clocks.header


def test_a_refused_method_says_what_is_allowed(house):
    assert b"\r\nAllow: OPTIONS\r\n" in house.receive(b"GET * HTTP/1.1\r\nHost: h\r\n\r\n").said()


def test_a_refused_head_has_no_content(house):
    said = house.receive(b"HEAD / HTTP/1.1\r\n\r\n").said()
    assert status_of(said) == 400
    assert said.endswith(b"\r\n\r\n")


def test_refused_content_is_no_head(house):
    """Whatever it begins with: the refusal has its line of text."""
    said = house.receive(CHUNKED_HEAD + b"HEAD / HTTP/1.1\r\n").said()
    assert said.endswith(b"400 Bad Request: malformed chunk size\n")


def test_a_refused_peer_may_go_on_sending_for_a_while(house):
    """What it sends is dropped, so that it can read the refusal; then it is over (RFC 9112 section 9.6)."""
    house.receive(CHUNKED_HEAD + b"x\r\n")
    house.said()
    house.receive(b"more" * 1000, GET)
    assert (house.said(), house.wire.closed) == (b"", False)
    assert house.connection.deadline < time.monotonic() + 3
    house.end()
    assert house.wire.closed


def test_a_refused_peer_that_sends_for_ever_is_cut(house):
    house.receive(b"\0")
    for _ in range(40):
        house.wire.inbox.append(b"x" * 100)
    house.ring()
    assert not house.wire.inbox
    house.connection.expire(late())
    assert house.wire.closed


def test_a_wire_that_can_t_half_close_is_closed():
    house = House(half_close=False)
    house.receive(b"\0")
    assert (status_of(house.said()), house.wire.closed) == (400, True)


def test_the_log_has_the_first_line_of_what_was_refused(house):
    house.receive(b"GET /\xe9 HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n")
    (entry,) = house.log.entries
    assert (entry.unread, entry.request) == ("GET /\xe9 HTTP/1.1", Request("", "", "", "", "", {}))
    assert len(entry.request_id) == 16


def test_refusals_without_a_log():
    assert status_of(House(logged=False).receive(b"\0").said()) == 400


# --- Content ---


def test_100_continue(house):
    """Said once, before the content, and only if none of it is there yet."""
    head = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    assert house.receive(head).said() == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert house.receive(b"ab", b"cde").said() == replied(b"abcde")
    assert house.receive(head + b"ab").said() == b""
    assert house.receive(b"cde").said() == replied(b"abcde")


@pytest.mark.parametrize("size", [1, 100, 101, 1000])
def test_content_in_memory_and_on_disk(size, house):
    content = b"x" * size
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
    assert house.receive(head + content).said() == replied(content)
    assert house.receive(head, content[:1], *filter(None, [content[1:]])).said() == replied(content)


def test_chunked_content_gets_its_length(house):
    seen: list[str] = []

    def answer(exchange) -> None:
        seen.append(exchange.request.fields.get("CONTENT_LENGTH", "none"))
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"")

    house.responder.answer = answer
    house.receive(CHUNKED, CHUNKED_HEAD + b"0\r\n\r\n", GET)
    assert seen == ["5", "0", "none"]


def test_a_head_that_comes_again_with_other_content_is_logged_with_its_length(house):
    house.receive(*[CHUNKED_HEAD + b"%d\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) for size in (1, 2, 3, 4)])
    assert [line[-1] for line in house.log.lines] == ["1", "2", "3", "4"]


def test_one_sender_does_not_keep_the_others_waiting(house):
    """After some receives others have their turn; nothing is lost."""
    house.wire.inbox.extend([b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n", *[b"x"] * 500])
    house.connection.noticed(1)
    assert house.wire.look
    assert house.wire.inbox
    assert house.ring().said() == replied(b"x" * 500)


def test_content_that_can_t_be_kept_is_507(house, monkeypatch):
    """No temporary folder: the peer is told, and the server goes on."""
    monkeypatch.setattr(tempfile, "tempdir", "/nonexistent")
    house.receive(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n\r\n", b"x" * 200)
    assert status_of(house.said()) == 507
    assert [entry.code for entry in house.log.entries] == [507]


@contextmanager
def full_disk():
    """Let no file grow beyond nothing: what a full disk does, without filling one.

    Only for as long as it takes: pytest's own output may be a file.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [150, 900])
def test_a_full_disk_is_507(size, house):
    """Also when it shows only once the last octet has come: files keep some in memory."""
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size
    with full_disk():
        house.receive(head, b"x" * size)
    assert status_of(house.said()) == 507


def test_time_to_upload_is_no_time_in_the_queue(house):
    """A client that needs longer for its content than a request may wait for a thread is served all the same."""
    house.receive(POST[:-1])
    house.connection._arrival.exchange.began -= 40
    assert house.receive(POST[-1:]).said() == replied(b"abcde")
    assert house.log.entries[0].queued < 1
    assert house.log.entries[0].duration > 40


# --- The way out ---


def test_leaving_closes_what_idles(house):
    house.receive(GET)
    house.connection.leave(True)
    assert house.wire.closed
    assert not house.roll.open


def test_leaving_takes_a_last_look(house):
    """A request that has just come is still answered."""
    house.site.draining, house.site.moment.now = True, time.monotonic() - FAR  # nothing has come for hours
    house.wire.inbox.append(GET)
    house.connection.leave(True)
    assert house.work().said() == replied(b"", b"Connection: close")
    assert house.log.entries[0].queued < FAR / 2, "it counts from the last event, whosever that was"


@pytest.mark.parametrize("octets", [GET[:10], POST[:-1]])
def test_leaving_waits_for_a_request_that_has_begun(octets, house):
    house.site.draining = True
    house.receive(octets)
    house.connection.leave(True)
    assert not house.wire.closed
    rest = (GET if octets == GET[:10] else POST)[len(octets) :]
    assert b"Connection: close\r\n" in house.receive(rest).said()


def test_leaving_waits_for_what_runs(house):
    house.receive(GET, work=False)
    house.site.draining = True
    house.connection.leave(True)
    assert not house.wire.closed
    assert house.work().said() == replied(b"", b"Connection: close")


def test_leaving_overtaken_by_a_request(house):
    """A head that begins between the look and the seizure is waited for."""
    taken = house.connection._own

    class Overtaken:
        """An ownership that somebody had just before."""

        def __getattr__(self, name: str):
            return getattr(taken, name)

        def seize(self) -> bool:
            house.receive(GET[:10])
            return taken.seize()

    house.connection._own = Overtaken()
    house.connection.leave(True)
    assert not house.wire.closed
    assert house.receive(GET[10:]).said() == replied(b"")


# --- Too many connections ---


@pytest.mark.parametrize("octets", [b"", GET[:10], GET])
def test_who_waits_makes_room(octets, house):
    """Silent, within a head, or between two requests."""
    if octets:
        house.receive(octets)
    assert house.connection.make_room()
    assert house.wire.closed and not house.roll.open


def test_who_has_asked_meanwhile_is_answered(house):
    """A last look: a request that has just come, even its second half, is not lost."""
    house.receive(GET[:10])
    house.wire.inbox.append(GET[10:])
    assert not house.connection.make_room()
    assert house.work().said() == replied(b"")
    assert not house.wire.closed


def test_content_and_what_runs_keep_their_place(house):
    house.receive(POST[:-1])
    assert not house.connection.make_room()
    house.receive(POST[-1:], work=False)
    assert not house.connection.make_room()
    assert not house.wire.closed
    assert house.work().said().startswith(b"HTTP/1.1 200")


def test_cut_is_the_wire_s(house):
    house.connection.cut()
    assert house.wire.was_cut


def test_a_mistake_of_ours_costs_one_connection(house, logged_failures):
    """What nobody foresaw is logged and ends in a reset; the thread that reads for all goes on."""

    def receive() -> bytes:
        raise ZeroDivisionError

    house.wire.receive = receive
    house.ring()
    assert (house.wire.closed, house.wire.reset, house.roll.open) == (True, True, [])
    assert logged_failures() == 1


# --- Word that was left ---


def test_word_left_while_a_reply_goes_out_is_looked_at(house):
    """What arrives while an application thread has the connection is not lost."""

    def answer(exchange) -> None:
        house.wire.inbox.append(POST)
        house.connection.noticed(1)
        house.responder.answer = house.responder.echo
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"")

    house.responder.answer = answer
    assert house.receive(GET).said() == replied(b"") + replied(b"abcde")


def test_a_transport_s_ring_during_a_request_is_remembered(house):
    """The reactor rings while a thread has the connection: it is looked at afterwards."""
    house.receive(GET, work=False)
    house.wire.inbox.append(POST)
    house.connection.ready()
    assert len(house.threads.jobs) == 1
    assert house.work().said() == replied(b"") + replied(b"abcde")


def test_word_left_while_a_deadline_is_looked_at(house):
    house.receive(GET)
    seize = house.connection._own.seize

    class Meanwhile:
        """An ownership during whose seizure an event comes."""

        def __getattr__(self, name: str):
            return getattr(own, name)

        def seize(self) -> bool:
            taken = seize()
            house.wire.inbox.append(POST)
            assert not own.claim()
            return taken

    own, house.connection._own = house.connection._own, Meanwhile()
    house.said()
    house.connection.expire(0)
    assert house.work().said() == replied(b"abcde")


def test_a_broken_reply_closes_and_tells_nobody_else(house):
    def answer(exchange) -> None:
        raise PeerGone("left")

    house.responder.answer = answer
    house.receive(GET)
    assert (house.wire.closed, house.wire.reset, house.log.entries[0].code) == (True, False, 499)


def test_an_octet_is_no_head_that_comes_again(house, monkeypatch):
    """Whatever stands for a head that was too long to be kept: nobody can ask for it again by sending that."""
    monkeypatch.setattr(h1, "KEPT", 10)
    assert status_of(house.receive(GET).said()) == 200
    assert status_of(house.receive(h1._NEVER).said()) == 400


@pytest.mark.parametrize("before", [b"", GET])
@pytest.mark.parametrize("kept", [2048, 10])
def test_an_empty_head_asks_for_nothing(before, kept, house, monkeypatch):
    """Empty lines after a request are no request again, also when its head was too long to be kept."""
    monkeypatch.setattr(h1, "KEPT", kept)
    if before:
        house.receive(before).said()
    seen = len(house.responder.seen)
    house.receive(b"\r\n\r\n\r\n")
    assert status_of(house.said()) == 400
    assert len(house.responder.seen) == seen


def test_empty_lines_do_not_renew_the_clock(house):
    """One is forgiven, and no more: a client that sends only those is refused."""
    house.receive(b"\r", b"\n", b"\r", b"\n", b"x")
    assert status_of(house.said()) == 400


def test_a_head_in_one_piece_is_bounded_too(house):
    """--limit-request-head does not depend on how the network cuts a head."""
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 900) for number in range(90))
    house.receive(b"GET / HTTP/1.1\r\nHost: h\r\n" + lines + b"\r\n")
    assert status_of(house.said()) == 431


def test_costly_content_lets_others_have_their_turn(house, monkeypatch):
    """Tiny chunks cost more than their octets: after some milliseconds the rest waits for another ring."""
    monkeypatch.setattr(h1, "_TURN_SECONDS", -1.0)
    house.receive(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
    house.wire.inbox.extend([b"1\r\na\r\n"] * 5)
    house.wire.look = False
    house.connection.ready()
    assert (house.wire.look, len(house.wire.inbox)) == (True, 4)


def test_the_end_after_a_reply_that_was_still_on_its_way(house):
    """A wire that tells the end once, as a Twisted transport does, and is asked while nothing else is left."""
    house.wire.full = True
    house.receive(GET)
    house.wire.inbox.append(b"")
    house.connection.ready()
    house.wire.full = False
    house.ring()
    assert house.said() == replied(b"")
    assert house.wire.closed


# Behind a proxy ---------------------------------------------------------------------------------------------------


@pytest.fixture
def behind(house):
    """A house whose one connection comes from a proxy that may speak for clients; what its environs said."""
    proxies = Proxies(["192.0.2.1"])
    house.site.proxies, house.site.proxied = proxies, HeadParser(HeadLimits(8190, 100, 8190), proxies)
    seen = []

    def answer(exchange):
        environ = environ_for(exchange)
        seen.append((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]))
        house.responder.echo(exchange)

    house.responder.answer = answer
    return house, seen


def asked(client: str, *more: str) -> bytes:
    lines = ["GET / HTTP/1.1", "Host: h", *([f"X-Forwarded-For: {client}"] if client else []), *more]
    return "\r\n".join([*lines, "", ""]).encode()


def test_each_request_of_a_proxys_connection_is_its_own_clients(behind):
    """Also the one after it that names nobody, and the same head again."""
    house, seen = behind
    house.receive(asked("198.51.100.1", "X-Forwarded-Proto: https"))
    house.receive(*[asked("198.51.100.2")] * 4, asked(""), asked("198.51.100.1"))
    house.receive(asked("198.51.100.2") + asked("198.51.100.3"))
    assert seen == [
        ("198.51.100.1", "https"),
        *[("198.51.100.2", "http")] * 4,
        ("192.0.2.1", "http"),
        ("198.51.100.1", "http"),
        ("198.51.100.2", "http"),
        ("198.51.100.3", "http"),
    ]
    assert [entry.client for entry in house.log.entries] == [client for client, _ in seen]
    assert [line.split(" ")[0] for line in house.log.lines] == [client for client, _ in seen]


@pytest.mark.parametrize(
    ("octets", "code", "peer"),
    [
        (asked("198.51.100.1", "Content-Length: 2000"), 413, "198.51.100.1"),
        (asked("198.51.100.1", "Transfer-Encoding: chunked") + b"x\r\n", 400, "198.51.100.1"),
        (asked("me"), 400, "192.0.2.1"),
        (asked("198.51.100.1", "Content-Length: x"), 400, "192.0.2.1"),
    ],
)
def test_refusals_are_logged_with_the_client_as_soon_as_it_is_known(behind, octets, code, peer):
    house, _ = behind
    house.receive(asked("198.51.100.9"), octets)
    assert [(entry.code, entry.client) for entry in house.log.entries] == [(200, "198.51.100.9"), (code, peer)]


def test_a_client_that_leaves_is_logged_as_itself(behind):
    house, _ = behind
    house.receive(asked("198.51.100.1", "Content-Length: 5") + b"abc").end()
    assert [(entry.code, entry.client) for entry in house.log.entries] == [(499, "198.51.100.1")]


def test_a_peer_that_is_no_proxy_speaks_for_nobody(behind):
    house, seen = behind
    house.wire.peer = ("192.0.2.2", "5000")
    house.receive(asked("198.51.100.1", "X-Forwarded-Proto: https"), asked("me"))
    assert seen == [("192.0.2.2", "http")] * 2


@pytest.mark.parametrize(("local", "client"), [(("", ""), "198.51.100.1"), (("192.0.2.2", "8000"), "")])
def test_a_peer_without_a_name_is_a_unix_socket_only_if_our_end_is_one(house, local, client):
    """A TCP peer that has left before it was asked for its name has none either."""
    proxies = Proxies(["unix:"])
    house.site.proxies, house.site.proxied = proxies, HeadParser(HeadLimits(8190, 100, 8190), proxies)
    house.wire.peer, house.wire.local = ("", ""), local
    house.receive(asked("198.51.100.1"))
    assert [entry.client for entry in house.log.entries] == [client]
