"""`--health`: what load balancers and Kubernetes ask, while the application does whatever it does."""

from __future__ import annotations

import http.client

import pytest
from h2client import Client, request
from rawclient import Client as Raw

HEALTH = ("--health", "/-")
PROXIED = b"GET %b HTTP/1.1\r\nHost: h\r\nX-Forwarded-Proto: https\r\n\r\n"
"""What is not redirected."""


def probe(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path)
    reply = connection.getresponse()
    found = reply.status, reply.read()
    connection.close()
    return found


def test_probes_are_answered_while_every_thread_is_stuck(serve):
    """Over HTTP/1.1 and HTTP/2, on the port of the site, whatever the port redirects to; the log is not full of it."""
    options = ("--threads", "1", "--access-log", "-", "--redirect-https", "--forwarded-allow-ips", "127.0.0.1")
    server = serve("frozen:application", *options, *HEALTH)
    assert probe(server.port, "/-/ready") == (200, b"ok\n")
    assert probe(server.port, "/")[0] == 308
    server.wait_for('"GET / HTTP/1.1" 308')
    assert "/-/" not in server.output()
    kept = Raw(server.port)
    assert ask(kept, "/-/ready")[0] == 200
    stuck = Raw(server.port)
    stuck.socket.sendall(PROXIED % b"/thread")
    waiting = Raw(server.port, patience=0.2)
    waiting.socket.sendall(PROXIED % b"/")
    with pytest.raises(TimeoutError):
        waiting.reply()
    for path in ("/-/live", "/-/ready"):
        assert probe(server.port, path) == (200, b"ok\n")
        assert probe(server.port, path, "HEAD") == (200, b"")
        assert probe(server.port, path, "POST")[0] == 405
    client = Client(server.port)
    assert (client.ask("/-/live"), client.ask("/-/ready", 3)) == (b"ok\n", b"ok\n")
    # On the way out: who still has a connection learns that nothing more is wanted.
    server.process.terminate()
    server.wait_for("Draining 4 connections")
    client.send(client.head(5, request("/-/ready")), client.head(7, request("/-/live"))).wait(5, 7)
    assert (client.status(5), client.status(7)) == (503, 200)
    assert ask(kept, "/-/ready") == (503, b"not ready\n")
    for each in (kept, stuck, waiting, client):
        each.close()
    server.kill()


def ask(client: Raw, path: str) -> tuple[int, bytes]:
    client.socket.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    status, _, content = client.reply()
    return status, content
