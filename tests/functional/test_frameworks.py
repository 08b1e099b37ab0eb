"""The frameworks that people use get whole uploads, all cookies, and stream."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator

import pytest
import requests

SIZES = {"1 octet": 1, "100 KiB": 100 << 10, "5 MiB": 5 << 20}


@pytest.fixture(scope="module", params=["django", "flask", "pyramid", "falcon", "bottle"])
def site(request, serve_module):
    """One framework's application, served once for all tests of this module."""
    server = serve_module(f"{request.param}_app:application")
    server.framework = request.param
    yield server
    assert server.stop() == 0


def content_of(size: int) -> bytes:
    """Make content that shows a lost, doubled or moved block."""
    return b"".join(number.to_bytes(4, "big") for number in range(size // 4 + 1))[:size]


def blocks_of(content: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def test_front_page(site):
    """A plain GET answers."""
    reply = requests.get(f"{site.url}/", timeout=10)
    assert (reply.status_code, reply.text) == (200, f"Hello from {site.framework.capitalize()}")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_upload_arrives_whole(site, size, framing):
    """What the framework sees as the request's content is what the client sent, also when its length came with it."""
    content = content_of(size)
    sent = content if framing == "content-length" else blocks_of(content, 16_000)
    reply = requests.post(f"{site.url}/upload", data=sent, headers={"Content-Type": "application/x-test"}, timeout=30)
    assert reply.json() == {"sha256": hashlib.sha256(content).hexdigest(), "length": size}


def test_upload_in_one_octet_chunks(site):
    """A client that makes very small chunks loses nothing."""
    content = content_of(500)
    reply = requests.post(f"{site.url}/upload", data=blocks_of(content, 1), timeout=30)
    assert reply.json() == {"sha256": hashlib.sha256(content).hexdigest(), "length": 500}


def test_empty_chunked_upload(site):
    """A chunked request without content is one of length 0, and the connection goes on."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    for _ in range(2):
        headers = {"Transfer-Encoding": "chunked"}
        connection.request("POST", "/upload", body=iter(()), encode_chunked=True, headers=headers)
        assert json.load(connection.getresponse())["length"] == 0
    connection.close()


def test_cookies_in_two_field_lines(site):
    """Cookie field lines sent twice are joined as one (RFC 6265 section 5.4, RFC 9113 section 8.2.3)."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=10)
    connection.putrequest("GET", "/cookies")
    connection.putheader("Cookie", "one=1")
    connection.putheader("Cookie", "two=2")
    connection.endheaders()
    assert json.load(connection.getresponse()) == {"line": "one=1; two=2", "cookies": {"one": "1", "two": "2"}}
    connection.close()


def test_stream_comes_as_it_is_made(site):
    """The first block is here before the second one exists."""
    with requests.get(f"{site.url}/stream", stream=True, timeout=20) as reply:
        seen = reply.raw.stream(6, decode_content=False)
        assert next(seen) == b"first\n"
        assert requests.get(f"{site.url}/go", timeout=10).text == "gone\n"
        assert b"".join(seen) == b"second\n"
