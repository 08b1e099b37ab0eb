"""A file that waits to be sent is read piece by piece, and its descriptor comes back whatever happens."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from typing import Any

import pytest
from observing import is_open

from wsgicontainer.connections.outgoing import FilePiece, drop, read_first


@pytest.fixture
def waiting(tmp_path: Path) -> deque[Any]:
    """Seven octets of a file of ten, and something behind it."""
    (tmp_path / "file").write_bytes(b"0123456789")
    return deque([FilePiece(os.open(tmp_path / "file", os.O_RDONLY), 2, 7), b"behind"])


def test_a_file_is_read_on_until_its_piece_ends_and_then_it_is_closed(waiting):
    descriptor = waiting[0].descriptor
    assert [read_first(waiting, 3), read_first(waiting, 3)] == [b"234", b"567"]
    assert is_open(descriptor)
    assert read_first(waiting, 3) == b"8"
    assert not is_open(descriptor)
    assert list(waiting) == [b"behind"]


def test_a_file_that_becomes_shorter_is_told_and_stays_for_who_drops_it(waiting, tmp_path):
    """Less than was promised must never look like all of it."""
    os.truncate(tmp_path / "file", 4)
    assert read_first(waiting, 100) == b"23"
    with pytest.raises(OSError, match="shorter"):
        read_first(waiting, 100)
    assert is_open(waiting[0].descriptor)
    drop(waiting)


def test_what_is_dropped_gives_all_its_files_back(waiting, tmp_path):
    waiting.append(FilePiece(os.open(tmp_path / "file", os.O_RDONLY), 0, 1))
    descriptors = [waiting[0].descriptor, waiting[2].descriptor]
    drop(waiting)
    assert not waiting
    assert not any(is_open(each) for each in descriptors)
