"""What slow peers have not taken goes to disk, in order, within a bound, and every octet of room comes back."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from wsgicontainer.connections import overflow
from wsgicontainer.connections.outgoing import FilePiece
from wsgicontainer.connections.overflow import FAST, FAST_RATE, PROVEN, Disk, Overflow, Pace, Room
from wsgicontainer.errors import PeerGone


def content(unsent: deque[Any]) -> bytes:
    """Read what a wire would send, without taking it."""
    return b"".join(
        os.pread(piece.descriptor, piece.count, piece.offset) if isinstance(piece, FilePiece) else piece
        for piece in unsent
    )


def close(unsent: deque[Any]) -> None:
    for piece in unsent:
        if isinstance(piece, FilePiece):
            piece.close()
    unsent.clear()


@given(
    some.lists(some.lists(some.binary(min_size=1, max_size=9), max_size=5), max_size=5),
    some.integers(0, 60),
    some.sampled_from([1, 4, inf]),
)
def test_order_and_bound(rounds, most, part):
    """Whatever is kept, and however much of it has room on disk or goes there at once: the same octets, in order."""
    disk, unsent, all_of_it = Disk(most), deque[Any](), b""
    for pieces in rounds:
        for piece in pieces:
            unsent.append(memoryview(piece))
            all_of_it += piece
        in_memory = sum(len(piece) for piece in unsent if not isinstance(piece, FilePiece))
        moved = disk.relieve(unsent, part)
        assert moved <= part
        assert in_memory - moved == sum(len(piece) for piece in unsent if not isinstance(piece, FilePiece))
        assert sum(piece.count for piece in unsent if isinstance(piece, FilePiece)) <= most
        assert content(unsent) == all_of_it
    close(unsent)
    assert disk.take(most), "room was lost"


def test_one_file_grows_while_its_beginning_is_sent():
    disk, unsent = Disk(100), deque[Any]([b"abc"])
    assert disk.relieve(unsent) == 3
    (piece,) = unsent
    piece.offset, piece.count = 2, 1  # as sending does
    unsent.append(b"def")
    assert disk.relieve(unsent) == 3
    assert list(unsent) == [piece]
    assert content(unsent) == b"cdef"
    close(unsent)


def test_room_for_what_a_peer_has_taken_comes_back(monkeypatch):
    """A reply without end, whose peer is never quite through with it, keeps no more room than it needs."""
    monkeypatch.setattr(overflow, "LONG", 6)
    disk, unsent = Disk(20), deque[Any]()
    for _ in range(100):
        unsent.append(b"abc")
        assert disk.relieve(unsent) == 3, "no room, with 6 octets unsent"
        unsent[0].offset += 1
        unsent[0].count -= 1
        if sum(piece.count for piece in unsent) > 6:
            unsent[0].offset += 2
            unsent[0].count -= 2
        if not unsent[0].count:
            unsent.popleft().close()
    close(unsent)
    assert disk.take(20) and disk.files == 0


def test_a_file_of_the_applications_own_is_not_written_to(tmp_path):
    path = tmp_path / "page"
    path.write_bytes(b"page")
    unsent: deque[Any] = deque([FilePiece(os.open(path, os.O_RDWR), 0, 4), b"more"])
    disk = Disk(100)
    assert disk.relieve(unsent) == 4
    assert content(unsent) == b"pagemore"
    assert path.read_bytes() == b"page"
    close(unsent)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_full_disk_keeps_it_in_memory():
    """And gives the room back that it did not need."""
    disk = Disk(100)
    piece = Overflow(os.open("/dev/full", os.O_RDWR), 0, 0, disk)
    unsent: deque[Any] = deque([piece, b"abc"])
    assert disk.relieve(unsent) == 0
    assert list(unsent) == [piece, b"abc"]
    close(unsent)
    assert disk.take(100)


def test_no_folder_for_files(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    disk, unsent = Disk(100), deque[Any]([b"abc"])
    assert disk.relieve(unsent) == 0
    assert list(unsent) == [b"abc"]
    assert disk.take(100)


def test_pace(monkeypatch):
    """A peer that takes nothing for its patience is gone; any progress, and any rest, gives it all of that again."""
    now = 100.0
    monkeypatch.setattr(overflow, "monotonic", lambda: now)
    disk = Disk(0)
    pace = Pace(Room(0, 10.0, disk))
    assert (pace.slow, pace.next_wait()) == (False, FAST)
    for progress, later in ((5, 0), (5, 9), (6, 9), (6, 9), (7, 9)):
        now += later
        pace.see(progress)
    now += 9
    pace.rest()
    now += 9
    pace.see(7)
    pace.waited = FAST / 2
    assert (pace.slow, pace.next_wait()) == (False, FAST / 2)
    disk.files = 1  # one more that is slow: each gets half
    assert (pace.slow, pace.next_wait()) == (True, 10.0)
    now += 10
    with pytest.raises(PeerGone, match="took nothing for 10 s"):
        pace.see(7)


def test_waits_are_earned_back():
    """A peer on a fast network is never slow, however long its replies are; who takes little meanwhile soon is."""
    pace = Pace(Room(0, 10.0))
    for _ in range(1000):
        pace.waits(FAST / 10, int(FAST_RATE * FAST / 10))
        assert not pace.slow
    for _ in range(20):
        pace.waits(FAST / 10, int(FAST_RATE * FAST / 20))
    assert pace.slow


def test_what_is_taken_while_nobody_waits_proves_nothing():
    """From the disk, or between two replies: that may have been in minutes."""
    pace = Pace(Room(0, 10.0))
    for progress in range(0, 10 * PROVEN, PROVEN):
        pace.waited = FAST / 2
        pace.see(progress)
    assert pace.waited == FAST / 2


def test_a_peer_proves_fast_by_a_mebibyte_that_it_takes_in_a_row():
    pace = Pace(Room(0, 10.0))
    within = PROVEN / FAST_RATE
    assert not pace.proves(5 * PROVEN, 100.0)  # nobody knows since when
    assert not pace.proves(6 * PROVEN - 1, 100.0 + within)
    assert pace.proves(6 * PROVEN, 100.0 + within)
    assert not pace.proves(6 * PROVEN, 100.0 + within), "each proof begins anew"


def test_a_peer_that_takes_as_much_slowly_proves_nothing():
    pace = Pace(Room(0, 10.0))
    rests = 1.01 * PROVEN / FAST_RATE
    assert not any(pace.proves(number * PROVEN, number * rests) for number in range(10))
    assert not any(pace.proves(number * 1000, number * 0.001) for number in range(10_000, 20_000))
