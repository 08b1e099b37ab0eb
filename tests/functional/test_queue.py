"""Requests that wait for a thread do not wait for ever."""

import http.client
import socket
import struct
import subprocess
import time


def test_overdue_requests_get_503_though_every_thread_is_stuck(serve):
    """A thread that never comes back must not silence the queue: 503 with Retry-After, after --queue-timeout."""
    server = serve("misbehaving:application", "--threads", "1", "--queue-timeout", "1", "--graceful-timeout", "0.5")
    stuck = socket.create_connection(("127.0.0.1", server.port))
    stuck.sendall(b"GET /blocks HTTP/1.1\r\nHost: h\r\n\r\n")
    with socket.create_connection(("127.0.0.1", server.port)) as waiting:
        waiting.settimeout(15)
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        reply = waiting.recv(65536)
    stuck.close()
    assert reply.startswith(b"HTTP/1.1 503 "), reply
    assert b"Retry-After: 1\r\n" in reply


def ask(port: int, path: str) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port))
    sock.settimeout(15)
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    return sock


def test_nobody_works_for_clients_that_vanished_in_the_queue(serve):
    """They reset their connections while the only thread is busy: when it comes to them it passes them by."""
    server = serve("queued:application", "--threads", "1", "--access-log", "-", "--access-log-format", "%(r)s %(s)s")
    busy = ask(server.port, "/wait")
    vanishing = [ask(server.port, f"/{number}") for number in range(20)]
    time.sleep(0.2)  # the busy thread hides whether they have been read; unread, they are dropped all the same
    for sock in vanishing:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    busy.recv(65536)
    seen = http.client.HTTPConnection("127.0.0.1", server.port, timeout=15)
    seen.request("GET", "/seen")
    assert seen.getresponse().read() == b"0"
    busy.close()
    seen.close()


def test_early_hints_reach_a_real_client(serve):
    server = serve("queued:application")
    said = subprocess.run(
        ["curl", "-si", f"http://127.0.0.1:{server.port}/hinted"], capture_output=True, check=True, timeout=20
    ).stdout
    first, _, rest = said.partition(b"\r\n\r\n")
    assert first.splitlines() == [b"HTTP/1.1 103 Early Hints", b"Link: </style.css>; rel=preload; as=style"]
    assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
