"""What the benchmark serves: small WSGI applications, one per question. Every server gets the same ones."""

import time
from functools import cache

_TEXT = b"Hello, world\n"
_FIELDS = [("Content-Type", "text/plain"), ("Content-Length", str(len(_TEXT)))]
_BLOCK = b"x" * 65536
_BLOCKS = 160


def hello(environ, start_response):
    """Answer at once: what the server itself costs."""
    start_response("200 OK", list(_FIELDS))
    return [_TEXT]


def sleepy(environ, start_response):
    """Wait 10 ms, as for a database: whether the other requests run meanwhile."""
    time.sleep(0.01)
    return hello(environ, start_response)


def cpu5(environ, start_response):
    """Compute for 5 ms: how long each waits for its turn."""
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        sum(range(500))
    return hello(environ, start_response)


def mixed(environ, start_response):
    """Wait 20 ms where asked to, else answer at once: whether the slow ones hold up the quick ones."""
    if environ["QUERY_STRING"] == "slow":
        time.sleep(0.02)
    return hello(environ, start_response)


def echo(environ, start_response):
    """Give the content back."""
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(len(content)))])
    return [content]


def stream(environ, start_response):
    """Send 10 MiB in blocks of 64 KiB."""
    return _blocks(_BLOCKS, start_response)


def download(environ, start_response):
    """Send 64 MiB in blocks of 64 KiB."""
    return _blocks(1024, start_response)


def _blocks(count, start_response):
    length = str(len(_BLOCK) * count)
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", length)])
    return (_BLOCK for _ in range(count))


def upload(environ, start_response):
    """Read all content in blocks of 64 KiB, as one who stores it does."""
    content = environ["wsgi.input"]
    while content.read(len(_BLOCK)):
        pass
    return hello(environ, start_response)


@cache
def _flask(view):
    import flask

    site = flask.Flask(__name__)
    site.add_url_rule("/", view_func=view)
    return site


def _greet():
    return "Hello, world\n"


def flaskapp(environ, start_response):
    """Answer through Flask: what is left of a difference when a framework does its part."""
    return _flask(_greet)(environ, start_response)


def _compute():
    end = time.thread_time() + 0.005
    while time.thread_time() < end:
        sum(range(500))
    return "Hello, world\n"


def flaskcpu(environ, start_response):
    """Compute for 5 ms in a Flask view: what another process is worth."""
    return _flask(_compute)(environ, start_response)
