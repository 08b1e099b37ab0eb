"""Requests that wait for a thread do not wait for ever."""

import socket


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
