"""Content waits in memory, then in a file, and is whole when it is asked for."""

from __future__ import annotations

import tempfile
from io import BytesIO, TextIOWrapper, UnsupportedOperation
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.http.content import NOTHING, Spool


@given(st.lists(st.binary(max_size=20)), st.integers(min_value=0, max_value=40))
def test_content_comes_back_whole(pieces, in_memory):
    spool = Spool(in_memory)
    for piece in pieces:
        spool.write(piece)
    content = b"".join(pieces)
    assert spool.size == len(content)
    file = spool.rewound()
    assert (type(file) is BytesIO) is (len(content) <= in_memory)
    assert file.read() == content
    spool.close()


def test_a_file_is_opened_once_and_only_when_needed():
    opened: list[BinaryIO] = []

    def open_file() -> BinaryIO:
        opened.append(tempfile.TemporaryFile())  # noqa: SIM115 - the spool closes it
        return opened[-1]

    spool = Spool(3, open_file)
    spool.write(b"abc")
    assert not opened
    for _ in range(3):
        spool.write(b"d")
    assert len(opened) == 1
    assert spool.rewound().read() == b"abcddd"
    spool.close()
    assert opened[0].closed


def test_a_disk_that_can_t_be_had_is_an_oserror():
    """And what was kept so far can still be dropped."""

    def refuse() -> BinaryIO:
        raise OSError(28, "No space left on device")

    spool = Spool(1, refuse)
    spool.write(b"a")
    with pytest.raises(OSError, match="No space"):
        spool.write(b"b")
    spool.close()


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_full_disk_is_an_oserror_and_dropping_it_is_none(size):
    """Files keep some in memory: a full disk may show on the last look only, and again on closing."""
    spool = Spool(1, lambda: Path("/dev/full").open("w+b"))  # noqa: SIM115 - the spool closes it
    with pytest.raises(OSError, match="No space"):  # noqa: PT012 - which of them fails depends on the size
        spool.write(b"x" * size)
        spool.rewound()
    spool.close()


def test_no_content_is_one_file_for_all_that_nobody_can_spoil():
    """Whatever an application does with it, the next one reads the same: nothing."""
    with NOTHING as file:
        file.seek(7)
    file.close()
    TextIOWrapper(NOTHING).read()  # collected at once, which closes what it wraps
    with pytest.raises(UnsupportedOperation):
        NOTHING.write(b"another's secret")
    with pytest.raises(UnsupportedOperation):
        NOTHING.writelines([b"another's secret"])
    with pytest.raises(UnsupportedOperation):
        NOTHING.truncate(3)
    assert not NOTHING.closed
    assert [NOTHING.read(), NOTHING.readline(), NOTHING.readlines(), list(NOTHING)] == [b"", b"", [], []]


def test_no_content_is_always_at_its_begin():
    """Wherever one request has moved it, the next one finds position 0."""
    assert NOTHING.seek(7) == 0
    assert (NOTHING.tell(), NOTHING.read()) == (0, b"")
