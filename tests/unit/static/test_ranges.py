"""One range of octets gets just these; what can't be read gets the whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.static.ranges import Span, requested_span


@pytest.mark.parametrize(
    ("value", "span"),
    [
        ("bytes=0-0", Span(0, 1)),
        ("bytes=2-4", Span(2, 3)),
        ("bytes=5-", Span(5, 5)),
        ("bytes=9-", Span(9, 1)),
        ("bytes=0-99999999999999999999", Span(0, 10)),
        ("bytes=-3", Span(7, 3)),
        ("bytes=-99", Span(0, 10)),
        ("BYTES = 1-2 ", Span(1, 2)),
        ("bytes=10-", Span(10, 0)),
        ("bytes=10-12", Span(10, 0)),
        ("bytes=-0", Span(10, 0)),
        ("bytes=-", None),
        ("bytes=4-2", None),
        ("bytes=", None),
        ("bytes=0-1,3-4", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=\u0661-2", None),
        ("bytes=999999999999999999999-", None),
        ("items=0-1", None),
        ("", None),
    ],
)
def test_ranges_of_a_file_of_ten_octets(value: str, span: Span | None):
    assert requested_span(value, 10) == span


def test_the_field_says_what_was_sent_of_how_much():
    assert Span(2, 3).content_range(10) == "bytes 2-4/10"
    assert Span(10, 0).content_range(10) == "bytes */10"


@given(st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), st.integers(0, 500))
def test_a_span_never_leaves_the_file(value: str, size: int):
    span = requested_span(value, size)
    assert span is None or (span.offset >= 0 and span.count >= 0)
    assert span is None or not span.count or span.offset + span.count <= size


@given(st.text(alphabet="bytesBYTES=-,0129 \t\u0661", max_size=20), st.integers(0, 10**12))
def test_any_text_is_a_span_within_the_file_or_ignored(value: str, size: int):
    span = requested_span(value, size)
    assert span is None or 0 <= span.offset <= span.offset + span.count <= max(size, span.offset)


@given(st.integers(0, 300), st.integers(0, 300), st.integers(1, 300))
def test_a_span_is_what_a_slice_is(first: int, count: int, size: int):
    content = bytes(number % 251 for number in range(size))
    span = requested_span(f"bytes={first}-{first + count}", size)
    assert span is not None
    assert content[span.offset :][: span.count] == content[first : first + count + 1]
    last = requested_span(f"bytes=-{count}", size)
    assert last is not None
    assert content[last.offset :][: last.count] == (content[-count:] if count else b"")
