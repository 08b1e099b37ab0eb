"""What the hostile tests attack: `/` answers at once, `/echo` tells what it got, the others send ?OCTETS of zeros.

`/stream` makes them block by block, `/file` sends a file, `/whole` returns one string.
"""

from __future__ import annotations

import hashlib
import os

BLOCK = bytes(65536)
ZEROS = os.memfd_create("zeros")
os.truncate(ZEROS, 1 << 30)


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path in {"/stream", "/file", "/whole"}:
        octets = int(environ["QUERY_STRING"])
        start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(octets))])
        return MAKERS[path](environ, octets)
    content = b"here\n"
    if path == "/echo":
        content = hashlib.sha256(environ["wsgi.input"].read()).hexdigest().encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]


def stream(environ, octets):
    for _ in range(octets // len(BLOCK)):
        yield BLOCK


def file(environ, octets):
    opened = open(f"/proc/self/fd/{ZEROS}", "rb")  # noqa: SIM115 (the server closes it)
    opened.seek((1 << 30) - octets)
    return environ["wsgi.file_wrapper"](opened)


def whole(environ, octets):
    return [bytes(octets)]


MAKERS = {"/stream": stream, "/file": file, "/whole": whole}
