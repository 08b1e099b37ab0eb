"""One connection, stepped: every request gets its reply, side by side, and nothing stays behind."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from itertools import zip_longest

import pytest
from attrs import evolve
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    InformationalResponseReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from hyperframe.frame import (
    DataFrame,
    GoAwayFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given
from hypothesis import strategies as some
from zope.interface.verify import verifyObject

from tests.unit.http2.conftest import POST, REQUEST, Http2House, Peer, Raw, goaway, later, resets
from wsgicontainer.connections.overflow import Room
from wsgicontainer.http2 import connection as http2_connection
from wsgicontainer.http2.frames import PREFACE
from wsgicontainer.interfaces import IOpenConnection, ISuccessor
from wsgicontainer.wsgi.environ import environ_for

PLAIN = [("Content-Type", "text/plain")]


def codes(house):
    return [entry.code for entry in house.log.entries]


def test_it_keeps_its_interface(house):
    verifyObject(IOpenConnection, house.connection)
    verifyObject(ISuccessor, house.connection)


# --- Requests and replies ---


def test_a_request_gets_its_reply(house, peer):
    stream = peer.ask()
    peer.exchange()
    fields, content, ended = peer.reply(stream)
    assert (fields[":status"], fields["content-type"], fields["content-length"]) == ("200", "text/plain", "0")
    assert fields["server"] == "test" and "date" in fields
    assert (content, ended) == (b"", True)
    assert house.log.lines == ["192.0.2.1 GET /a HTTP/2 -"]
    assert not house.owned and not house.connection.streams


def test_content_comes_and_goes(house, peer):
    stream = peer.ask(POST, b"some content")
    peer.exchange()
    assert peer.reply(stream)[1:] == (b"some content", True)
    assert house.responder.seen == [("POST", "/a", b"some content")]


def test_streams_run_side_by_side_and_are_answered_in_any_order(house, peer):
    first, second = peer.ask(POST, b"one"), peer.ask(POST, b"two")
    peer.exchange(work=False)
    assert len(house.threads.jobs) == 2
    house.threads.jobs.pop().run()
    peer.exchange(work=False)
    assert peer.reply(second)[1:] == (b"two", True)
    assert peer.reply(first)[2] is False
    house.work()
    peer.exchange()
    assert peer.reply(first)[1:] == (b"one", True)


def test_the_same_request_again_has_an_environ_of_its_own(house, peer):
    environs = []
    house.responder.answer = lambda exchange: environs.append(environ_for(exchange)) or house.responder.echo(exchange)
    for _ in range(2):
        peer.ask([*REQUEST, ("cookie", "a=1"), ("x-y", "z"), ("cookie", "b=2")])
        peer.exchange()
    one, other = environs
    assert one["HTTP_COOKIE"] == other["HTTP_COOKIE"] == "a=1; b=2"
    assert one["SERVER_PROTOCOL"] == "HTTP/2" and one["HTTP_HOST"] == "h" and one["HTTP_X_Y"] == "z"
    assert one["wsgicontainer.disconnected"] != other["wsgicontainer.disconnected"]
    assert not any(name.startswith(":") for name in one)


def test_a_reply_to_head_has_no_content(house, peer):
    house.responder.answer = lambda exchange: exchange.reply(exchange.prepare("200 OK", PLAIN), b"abc")
    stream = peer.ask([(":method", "HEAD"), *REQUEST[1:]])
    peer.exchange()
    fields, content, ended = peer.reply(stream)
    assert (fields["content-length"], content, ended) == ("3", b"", True)


@pytest.mark.parametrize(("status", "length"), [("204 No Content", None), ("304 Not Modified", None)])
def test_replies_without_content(house, peer, status, length):
    house.responder.answer = lambda exchange: exchange.reply(exchange.prepare(status, PLAIN), b"")
    stream = peer.ask()
    peer.exchange()
    fields, content, ended = peer.reply(stream)
    assert (fields.get("content-length"), content, ended) == (length, b"", True)


def test_a_reply_in_pieces(house, peer):
    def answer(exchange):
        exchange.start(exchange.prepare("200 OK", [*PLAIN, ("Connection", "close"), ("Set-Cookie", "a=b")]))
        exchange.write(b"one ")
        exchange.write(b"two")
        exchange.finish()

    house.responder.answer = answer
    stream = peer.ask()
    peer.exchange()
    fields, content, ended = peer.reply(stream)
    assert "connection" not in fields and "transfer-encoding" not in fields and fields["set-cookie"] == "a=b"
    assert (content, ended) == (b"one two", True)


def test_a_file_is_sent_in_pieces(house, peer):
    content = os.urandom(50_000)

    def answer(exchange):
        with tempfile.TemporaryFile() as file:
            file.write(b"not this" + content)
            file.flush()
            exchange.reply_file(exchange.prepare("200 OK", PLAIN), os.dup(file.fileno()), 8, len(content))

    house.responder.answer = answer
    before = len(os.listdir("/proc/self/fd"))
    stream = peer.ask()
    peer.exchange()
    fields, got, ended = peer.reply(stream)
    assert (got, ended, fields["content-length"]) == (content, True, "50000")
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_file_that_became_shorter_resets_its_stream(house, peer):
    def answer(exchange):
        with tempfile.TemporaryFile() as file:
            file.write(b"abc")
            file.flush()
            exchange.reply_file(exchange.prepare("200 OK", PLAIN), os.dup(file.fileno()), 0, 10)

    house.responder.answer = answer
    stream = peer.ask()
    reset = [event for event in peer.exchange() if isinstance(event, StreamReset)]
    assert [(event.stream_id, event.error_code) for event in reset] == [(stream, ErrorCodes.INTERNAL_ERROR)]
    assert not house.connection.streams


def test_early_hints(house, peer):
    def answer(exchange):
        exchange.early_hints([("Link", "</a>; rel=preload")])
        house.responder.echo(exchange)

    house.responder.answer = answer
    stream = peer.ask()
    hints = [event for event in peer.exchange() if isinstance(event, InformationalResponseReceived)]
    assert [dict(event.headers) for event in hints] == [{":status": "103", "link": "</a>; rel=preload"}]
    assert peer.reply(stream)[2]


def test_100_continue(house, peer):
    stream = peer.ask([*POST, ("expect", "100-continue")], end=False)
    # Nothing of the content has come yet.
    told = [event for event in peer.exchange() if isinstance(event, InformationalResponseReceived)]
    assert [dict(event.headers)[":status"] for event in told] == ["100"]
    peer.h2.send_data(stream, b"abc", end_stream=True)
    peer.exchange()
    assert peer.reply(stream)[1] == b"abc"


def test_trailers_in_are_dropped(house, peer):
    stream = peer.ask(POST, b"abc", end=False)
    peer.h2.send_headers(stream, [("x-checksum", "1")], end_stream=True)
    peer.exchange()
    assert peer.reply(stream)[1:] == (b"abc", True)


# --- What goes wrong in the application ---


def test_an_application_that_fails_at_first_is_500(house, peer):
    house.responder.answer = lambda exchange: exchange.fail("raised")
    stream = peer.ask()
    peer.exchange()
    fields, _, ended = peer.reply(stream)
    assert (fields[":status"], ended) == ("500", True)


def test_an_application_that_fails_later_resets_its_stream_and_no_other(house, peer):
    def answer(exchange):
        exchange.start(exchange.prepare("200 OK", [*PLAIN, ("Content-Length", "10")]))
        exchange.write(b"abc")
        exchange.fail("raised")

    house.responder.answer = answer
    stream = peer.ask()
    events = peer.exchange()
    assert [event.error_code for event in events if isinstance(event, StreamReset)] == [ErrorCodes.INTERNAL_ERROR]
    assert not any(isinstance(event, StreamEnded) for event in events)
    house.responder.answer = house.responder.echo
    other = peer.ask()
    peer.exchange()
    assert peer.reply(other)[2] and stream != other and not house.connection.streams


def test_a_full_queue_is_503_on_that_stream(house, peer):
    house.threads.full = True
    stream = peer.ask()
    peer.exchange()
    fields, _, ended = peer.reply(stream)
    assert (fields[":status"], fields["retry-after"], ended) == ("503", "1", True)
    house.threads.full = False
    stream = peer.ask()
    peer.exchange()
    assert peer.reply(stream)[0][":status"] == "200"


# --- What goes wrong in requests ---


def refused(house, peer, fields, *, end=True):
    stream = peer.ask(fields, end=end)
    peer.exchange()
    assert not house.connection.streams and not house.wire.closed
    return peer.reply(stream)[0].get(":status")


def test_limits_are_told_on_their_stream(house, peer):
    """A field too long, too many of them, a path too long, content too long: the connection goes on."""
    assert refused(house, peer, [*REQUEST, *((f"x-{number}", "") for number in range(101))]) == "431"
    assert refused(house, peer, [*REQUEST, ("x", "y" * 3000)]) == "431"
    assert refused(house, peer, [*POST, ("content-length", "1001")], end=False) == "413"
    assert refused(house, peer, [*REQUEST, ("expect", "more")]) == "417"
    assert refused(house, peer, REQUEST) == "200"
    assert codes(house) == [431, 431, 413, 417, 200]
    assert all("HTTP/2" in line for line in house.log.lines)


def test_content_beyond_the_limit_is_413_and_the_rest_is_not_wanted(house, peer):
    stream = peer.ask(POST, b"x" * 1001, end=False)
    events = peer.exchange()
    assert peer.reply(stream)[0][":status"] == "413"
    assert [event.error_code for event in events if isinstance(event, StreamReset)] == [ErrorCodes.NO_ERROR]
    assert not house.connection.streams


def test_content_that_stops_is_408(house, peer):
    stream = peer.ask(POST, b"abc", end=False)
    peer.exchange()
    house.connection.expire(later(10))
    house.connection.expire(later(100))
    peer.exchange()
    assert peer.reply(stream)[0][":status"] == "408"


@pytest.mark.parametrize(
    "fields",
    [
        [(":method", "GET"), (":scheme", "http"), (":authority", "h")],
        [*REQUEST, ("connection", "close")],
        [*REQUEST, ("te", "gzip")],
        [*REQUEST, ("X-Upper", "a")],
        [*REQUEST, ("x", " a")],
        [*REQUEST, ("x", "a\nHost: b")],
        [*REQUEST, ("x\ny", "a")],
        [("x", "y"), *REQUEST],
        [*REQUEST, (":path", "/b")],
        [*REQUEST, (":what", "b")],
        [(":method", "GET"), (":scheme", "http"), (":path", "http://h/"), (":authority", "h")],
        [*REQUEST, ("content-length", "3")],
    ],
)
def test_malformed_requests_reset_their_stream(house, raw, fields):
    assert resets(raw.send(raw.headers(1, fields))) == {1: ErrorCodes.PROTOCOL_ERROR}
    assert house.responder.seen == [] and codes(house) == [400]
    assert not house.connection.streams
    raw.send(raw.headers(3))
    assert house.responder.seen == [("GET", "/a", b"")]


def test_authority_and_host_that_differ_are_400(house, peer):
    assert refused(house, peer, [*REQUEST, ("host", "other")]) == "400"
    assert refused(house, peer, [*REQUEST, ("host", "H")]) == "200"
    assert refused(house, peer, [(":method", "GET"), (":scheme", "http"), (":path", "/"), ("host", "h")]) == "200"


@pytest.mark.parametrize("content", [b"ab", b"abcd"])
def test_content_that_is_not_as_long_as_announced_resets_its_stream(house, raw, content):
    fields = [*POST, ("content-length", "3")]
    raw.send(raw.headers(1, fields, "END_HEADERS"))
    assert resets(raw.send(DataFrame(1, content, flags=["END_STREAM"]))) == {1: ErrorCodes.PROTOCOL_ERROR}
    assert house.responder.seen == []


def test_more_streams_than_agreed_are_refused(house, peer):
    streams = [peer.ask() for _ in range(12)]
    events = peer.exchange(work=False)
    assert [(event.stream_id, event.error_code) for event in events if isinstance(event, StreamReset)] == [
        (stream, ErrorCodes.REFUSED_STREAM) for stream in streams[10:]
    ]
    house.work()
    peer.exchange()
    assert all(peer.reply(stream)[2] for stream in streams[:10])
    assert codes(house).count(503) == 2


def test_resets_do_not_make_room_for_more_and_more_work(house, peer):
    """Those that were reset still wait in the queue: twice the bound, and no more."""
    streams = []
    for _ in range(30):
        streams.append(peer.ask())
        peer.h2.reset_stream(streams[-1])
        peer.exchange(work=False)
    assert len(house.threads.jobs) == len(house.connection.streams) == 20
    house.work()
    assert house.responder.seen == [] and house.connection.streams == {}
    assert codes(house).count(503) == 10


def test_a_quick_client_may_open_the_next_stream_before_the_last_ones_thread_is_done(house, peer):
    seen = []

    def answer(exchange):
        house.responder.echo(exchange)
        peer.exchange(work=False)
        if len(seen) < 11:
            seen.append(peer.ask())
            peer.exchange(work=False)

    house.responder.answer = answer
    for _ in range(10):
        peer.ask()
    peer.exchange()
    assert all(peer.reply(stream)[2] for stream in range(1, 43, 2))


# --- Windows ---


def test_a_closed_window_blocks_one_stream_only(house, peer):
    big = b"x" * 5000
    house.responder.answer = lambda exchange: exchange.reply(
        exchange.prepare("200 OK", PLAIN), big if exchange.request.target == "/big" else b"small"
    )
    peer.h2.update_settings({4: 1000})
    peer.exchange()
    one = peer.ask([(":method", "GET"), (":scheme", "http"), (":path", "/big"), (":authority", "h")])
    peer.exchange()
    other = peer.ask()
    peer.exchange()
    assert len(peer.reply(one)[1]) == 1000
    assert peer.reply(other)[1:] == (b"small", True)
    peer.events.clear()
    peer.h2.increment_flow_control_window(4000, one)
    peer.exchange()
    assert peer.reply(one)[1:] == (big[1000:], True)


def test_windows_open_as_content_is_taken(house, peer):
    house.site.limits = evolve(house.site.limits, most=10**7)
    came = []

    def answer(exchange) -> None:
        came.append(len(exchange.content.read()))
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"")

    house.responder.answer = answer
    stream = peer.ask(POST, end=False)
    events = []
    for _ in range(40):
        peer.h2.send_data(stream, b"x" * 16384)
        events += peer.exchange()
    assert {event.stream_id for event in events if isinstance(event, WindowUpdated)} == {0, stream}
    peer.h2.end_stream(stream)
    peer.exchange()
    assert came == [40 * 16384]


def test_nothing_more_is_put_together_while_the_wire_chokes(house, peer):
    house.responder.answer = lambda exchange: exchange.reply(exchange.prepare("200 OK", PLAIN), b"x" * 9000)
    peer.exchange()
    house.wire.full = True
    for _ in range(5):
        peer.ask()
    house.wire.inbox.append(peer.h2.data_to_send())
    house.ring()
    assert sum(map(len, house.wire.kept)) < 20_000
    house.wire.full = False
    peer.exchange()
    assert sum(isinstance(event, StreamEnded) for event in peer.events) == 5


@given(
    some.lists(some.integers(1, 40_000), min_size=1, max_size=8),
    some.lists(some.sampled_from(["full", "free", "window", "other"]), max_size=8),
)
def test_pieces_arrive_whole_and_in_order(sizes, between):
    """Sent at once or in turns, with the wire full or not, windows open or not, beside another stream or not."""
    house = Http2House(budget=10**7)
    peer = Peer(house)
    plainly = house.responder.answer
    pieces = [bytes([65 + number]) * size for number, size in enumerate(sizes)]

    def more(window: bool) -> None:
        if window:
            peer.h2.increment_flow_control_window(50_000, stream)
            peer.h2.increment_flow_control_window(50_000)
        else:
            peer.ask()
        house.wire.inbox.append(peer.h2.data_to_send())
        house.ring(work=False)

    happen = {
        "full": lambda: setattr(house.wire, "full", True),
        "free": lambda: setattr(house.wire, "full", False),
        "window": lambda: more(window=True),
        "other": lambda: more(window=False),
    }

    def answer(exchange):
        house.responder.answer = plainly
        exchange.start(exchange.prepare("200 OK", PLAIN))
        for piece, event in zip_longest(pieces, between[: len(pieces)]):
            exchange.write(piece)
            happen.get(event, bool)()
        exchange.finish()

    house.responder.answer = answer
    stream = peer.ask()
    peer.exchange()
    house.wire.full = False
    while not peer.reply(stream)[2]:  # which opens the windows, too
        assert peer.exchange(), "it has stopped"
    assert peer.reply(stream)[1] == b"".join(pieces)


# --- Resets, and other ends ---


def test_a_reset_before_its_turn_is_never_run(house, peer):
    stream = peer.ask()
    peer.exchange(work=False)
    peer.h2.reset_stream(stream, ErrorCodes.CANCEL)
    peer.exchange(work=False)
    assert len(house.threads.jobs) == len(house.connection.streams) == 1
    house.work()
    assert house.responder.seen == [] and codes(house) == [499]
    assert not house.connection.streams


def test_an_application_sees_a_reset(house, peer):
    seen = []

    def answer(exchange):
        environ = environ_for(exchange)
        seen.append(environ["wsgicontainer.disconnected"]())
        peer.h2.reset_stream(stream, ErrorCodes.CANCEL)
        peer.exchange(work=False)
        seen.append(environ["wsgicontainer.disconnected"]())
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"nobody reads it")

    house.responder.answer = answer
    stream = peer.ask()
    peer.exchange()
    assert seen == [False, True]
    assert not house.connection.streams and not house.owned


def test_a_request_whose_content_is_reset_leaves_nothing(house, peer):
    stream = peer.ask(POST, b"abc", end=False)
    peer.exchange()
    peer.h2.reset_stream(stream)
    peer.exchange()
    assert not house.connection.streams and codes(house) == [499]


def test_a_client_that_leaves_ends_everything(house, peer):
    peer.ask(), peer.ask(POST, b"a", end=False)
    peer.exchange(work=False)
    house.end()
    assert house.wire.closed and house.roll.open == []
    assert house.connection.streams == {} and sorted(codes(house)) == [499, 499]


def test_a_wire_that_closes_late(house, peer):
    house.wire.close_at_once = False
    peer.exchange()
    house.end()
    assert house.roll.open
    house.wire.lost = True
    house.ring()
    assert house.roll.open == []


def test_a_goaway_of_the_client_lets_its_streams_finish(house, raw):
    raw.send(raw.headers(1), work=False)
    raw.send(GoAwayFrame(0), work=False)
    assert not house.wire.closed
    house.work()
    frames = raw.heard()
    assert [type(frame).__name__ for frame in frames] == ["HeadersFrame", "DataFrame"] or frames[-1].flags
    house.end()
    assert house.wire.closed


def test_an_idle_connection_closes_after_keep_alive(house, peer):
    peer.ask()
    peer.exchange()
    house.connection.expire(later(0))
    house.connection.expire(later(70))
    assert not house.wire.output_ended
    house.connection.expire(later(80))
    assert house.wire.output_ended
    assert any(isinstance(event, ConnectionTerminated) for event in peer.exchange())


def test_keep_alive_does_not_run_while_a_stream_works(house, peer):
    peer.ask()
    peer.exchange(work=False)
    for seconds in (0, 100, 1000, 10_000):
        house.connection.expire(later(seconds))
    assert not house.wire.output_ended
    house.work()
    peer.exchange()
    assert any(isinstance(event, StreamEnded) for event in peer.events)


def test_a_connection_that_never_asks_is_closed_after_header_timeout(house):
    house.connection.expire(later(40))
    assert house.wire.output_ended


def test_a_head_that_drips_is_no_reason_to_stay(house, raw):
    raw.send(raw.headers(1))
    house.connection.expire(later(0))
    raw.send(raw.headers(3).serialize()[:12])
    house.connection.expire(later(40))
    assert house.wire.output_ended


def test_a_drain_warns_then_tells_the_last_stream_and_finishes_it(house, raw, monkeypatch):
    raw.send(raw.headers(1), work=False)
    house.connection.leave(True)
    assert [(frame.last_stream_id, frame.error_code) for frame in raw.heard()] == [(2**31 - 1, 0)]
    raw.send(raw.headers(3), work=False)
    house.connection._warned -= 1
    house.connection.leave(True)
    house.connection.leave(True)
    assert [(frame.last_stream_id, frame.error_code) for frame in raw.heard()] == [(3, 0)]
    assert resets(raw.send(raw.headers(5), work=False)) == {5: ErrorCodes.REFUSED_STREAM}
    assert not house.wire.output_ended
    house.work()
    assert [frame.stream_id for frame in raw.heard() if "END_STREAM" in frame.flags] == [1, 3]
    assert house.wire.output_ended


def test_newcomers_get_the_place_of_an_idle_connection(house, peer):
    peer.exchange()
    assert house.connection.make_room()
    busy = Http2House()
    other = Peer(busy)
    other.ask()
    other.exchange(work=False)
    assert not busy.connection.make_room()


def test_a_connection_is_cut(house):
    house.connection.cut()
    assert house.wire.was_cut


# --- What may not be ---


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorCodes.PROTOCOL_ERROR),
        (PREFACE + PingFrame(0, b"12345678").serialize(), ErrorCodes.PROTOCOL_ERROR),
        (PREFACE + SettingsFrame(0).serialize() + b"\x00\x40\x01\x00\x00\x00\x00\x00\x01", ErrorCodes.FRAME_SIZE_ERROR),
        (PREFACE + SettingsFrame(0).serialize() + RstStreamFrame(1).serialize(), ErrorCodes.PROTOCOL_ERROR),
    ],
)
def test_what_is_no_http2_ends_with_a_goaway(house, octets, code, logged_events):
    raw = Raw(house, begin=False)
    assert goaway(raw.send(octets)) == code
    assert house.wire.output_ended and sum(house.shared.ended.values()) == 1
    assert len(logged_events) == 1
    raw.send(PREFACE, SettingsFrame(0), raw.headers(1))
    assert house.responder.seen == []
    house.end()
    assert house.wire.closed


def flood(raw, frames, most=100_000):
    """Send frames until a GOAWAY comes; return its code, and how many it took."""
    for count in range(most):
        code = goaway(raw.send(next(frames), work=False))
        if code is not None:
            return code, count
    return None, most


def again(frame):
    while True:
        yield frame


def rapid_resets(raw):
    for number in range(1, 10_000, 2):
        yield raw.headers(number).serialize() + RstStreamFrame(number, 8).serialize()


def provoked(raw):
    for number in range(1, 10_000, 2):
        yield raw.headers(number).serialize() + WindowUpdateFrame(number, 2**31 - 1).serialize()


def malformed(raw):
    for number in range(1, 10_000, 2):
        yield raw.headers(number, [*REQUEST, ("te", "x")])


def continuations(raw):
    yield raw.headers(1, REQUEST, "END_STREAM")
    while True:
        yield raw.continuation(1)


def bomb(raw):
    raw.encoder.encode([("x", "y" * 3000)])
    yield raw.headers(1, [("x", "y" * 3000)] + [("x", "y" * 3000)] * 50)
    yield raw.headers(3, [("x", "y" * 3000)] * 50)


@pytest.mark.parametrize(
    "attack",
    [
        lambda raw: again(PingFrame(0, b"12345678")),
        lambda raw: again(SettingsFrame(0)),
        lambda raw: again(PriorityFrame(1, depends_on=0, stream_weight=1)),
        lambda raw: again(WindowUpdateFrame(0, 1)),
        lambda raw: again(b"\x00\x00\x00\xbe\x00\x00\x00\x00\x00"),
        rapid_resets,
        provoked,
        malformed,
        continuations,
        bomb,
    ],
    ids=["ping", "settings", "priority", "window", "unknown", "reset", "provoked", "malformed", "continuation", "bomb"],
)
def test_floods_end_with_a_goaway_and_leave_no_work(house, raw, attack, logged_events):
    code, count = flood(raw, attack(raw))
    assert code in (ErrorCodes.ENHANCE_YOUR_CALM, ErrorCodes.PROTOCOL_ERROR)
    assert count < 1500
    assert house.connection.streams == {} and len(house.threads.jobs) <= 20
    assert sum("HTTP/2 connection" in event.get("log_format", "") for event in logged_events) == 1
    house.work()
    assert house.responder.seen == []
    assert goaway(raw.send(PingFrame(0, b"12345678"), raw.headers(9999))) is None


def test_a_flood_of_empty_content_ends(house, raw):
    raw.send(raw.headers(1, POST, "END_HEADERS"))
    code, count = flood(raw, again(DataFrame(1)))
    assert (code, house.connection.streams) == (ErrorCodes.ENHANCE_YOUR_CALM, {}) and count < 1500


@contextmanager
def reading_slowly(window):
    house = Http2House(budget=100_000)
    house.responder.answer = lambda exchange: exchange.reply(exchange.prepare("200 OK", PLAIN), b"x" * 50_000)
    raw = Raw(house, begin=False)
    raw.send(PREFACE, SettingsFrame(0, settings={4: window}), raw.headers(1))
    raw.heard()
    yield house, raw


def test_a_window_of_zero_ends_the_connection_after_send_timeout():
    with reading_slowly(0) as (house, raw):
        for seconds in (1, 30, 59, 90):
            house.connection.expire(later(seconds))
        assert goaway(raw.heard()) == ErrorCodes.ENHANCE_YOUR_CALM
        assert house.connection.streams == {}


def test_a_window_that_drips_does_too():
    with reading_slowly(1) as (house, raw):
        for seconds in range(0, 90, 10):
            raw.send(WindowUpdateFrame(1, 1))
            house.connection.expire(later(seconds))
        assert house.wire.output_ended


def test_a_slow_reader_that_takes_some_is_waited_for():
    with reading_slowly(1) as (house, raw):
        for seconds in range(0, 200, 10):
            raw.send(WindowUpdateFrame(1, 1000))
            house.connection.expire(later(seconds))
        assert not house.wire.output_ended


def test_one_stream_that_takes_nothing_is_reset_while_others_go_on():
    with reading_slowly(1) as (house, raw):
        raw.send(raw.headers(3))
        said = []
        for seconds in range(0, 100, 10):
            said += raw.send(WindowUpdateFrame(3, 1500))
            house.connection.expire(later(seconds))
        assert resets([*said, *raw.heard()]) == {1: ErrorCodes.CANCEL}
        assert not house.wire.output_ended


def test_a_wire_that_takes_nothing_is_reset(house, peer):
    peer.exchange()
    house.wire.full = True
    peer.ask()
    house.wire.inbox.append(peer.h2.data_to_send())
    house.ring()
    for seconds in (1, 40, 90):
        house.connection.expire(later(seconds))
    assert house.wire.closed and house.wire.reset and house.connection.streams == {}


@pytest.mark.parametrize("size", [0, 100, 4096, 2**31])
def test_we_keep_no_table_whatever_the_peer_allows(house, peer, size):
    peer.h2.update_settings({1: size})
    peer.exchange()
    for _ in range(3):
        stream = peer.ask()
        peer.exchange()
        assert peer.reply(stream)[0][":status"] == "200"
        peer.h2.update_settings({1: size + 1})
    assert list(peer.h2.decoder.header_table.dynamic_entries) == []


def test_padding_is_no_content(house, raw):
    raw.send(raw.headers(1, POST, "END_HEADERS"))
    raw.send(DataFrame(1, b"abc", pad_length=10, flags=["END_STREAM", "PADDED"]))
    assert house.responder.seen == [("POST", "/a", b"abc")]


def test_a_responder_that_fails_is_told(house, peer):
    def answer(exchange):
        raise ValueError("a mistake")

    house.responder.answer = answer
    stream = peer.ask()
    assert any(isinstance(event, ResponseReceived) for event in peer.exchange())
    assert peer.reply(stream)[0][":status"] == "500"


def test_a_turn_that_ends_before_the_reply_does_goes_on(house, peer):
    """The wire has taken all, so room is no news to it: the connection asks for another look all the same."""
    house.wire.noticed = lambda event: False
    house.shared.room = house.connection.room = Room(10_000_000, 5)
    house.responder.answer = lambda exchange: exchange.reply(exchange.prepare("200 OK", PLAIN), bytes(3_000_000))
    peer.h2.update_settings({4: 10_000_000})
    peer.h2.increment_flow_control_window(10_000_000)
    stream = peer.ask()
    house.wire.inbox.append(peer.h2.data_to_send())
    house.connection.noticed(house.wire.usual)
    house.work()
    for _ in range(10):
        house.connection.noticed(4)
    assert len(house.take()) > 3_000_000 and stream == 1
    assert not house.connection.streams


# --- What a hostile review has found ---


def test_a_section_that_comes_again_means_what_the_table_says_now(house, raw):
    """A table that was turned over whole may look as before: as long, and its first entry at the same address."""
    raw.encoder = _Literal()
    for stream in range(1, 160, 8):
        first, last = f"alice{stream}", f"bob{stream}"
        seen = []
        house.responder.answer = lambda exchange, seen=seen: (
            seen.append(exchange.request.fields.get("HTTP_X_USER")),
            exchange.reply(exchange.prepare("200 OK", PLAIN), b""),
        )
        raw.send(raw.headers(stream, [_EMPTY, ("x-user", first)]))
        raw.send(raw.headers(stream + 2, [62]))
        raw.send(raw.headers(stream + 4, [_EMPTY, ("x-user", last)]))
        raw.send(raw.headers(stream + 6, [62]))
        assert seen == [first, first, last, last]


_EMPTY = b"\x20\x3f\xe1\x1f"
"""Makes the table hold nothing, then 4,096 octets again (RFC 7541 section 6.3)."""


class _Literal:
    """Encodes by hand: pairs are put into the table, numbers are looked up there; octets come first."""

    def encode(self, fields):
        block = b"\x82\x86\x84" + b"\x01\x01h"  # GET http / h
        for field in fields:
            if isinstance(field, bytes):
                block = field + block
            elif isinstance(field, int):
                block += bytes([0x80 | field])
            else:
                name, value = (each.encode() for each in field)
                block += b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value
        return block


def test_malformed_trailers_of_a_refused_request_harm_nobody(house, raw, no_traceback):
    innocent = raw.headers(1)
    raw.send(innocent, work=False)
    refused = raw.headers(3, [*POST, ("content-length", "99999")], "END_HEADERS")
    trailers = raw.headers(3, [(":path", "/")])
    raw.send(refused.serialize() + trailers.serialize(), work=False)
    house.work()
    frames = raw.heard()
    assert goaway(frames) is None
    assert codes(house) == [413, 200]


@pytest.mark.parametrize("kind", ["content", "heads"])
def test_frames_on_a_stream_that_is_over_are_not_free(house, raw, kind):
    """Nothing but an answer comes of them."""
    raw.send(raw.headers(1, POST, "END_HEADERS"))
    raw.send(RstStreamFrame(1, 8))
    frames = []
    for _ in range(1200):
        frames += raw.send(DataFrame(1, b"x" * 64) if kind == "content" else raw.headers(1))
        if goaway(frames) is not None:
            break
    assert goaway(frames) == ErrorCodes.ENHANCE_YOUR_CALM


def test_many_small_frames_are_read_a_slice_at_a_time(house, raw, monkeypatch):
    """What came with them is not lost: it is read at once, or after others have had their turn."""
    monkeypatch.setattr(http2_connection, "_SLICE", 100)
    pings = b"".join(PingFrame(0, opaque_data=b"12345678").serialize() for _ in range(500))
    house.wire.inbox.append(pings + raw.headers(1).serialize())
    house.connection.noticed(1)
    assert house.wire.look, "500 frames are more than a turn"
    house.ring()
    assert codes(house) == [200]


def test_streams_of_all_connections_share_a_bound():
    """Each connection may have one; beyond that, as many as there is room left for."""
    house = Http2House(streams=10, most=6)
    raw = Raw(house)
    frames = []
    for stream in range(1, 20, 2):
        frames += raw.send(raw.headers(stream), work=False)
    assert len(house.connection.streams) == 3
    assert set(resets(frames).values()) == {ErrorCodes.REFUSED_STREAM}
    assert goaway(frames) is None
    house.work()
    raw.heard()
    assert not house.shared.open
    raw.send(raw.headers(21))
    assert codes(house).count(200) == 4


def test_no_stream_is_counted_once_its_connection_has_ended(house, raw):
    for stream in (1, 3, 5):
        raw.send(raw.headers(stream, POST, "END_HEADERS"))
    assert len(house.shared.open) == 3
    house.end()
    assert not house.shared.open


def test_an_owner_is_not_kept_for_ever_by_others_word(house, peer):
    """After some passes it lets go, and the connection is rung."""
    connection = house.connection
    passes = 0

    def settle() -> None:
        nonlocal passes
        passes += 1
        if passes < 1000:
            connection._own.word = True

    step = connection.step
    connection.step = lambda self: (step(self), settle())
    connection.noticed(1)
    assert passes < 100
    assert house.wire.look and not house.owned
