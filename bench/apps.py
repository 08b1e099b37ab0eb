"""What the benchmark serves: one small WSGI application per question."""

import time

_PLAIN = [("Content-Type", "text/plain"), ("Content-Length", "13")]


def hello(environ, start_response):
    """Answer at once: what the server itself costs."""
    start_response("200 OK", _PLAIN)
    return [b"Hello, world\n"]


def waits(environ, start_response):
    """Wait 10 ms, as for a database: whether other requests run meanwhile."""
    time.sleep(0.01)
    return hello(environ, start_response)


def computes(environ, start_response):
    """Use the CPU for 5 ms: how long each waits for its turn."""
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        pass
    return hello(environ, start_response)
