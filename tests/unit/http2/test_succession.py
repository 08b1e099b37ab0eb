"""How a connection becomes HTTP/2: by its first octets, from who may, or as TLS has agreed; others stay."""

from __future__ import annotations

from collections import deque

import pytest
from hyperframe.frame import SettingsFrame
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from tests.unit.http.conftest import House, MemoryRoll
from tests.unit.http2.conftest import Peer, goaway
from wsgicontainer.connections.overflow import Room
from wsgicontainer.http.forwarding import Proxies
from wsgicontainer.http2.connection import Connection
from wsgicontainer.http2.frames import ENHANCE_YOUR_CALM, PREFACE, PROTOCOL_ERROR, Fault
from wsgicontainer.http2.requests import Shared
from wsgicontainer.http2.succeeding import successor
from wsgicontainer.telemetry.sparing import PERIOD, Sparing

BEGIN = PREFACE + SettingsFrame(0).serialize()


class Front(House):
    """A site that speaks both, and a connection that has not said which."""

    def __init__(self, *, trusted: str = "192.0.2.1") -> None:
        super().__init__()
        self.site.proxies = Proxies([trusted])
        self.site.successor = successor(Shared(10, Room(10_000, 5), 1000))
        self.first = self.connection

    def ring(self, *, work: bool = True) -> House:
        heir = getattr(self.wire, "heir", None)
        if heir is not None:
            self.connection = heir[0].__self__
        return super().ring(work=work)

    def take(self) -> bytes:
        out, self.wire.out = self.wire.out, b""
        return out


def served(front: Front) -> bool:
    peer = Peer(front)
    stream = peer.ask()
    peer.exchange()
    return peer.reply(stream)[2]


def test_a_trusted_peer_begins_with_the_preface():
    front = Front()
    assert served(front)
    assert front.roll.open == [front.connection] and isinstance(front.connection, Connection)


@pytest.mark.parametrize("at", range(1, len(BEGIN)))
def test_however_it_is_cut(at):
    front = Front()
    front.receive(BEGIN[:at])
    front.receive(BEGIN[at:])
    assert isinstance(front.wire.heir[0].__self__, Connection)
    assert front.take().startswith(b"\0\0")


def test_its_place_on_the_roll_is_the_first_ones():
    """There are never two, which could close others for want of room, nor none, which could end a drain."""
    front = Front()
    seen = []
    front.roll.replace = lambda before, after: (
        seen.append((list(front.roll.open), before)),
        MemoryRoll.replace(front.roll, before, after),
    )
    front.receive(BEGIN)
    assert seen == [([front.first], front.first)]
    assert len(front.roll.open) == 1 and isinstance(front.roll.open[0], Connection)


def test_others_are_told_505():
    front = Front(trusted="198.51.100.1")
    assert front.receive(BEGIN).said().startswith(b"HTTP/1.1 505 ")


def test_tls_decides_by_alpn_and_not_by_trust():
    front = Front(trusted="198.51.100.1")
    front.wire.secure, front.wire.alpn = True, "h2"
    assert served(front)
    for agreed in ("http/1.1", "", None):
        other = Front()
        other.wire.secure, other.wire.alpn = True, agreed
        assert other.receive(BEGIN).said().startswith(b"HTTP/1.1 505 ")


def test_a_thousand_ends_are_two_lines():
    """Whoever attacks, again and again, fills no disk; the number of its attempts is told."""
    clock = Clock()
    shared = Shared(10, Room(10_000, 5), 1000, sparing=Sparing(clock.callLater, clock.seconds))
    with capturedLogs() as told:
        for number in range(1000):
            shared.tell(Fault(ENHANCE_YOUR_CALM, "a flood"), f"192.0.2.{number % 250}", 3)
        clock.advance(PERIOD)
    assert [event["log_format"].format(**event) for event in told] == [
        "HTTP/2 connection of 192.0.2.0 ended with error 11: a flood (3 streams)",
        "HTTP/2 connection of 192.0.2.249 ended with error 11: a flood (3 streams); so did 998 more that were not told",
    ]
    assert shared.ended[ENHANCE_YOUR_CALM] == 1000


def test_not_after_a_request():
    front = Front()
    front.receive(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").said()
    assert front.receive(BEGIN).said().startswith(b"HTTP/1.1 505 ")


def test_a_preface_that_goes_on_wrongly_is_a_goaway():
    front = Front()
    front.receive(PREFACE[:20] + b"XX\r\n")
    assert front.wire.out.endswith(bytes([0, 0, 0, PROTOCOL_ERROR]))


def test_a_late_event_for_the_first_connection_reaches_the_second():
    front = Front()
    front.receive(BEGIN)
    front.take()
    front.wire.inbox = deque([b"\0\0\x08\6\0\0\0\0\0" + b"12345678"])
    front.wire.drained = False
    front.first.ready()
    assert front.take().endswith(b"12345678")
    front.first.expire(10**9)
    front.first.leave(True)
    assert not front.first.make_room() and goaway([]) is None and not front.wire.closed
