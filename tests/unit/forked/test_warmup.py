"""What counts as an answer to the warm-up."""

from __future__ import annotations

import pytest

from wsgicontainer.forked.warmup import fault_of


@pytest.mark.parametrize(
    ("octets", "fault"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", ""),
        (b"HTTP/1.1 302 Found\r\n", ""),
        (b"HTTP/1.1 404 Not Found\r\n", ""),
        (b"HTTP/1.1 500 Internal Server Error\r\n", "/x was answered with 500"),
        (b"HTTP/1.1 503 \r\n", "/x was answered with 503"),
        (b"", "/x was not answered"),
        (b"HTTP/1.1", "/x was not answered"),
    ],
)
def test_an_application_that_answers_works(octets: bytes, fault: str) -> None:
    assert fault_of("/x", octets) == fault
