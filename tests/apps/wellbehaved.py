"""WSGI applications that keep every rule of PEP 3333; `wellbehaved:application` serves them all by path.

`/echo` content back · `/environ` the environ as JSON · `/sleep?seconds=1` · `/stream?blocks=3&size=10&pause=0` from an
iterator · `/write?…` the same through write(), then `end` · `/file?at=0` by file_wrapper · anything else says hello.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
TEXT = [("Content-Type", "text/plain; charset=utf-8")]


def asked(environ: dict[str, Any], name: str, default: str) -> str:
    """Return one parameter of the query."""
    return parse_qs(environ.get("QUERY_STRING", "")).get(name, [default])[0]


def blocks(environ: dict[str, Any]) -> Iterator[bytes]:
    """Make `blocks` blocks of `size` octets, each of its own letter, with `pause` seconds between them."""
    size, pause = int(asked(environ, "size", "10")), float(asked(environ, "pause", "0"))
    for number in range(int(asked(environ, "blocks", "3"))):
        if number and pause:
            time.sleep(pause)
        yield bytes([97 + number % 26]) * size


def hello(environ, start_response):
    start_response("200 OK", [*TEXT, ("Content-Length", "13")])
    return [b"Hello, world!"]


def echo(environ, start_response):
    content = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    kind = environ.get("CONTENT_TYPE") or "application/octet-stream"
    start_response("200 OK", [("Content-Type", kind), ("Content-Length", str(len(content)))])
    return [content]


def environ_view(environ, start_response):
    """Return the environ as JSON: text and numbers as they are, of anything else its type's name."""
    content = json.dumps(environ, sort_keys=True, default=lambda value: type(value).__name__).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


def sleep(environ, start_response):
    seconds = asked(environ, "seconds", "1")
    time.sleep(float(seconds))
    start_response("200 OK", TEXT)
    return [f"slept {seconds}\n".encode()]


def stream(environ, start_response):
    start_response("200 OK", TEXT)
    return blocks(environ)


def write(environ, start_response):
    send = start_response("200 OK", TEXT)
    for block in blocks(environ):
        send(block)
    return [b"end"]


def file(environ, start_response):
    """Return this very source file; `?at=100` starts there."""
    opened = Path(__file__).open("rb")  # noqa: SIM115 - the server closes it
    opened.seek(int(asked(environ, "at", "0")))
    start_response("200 OK", [("Content-Type", "text/x-python")])
    return environ["wsgi.file_wrapper"](opened, 8192)


TABLE: dict[str, App] = {
    "/hello": hello,
    "/echo": echo,
    "/environ": environ_view,
    "/sleep": sleep,
    "/stream": stream,
    "/write": write,
    "/file": file,
}


def application(environ, start_response):
    return TABLE.get(environ["PATH_INFO"], hello)(environ, start_response)
