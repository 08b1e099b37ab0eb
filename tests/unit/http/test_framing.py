"""Request content: however it is cut on its way, it is the same content; what is not the grammar is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.errors import PeerError
from wsgicontainer.http.framing import LONGEST_SIZE_LINE, LONGEST_TRAILER, Chunked, Sized


def read(reader: Sized | Chunked, pieces: Iterable[bytes]) -> tuple[bytes, bytes | None]:
    """Feed pieces; return the content and what follows it, None if its end has not come."""
    content, rest = b"", None
    for piece in pieces:
        if rest is not None:
            rest += piece
        else:
            part, rest = reader.feed(piece)
            content += part
    return content, rest


def chunked(octets: bytes, limit: int = 0) -> tuple[bytes, bytes | None]:
    return read(Chunked(limit), [octets])


def refusal(octets: bytes, limit: int = 0) -> str:
    """Return the status, which must not depend on how the octets come."""
    statuses = set()
    for pieces in ([octets], [octets[at : at + 1] for at in range(len(octets))]):
        with pytest.raises(PeerError) as refused:
            read(Chunked(limit), pieces)
        statuses.add(refused.value.status[:3])
    (status,) = statuses
    return status


def pieces_of(octets: bytes, cuts: list[int]) -> list[bytes]:
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    return [octets[start:end] for start, end in itertools.pairwise(places)]


CUTS = st.lists(st.integers(min_value=0, max_value=10_000), max_size=12)
CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
EXTENSION = st.sampled_from([b"", b";a", b" ; a=b", b'\t; a = "b\\" c;"; d'])
TRAILERS = st.sampled_from([b"", b"X: y\r\n", b"X:\r\nY: z\r\n"])


@given(st.binary(max_size=60), st.binary(max_size=20), CUTS)
def test_sized_in_any_pieces(content, after, cuts):
    if content:
        assert read(Sized(len(content)), pieces_of(content + after, cuts)) == (content, after)
        assert read(Sized(len(content) + 1), pieces_of(content, cuts)) == (content, None)


@given(CHUNKS, EXTENSION, TRAILERS, st.binary(max_size=20), CUTS)
def test_chunked_in_any_pieces(chunks, extension, trailers, after, cuts):
    octets = b"".join(b"%X%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    octets += b"00" + extension + b"\r\n" + trailers + b"\r\n"
    assert read(Chunked(0), pieces_of(octets + after, cuts)) == (b"".join(chunks), after)
    assert read(Chunked(0), pieces_of(octets[:-1], cuts)) == (b"".join(chunks), None)


@given(
    st.lists(
        st.sampled_from([b"0", b"3", b"a", b"F", b"\r", b"\n", b"\r\n", b";", b"x", b":", b" ", b"\xff"]), max_size=30
    )
    .map(b"".join)
    .flatmap(lambda octets: st.just(octets) | st.binary(max_size=40)),
    CUTS,
)
def test_any_octets_are_content_or_a_refusal(octets, cuts):
    """Nothing else is ever raised, and the outcome does not depend on the cuts."""

    def outcome(pieces: list[bytes]) -> object:
        try:
            return read(Chunked(100), pieces)
        except PeerError as error:
            return error.status

    assert outcome([octets]) == outcome(pieces_of(octets, cuts))


@pytest.mark.parametrize(
    "octets",
    [
        b"x\r\n",
        b"\r\n",
        b"0x1\r\n",
        b"+1\r\n",
        b"-1\r\n",
        b"1_0\r\n",
        b" 1\r\n",
        b"1 \r\n",
        b"1 a\r\n",
        b"1;\x01\r\n",
        b"1;\r\n",
        b"1;;a\r\n",
        b"1;a;\r\n",
        b"1;a \r\n",
        b"1;a b\r\n",
        b"1;a=\r\n",
        b"1;=b\r\n",
        b'1;a="b\r\n',
        b'1;a="b\\"\r\n',
        b'1;a="b"c\r\n',
        b"1;\xe9\r\n",
        b"1;\r;\r\n",
        b"1\n",
        b"3\r\nabcd",
        b"3\r\nabc\n",
        b"3\r\nabc\rx",
        b"\xb2\r\n",
        b"0" * 16 + b"\r\n",
        b"0\r\nno colon\r\n",
        b"0\r\n: x\r\n",
        b"0\r\nX : y\r\n",
        b"0\r\nX: \0\r\n",
        b"0\r\nX: y\n",
        b"0\r\n\n",
        b"1;" + b"a" * LONGEST_SIZE_LINE + b"\r\n",
        b"1;" + b"a" * (LONGEST_SIZE_LINE + 10),
        b"0\r\nX: " + b"a" * LONGEST_TRAILER + b"\r\n",
        b"0\r\n" + b"X: abcdef\r\n" * (LONGEST_TRAILER // 9 + 1),
    ],
)
def test_refused_chunks(octets):
    assert refusal(octets) == "400"


def test_the_limit_counts_content_only():
    """As much as the limit is let through; one more is 413 as soon as it is announced."""
    octets = b"5\r\nabcde\r\n5\r\nabcde\r\n0\r\n\r\n"
    assert chunked(octets, limit=10) == (b"abcdeabcde", b"")
    assert refusal(b"5\r\nabcde\r\n6\r\n", limit=10) == "413"
    assert refusal(b"fffffffffffffff\r\n", limit=10) == "413"


def test_longest_lines():
    """Exactly as long as allowed is allowed."""
    assert chunked(b"1;" + b"a" * (LONGEST_SIZE_LINE - 2) + b"\r\na\r\n0\r\n\r\n") == (b"a", b"")
    assert chunked(b"0\r\nX:" + b"y" * (LONGEST_TRAILER - 2) + b"\r\n\r\nrest") == (b"", b"rest")


def test_many_small_chunks_take_linear_time():
    """A megabyte in one-octet chunks, in one piece: no buffer is cut for each of them."""
    count = 200_000
    content, rest = chunked(b"1\r\na\r\n" * count + b"0\r\n\r\n")
    assert (len(content), rest) == (count, b"")
