"""Content on its way: the exchange has it once it is whole, with its length; what can't be kept is 507."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import pytest
from attrs import evolve

from wsgicontainer.errors import PeerError
from wsgicontainer.http.arrival import Arrival
from wsgicontainer.http.content import NOTHING
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.head import CHUNKED
from wsgicontainer.http.site import Clocks, ContentLimits
from wsgicontainer.messages import Request

LIMITS = ContentLimits(most=10, in_memory=4, head=100)


def expecting(length: int, fields: dict[str, str] | None = None) -> Arrival:
    exchange = Exchange()
    exchange.request = Request("POST", "/", "/", "", "HTTP/1.1", fields or {}, environ={"a": "b"})
    return Arrival(exchange, length, LIMITS)


@pytest.mark.parametrize(("length", "octets"), [(7, b"abcdefg"), (CHUNKED, b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n")])
def test_the_exchange_has_its_content_once_it_is_whole(length, octets):
    arrival = expecting(length)
    for at in range(len(octets) - 1):
        assert arrival.feed(octets[at : at + 1]) is None
    assert arrival.exchange.content is NOTHING
    assert arrival.feed(octets[-1:] + b"GET") == b"GET"
    with arrival.exchange.content as file:
        assert file.read() == b"abcdefg"


def test_chunked_content_gets_its_length_in_a_request_of_its_own():
    """The head's own may be shared by the next request."""
    arrival = expecting(CHUNKED, {"HTTP_HOST": "h"})
    before = arrival.exchange.request
    assert arrival.feed(b"2\r\nab\r\n0\r\n\r\n") == b""
    assert arrival.exchange.request.fields == {"HTTP_HOST": "h", "CONTENT_LENGTH": "2"}
    assert arrival.exchange.request.environ is None
    assert (before.fields, before.environ) == ({"HTTP_HOST": "h"}, {"a": "b"})


def test_an_announced_length_leaves_the_request_alone():
    arrival = expecting(2, {"CONTENT_LENGTH": "2"})
    before = arrival.exchange.request
    assert arrival.feed(b"ab") == b""
    assert arrival.exchange.request is before


@pytest.mark.parametrize(("octets", "status"), [(b"x\r\n", "400"), (b"b\r\n", "413")])
def test_what_the_framing_refuses_never_reaches_the_exchange(octets, status):
    arrival = expecting(CHUNKED)
    with pytest.raises(PeerError) as refused:
        arrival.feed(octets)
    assert refused.value.status.startswith(status)
    assert arrival.exchange.content is NOTHING
    arrival.drop()


@contextmanager
def full_disk():
    """Let no file grow beyond nothing, only for as long as it takes: pytest's own output may be a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_507_and_what_came_can_be_dropped():
    """It shows on the last look only: files keep some in memory."""
    arrival = expecting(8)
    with full_disk(), pytest.raises(PeerError) as refused:
        arrival.feed(b"abcdefgh")
    assert refused.value.status.startswith("507")
    arrival.drop()


def test_content_that_trickles_has_its_end():
    """Each piece renews the clock, but all together must keep a pace; without a rate only pauses count."""
    clocks = Clocks(header=30, body=60, keep_alive=75, send=60, queue=30, body_rate=10)
    arrival = expecting(9)
    arrival.feed(b"abc")
    assert arrival.deadline(100.0, clocks) == 160.0
    assert arrival.deadline(105.0, clocks) == 160.3, "3 octets are worth 0.3 s"
    arrival.feed(b"defg")
    assert arrival.deadline(105.0, clocks) == 160.7
    assert arrival.deadline(105.0, evolve(clocks, body_rate=0)) == 165.0
    assert arrival.deadline(105.0, evolve(clocks, body_rate=1)) == 165.0, "as long as it is fast enough, pauses count"
    arrival.drop()
