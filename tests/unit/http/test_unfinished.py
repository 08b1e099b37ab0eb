"""A head whose end has not come: what nothing can mend is told at once, whatever still may be mended is waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.http.head import HeadLimits, HeadParser
from wsgicontainer.http.unfinished import fault

LONGEST = 60
PARSER = HeadParser(HeadLimits(request_line=40, fields=10, field_size=100))
HEAD = b"GET /a?b HTTP/1.1\r\nHost: h\r\nX:\ty \xff\r\n\r\n"


def status(head: bytes, looked_at: int = 0) -> str:
    error = fault(head, looked_at, LONGEST, PARSER)
    return "" if error is None else error.status[:3]


def dripped(octets: bytes) -> str:
    """Return the first fault of a head that comes octet by octet, looked at as a connection does."""
    found = (status(octets[:end], max(0, end - 4)) for end in range(1, len(octets) + 1))
    return next(filter(None, found), "")


@pytest.mark.parametrize("end", range(1, len(HEAD)))
def test_each_beginning_of_a_head_is_waited_for(end):
    assert status(HEAD[:end]) == dripped(HEAD[:end]) == ""


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (b"\r", ""),  # half of the empty line that is forgiven
        (b"\0", "400"),
        (b" GET", "400"),
        (b"\xff", "400"),
        (b"\n", "400"),
        (b"\rG", "400"),
        (b"GET / HTTP/1.1\n", "400"),
        (b"GET / HTTP/1.1\rX", "400"),
        (b"GET / HTTP/1.1\r\nHost: h\nX", "400"),
        (b"GET / HTTP/1.1\r\nHost: h\r\r", "400"),
        (b"GET /\r\n", "400"),  # HTTP/0.9 sends nothing but this line, and waits
        (b"GET / HTTP/2.0\r\n", "505"),
        (b"GET * HTTP/1.1\r\n", "405"),
        (b"GET /" + b"a" * (LONGEST - 5), ""),
        (b"GET /" + b"a" * (LONGEST - 4), "414"),
        (b"GET /" + b"a" * 40 + b" HTTP/1.1\r\n", "414"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (LONGEST - 19), ""),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * (LONGEST - 18), "431"),
    ],
)
def test_what_nothing_can_mend_is_told_however_it_comes(octets, told):
    assert status(octets) == dripped(octets) == told


def test_what_was_looked_at_is_not_looked_at_again():
    """A head that drips would cost the square of its length."""
    assert status(b"GET / HTTP/1.1\nX: a", looked_at=15) == ""
    assert status(b"GET /\r\nX: a", looked_at=6) == ""


@given(st.binary(min_size=1, max_size=80), st.integers(min_value=0, max_value=80))
def test_any_octets_are_a_verdict_and_no_accident(octets, looked_at):
    assert status(octets, looked_at) in {"", "400", "405", "414", "431", "501", "505"}
