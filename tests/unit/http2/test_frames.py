"""Octets become frames, however they are cut; what no state can mend is refused by its first octets."""

from __future__ import annotations

import pytest
from hyperframe.frame import ContinuationFrame, DataFrame, HeadersFrame, PingFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.http2.frames import (
    ENHANCE_YOUR_CALM,
    FRAME_SIZE_ERROR,
    PREFACE,
    PROTOCOL_ERROR,
    Cutter,
    Fault,
    goaway,
    window_update,
)
from wsgicontainer.http2.manners import FULL, Manners

BEGIN = PREFACE + SettingsFrame(0).serialize()
FRAMES = [
    SettingsFrame(0),
    PingFrame(0, b"12345678"),
    HeadersFrame(1, b"abc"),
    ContinuationFrame(1, b"", flags=["END_HEADERS"]),
    DataFrame(1, bytes(300), flags=["END_STREAM"]),
]


@given(st.lists(st.integers(1, 60), max_size=40))
def test_cut_anywhere(cuts):
    octets = PREFACE + b"".join(frame.serialize() for frame in FRAMES)
    cutter, got = Cutter(1000), []
    for cut in [*cuts, len(octets)]:
        got += [frame for *_, frame in cutter.cut(octets[:cut])]
        octets = octets[cut:]
    assert got == [frame.serialize() for frame in FRAMES]
    assert not cutter.unfinished


def refused(octets: bytes, longest: int = 1000) -> int:
    with pytest.raises(Fault) as caught:
        list(Cutter(longest).cut(octets))
    return caught.value.code


def test_a_long_frame_is_refused_by_its_header():
    assert refused(BEGIN + b"\x00\x40\x01\x00\x00\x00\x00\x00\x01") == FRAME_SIZE_ERROR


def test_a_field_section_without_end():
    begin = BEGIN + HeadersFrame(1, bytes(600)).serialize()
    assert refused(begin + ContinuationFrame(1, bytes(600)).serialize()) == ENHANCE_YOUR_CALM
    assert refused(begin + PingFrame(0, bytes(8)).serialize()) == PROTOCOL_ERROR
    cutter = Cutter(1000)
    list(cutter.cut(begin))
    assert cutter.unfinished


def test_no_preface():
    assert refused(b"GET / HTTP/1.1\r\n") == PROTOCOL_ERROR


def test_frames_of_ours():
    assert goaway(5, 11) == bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 11])
    assert window_update(3, 256) == bytes([0, 0, 4, 8, 0, 0, 0, 0, 3, 0, 0, 1, 0])


def test_a_purse_fills_with_time_and_with_work():
    manners = Manners(0.0)
    manners.take(FULL, 0.0)
    with pytest.raises(Fault):
        manners.take(1, 0.0)
    manners.take(5, 1.0)
    manners.earn(10)
    manners.sent(10)  # a crumb earns nothing
    manners.take(14, 1.0)
    with pytest.raises(Fault):
        manners.take(1, 1.0)
    manners.earn(10 * FULL)
    manners.take(FULL, 1.0)
    with pytest.raises(Fault):
        manners.take(1, 1.0)
