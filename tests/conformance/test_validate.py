"""wsgiref.validate stands between the server and every well-behaved application: neither side breaks PEP 3333."""

from __future__ import annotations

import json

import pytest
from h2client import Client
from h2client import request as asked
from hyperframe.frame import DataFrame

from tests.conformance.conftest import request

PATHS = [
    "/bottle",
    "/falcon",
    "/flask",
    "/hello-alone",
    "/hello",
    "/echo",
    "/environ",
    "/sleep?seconds=0",
    "/stream?blocks=3",
    "/write",
    "/file",
    "/start/late",
    "/exc-info/before-output",
    "/exc-info/at-once",
    "/chunk/empty",
    "/return/nothing",
    "/file/not-regular",
    "/input/left",
    "/length/none",
    "/errors",
]


@pytest.fixture(scope="module")
def site(serve_module):
    """One server for all tests of this module."""
    server = serve_module("validated:application", "--forwarded-allow-ips", "127.0.0.1")
    yield server
    assert server.stop() == 0
    # Its destructor complains of an iterable that was never closed.
    assert "AssertionError" not in server.output(), server.output()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
@pytest.mark.parametrize("framing", ["sized", "chunked", "1.0"])
def test_nobody_breaks_pep_3333(path, method, framing, connect, site):
    peer = connect(site.port)
    content = b"some content\n" if method == "POST" else b""
    if framing == "chunked" and content:
        octets = request(
            path, "Transfer-Encoding: chunked", method=method, content=b"d\r\n" + content + b"\r\n0\r\n\r\n"
        )
    else:
        octets = request(path, method=method, content=content, version="1.0" if framing == "1.0" else "1.1")
    reply = peer.send(octets).reply(method)
    assert (reply.code == 500) is (path == "/exc-info/at-once")
    assert connect(site.port).send(request("/failures")).reply().json() == []


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_nobody_breaks_it_over_http2(path, method, site):
    client = Client(site.port)
    try:
        if method == "POST":
            client.send(client.head(1, asked(path, method), "END_HEADERS"))
            client.send(DataFrame(1, b"some con"), DataFrame(1, b"tent\n", flags=["END_STREAM"]))
        else:
            client.send(client.head(1, asked(path, method)))
        client.wait(1)
        # What is at an end at once is an error before the head, or a reset after it; everything else is served.
        assert (client.status(1) == 500) is (path == "/exc-info/at-once")
        assert client.reset_code(1) is None
        assert not (method == "HEAD" and client.content(1))
        client.send(client.head(3, asked("/failures"))).wait(3)
        assert json.loads(client.content(3)) == []
    finally:
        client.close()


def test_the_validator_is_there(ask):
    """A test that can't fail is a defect: what is not served at all is a 500 here."""
    assert ask("/no-such-path").code == 500
