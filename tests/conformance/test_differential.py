"""Where h11 or llhttp read the same octets in another way, we know why.

`hypothesis` makes the same examples in each run; DIFFERENTIAL_EXAMPLES=100000 makes that many new ones, and the
fuzzer's target `differential` searches on. What no class explains is a finding: mend ours, or say in `classes` why.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conformance.differential.classes import CLASSES, class_of
from tests.conformance.differential.differences import Difference, differences
from tests.conformance.differential.readers import READERS, Reading, ours
from tests.conformance.differential.requests import chunked_requests, mutated, requests
from tests.conformance.strictness import SECTIONS

EXAMPLES = int(os.environ.get("DIFFERENTIAL_EXAMPLES", "0"))
SOUND = (
    b"GET /a?b HTTP/1.1\r\nHost: h\r\nX: \ty\t\r\n\r\n"
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"
    b"HEAD / HTTP/1.0\r\n\r\n"
)


def is_explained(octets: bytes) -> None:
    assert [difference for difference in differences(octets) if class_of(difference) is None] == []


def test_sound_requests_are_read_alike():
    """All three read four requests, with the same content."""
    assert differences(SOUND) == []
    readings = [ours(SOUND), *(read(SOUND) for read in READERS.values())]
    assert [[one.content for one in reading.requests] for reading in readings] == [[b"", b"abc", b"abc", b""]] * 3


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)
def test_the_rows_of_the_strictness_table(section):
    for row in section.rows:
        is_explained(section.octets(row))


@settings(max_examples=EXAMPLES or 400, derandomize=not EXAMPLES, database=None)
@given(mutated() | requests() | chunked_requests())
def test_generated_and_mutated_requests(octets):
    is_explained(octets)


@given(st.sampled_from(CLASSES))
def test_no_class_explains_other_content(one):
    """To read other content, target or method than another reader has no excuse."""
    for reader in READERS:
        for kind in ("content", "target", "method", "we wait, they read"):
            assert not one.explains(Difference(reader, kind, b"", Reading(), Reading()))
