"""What a peer sends after the last reply is dropped, a turn at a time, until it ends."""

from __future__ import annotations

from tests.unit.http.conftest import MemoryWire
from wsgicontainer.http.parting import discard, patience


def test_what_comes_is_dropped_until_the_peer_ends():
    wire = MemoryWire()
    wire.inbox.extend([b"a", b"b"])
    assert not discard(wire, 5)
    assert not wire.inbox
    assert not wire.look  # the next octets bring an event
    wire.reading_ends = True
    assert discard(wire, 5)


def test_a_fast_sender_lets_the_others_have_their_turn():
    wire = MemoryWire()
    wire.inbox.extend([b"a"] * 6)
    assert not discard(wire, 5)
    assert (len(wire.inbox), wire.look) == (1, True)


def test_a_server_on_its_way_out_is_less_patient():
    assert 0 < patience(draining=True) < patience(draining=False)
