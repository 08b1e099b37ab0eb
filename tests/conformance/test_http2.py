"""Every row of docs/design/what-we-accept-http2.md, over a socket: frames in, frames out."""

from __future__ import annotations

import pytest
from h2client import Client
from hyperframe.frame import RstStreamFrame

from tests.conformance.http2rows import ASK, ROWS, Ends, Replies, Resets, Row, page

LIMIT = 1_000_000
LAST = 4001
"""A stream beyond those of any row."""


@pytest.fixture(scope="module")
def site(serve_module):
    """One server for all rows: none of them may disturb it."""
    options = ("--forwarded-allow-ips", "127.0.0.1", "--limit-request-body", str(LIMIT))
    server = serve_module("wellbehaved:application", *options, "--max-concurrent-streams", "10", "--threads", "10")
    yield server
    assert server.stop() == 0, server.output()
    assert "Traceback" not in server.output(), server.output()


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row.rule} {row.what}".replace(" ", "-")) for row in ROWS])
def test_each_row(row: Row, site):
    client = Client(site.port, begin=row.begin)
    try:
        for octets in row.send(client):
            try:
                client.send(octets)
            except ConnectionError:  # it was ended already
                break
        check(row, client)
    finally:
        client.close()


def check(row: Row, client: Client) -> None:
    if isinstance(row.then, Ends):
        client.to_the_end()
        farewell = client.goaway()
        assert farewell is not None and farewell.error_code in row.then.codes, client.frames
        return
    if isinstance(row.then, Resets):
        client.wait(1)
        assert (client.reset_code(1), client.status(1)) == (row.then.code, 0), client.frames
    elif isinstance(row.then, Replies) and row.then.status:
        client.wait(1)
        assert client.status(1) == row.then.status, client.frames
        assert row.then.content in (None, client.content(1))
    goes_on(row, client)


def goes_on(row: Row, client: Client) -> None:
    """One more request is served: tables and states are what they should be."""
    streams = [1 + 2 * number for number in range(1, 11)] if "more streams" in row.what else []
    client.wait(*streams)
    if streams:
        assert client.reset_code(23) == 7
    client.send(client.head(LAST, ASK)).wait(LAST)
    assert client.status(LAST) == 200, client.frames
    assert client.goaway() is None
    assert sum(isinstance(frame, RstStreamFrame) for frame in client.of(LAST)) == 0


def test_the_page_is_made_from_the_rows(root):
    """`python -m tests.conformance.http2rows > docs/design/what-we-accept-http2.md` mends it."""
    assert (root / "docs/design/what-we-accept-http2.md").read_text() == page()
