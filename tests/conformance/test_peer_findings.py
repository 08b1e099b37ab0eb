"""The findings about peers that no single request shows: unix sockets, readers that are slow or take nothing."""

from __future__ import annotations

import socket
import time
import uuid
from pathlib import Path

import pytest

from tests.conformance.conftest import LIMIT, Cut, Peer, eventually, request

MEBIBYTE = 1 << 20


@pytest.fixture(scope="module")
def site(serve_module):
    """A server that loses patience early."""
    budget = ("--output-buffer", "256K", "--output-disk", "0")
    server = serve_module("misbehaving:application", "--send-timeout", "1", *budget)
    yield server
    assert server.stop() == 0, server.output()


def made(connect, site, token: str) -> int:
    """Return how much an endless reply has made so far."""
    return connect(site.port).send(request("/made")).reply().json().get(token, 0)


def memory(site) -> int:
    """Return the server's resident memory in octets."""
    pages = Path(f"/proc/{site.process.pid}/statm").read_text().split()[1]
    return int(pages) * 4096


def test_reader_that_takes_nothing_costs_little_and_is_cut(connect, site):
    """Finding 0.2: an application's endless reply stops being made once the budget and the kernel are full."""
    token = uuid.uuid4().hex
    connect(site.port).send(request("/hello")).reply()
    before = memory(site)
    peer = connect(site.port, receive_buffer=65536).send(request(f"/endless?token={token}"))
    seen = [-1, -1, -1, -1, -1]

    def stands_still() -> bool:
        seen.append(made(connect, site, token))
        return seen[-1] > 0 and len(set(seen[-5:])) == 1

    assert eventually(stands_still), seen[-5:]
    assert seen[-1] < 16 * MEBIBYTE  # the kernel's buffers, mostly
    assert memory(site) - before < 16 * MEBIBYTE
    # it is cut after --send-timeout, and the thread is free again
    assert eventually(lambda: token in connect(site.port).send(request("/closed")).reply().json())
    with pytest.raises(Cut):
        peer.reply()


def test_slow_reader_that_makes_progress_is_not_cut(connect, site):
    """Finding 0.3: a reply takes much longer than --send-timeout, in steps shorter than it, and arrives whole."""
    size = 12 * MEBIBYTE
    peer = connect(site.port, receive_buffer=65536)
    peer.send(request(f"/stream?blocks=12&size={MEBIBYTE}", version="1.0"))
    until = time.monotonic() + 4
    seen = 0
    while time.monotonic() < until:  # 4 seconds at 400 KB/s, then as fast as can be
        seen += len(peer.socket.recv(40_000))
        time.sleep(0.1)
    while data := peer.socket.recv(1 << 20):
        seen += len(data)
    assert seen > size


def test_slow_reader_of_a_whole_reply(connect, site):
    """The same when the thread is done: one block within the budget, then nothing but the connection's clock."""
    size = 6 * MEBIBYTE
    peer = connect(site.port, receive_buffer=65536)
    peer.send(request(f"/stream?blocks=1&size={size}", version="1.0"))
    until = time.monotonic() + 4
    seen = 0
    while time.monotonic() < until:
        seen += len(peer.socket.recv(40_000))
        time.sleep(0.1)
    while data := peer.socket.recv(1 << 20):
        seen += len(data)
    assert seen > size


def test_many_slow_readers_do_not_stop_the_others(connect, site):
    """Readers that take nothing hold their threads, at most; the others are served."""
    for _ in range(3):
        connect(site.port, receive_buffer=65536).send(request(f"/endless?token={uuid.uuid4().hex}"))
    for _ in range(20):
        assert connect(site.port).send(request("/hello")).reply().content == b"Hello, world!"


def test_unix_socket(serve_module, tmp_path_factory):
    """Finding 0.6: over a unix socket there is no address, and that is no error."""
    path = tmp_path_factory.mktemp("s") / "socket"
    server = serve_module("misbehaving:application", "--port", f"unix:{path}", "--access-log", "-", wait=False)
    server.wait_for("listening on unix:")
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(LIMIT)
    sock.connect(str(path))
    peer = Peer(sock)
    environ = peer.send(request("/environ")).reply().json()
    assert (environ["REMOTE_ADDR"], environ["REMOTE_PORT"], environ["SERVER_NAME"]) == ("", "", "localhost")
    assert environ["SERVER_PORT"] == "80"
    assert peer.send(request("/file")).reply().code == 200
    assert peer.send(request("/echo", method="POST", content=b"x" * 100_000)).reply().content == b"x" * 100_000
    server.wait_for(r'"GET /environ HTTP/1.1" 200')
    peer.close()
    assert server.stop() == 0
    assert "Traceback" not in server.output()


def test_half_closed_client_gets_its_reply(connect, site):
    """A client that says all it has to say and then closes its side (`nc -N`) still reads the reply."""
    peer = connect(site.port).send(request("/sleep?seconds=0.1", "Connection: close"))
    peer.socket.shutdown(socket.SHUT_WR)
    assert peer.reply().content == b"slept 0.1\n"


def test_refused_upload_reads_its_reply_and_no_reset(serve_module, connect):
    """A client that has not finished sending gets 413, not a reset (RFC 9112 section 9.6)."""
    server = serve_module("misbehaving:application", "--limit-request-body", "1000")
    peer = connect(server.port).send(request("/echo", "Content-Length: 4000000", method="POST"))
    for _ in range(40):
        peer.send(b"x" * 50_000)
        time.sleep(0.005)
    assert peer.reply().code == 413
