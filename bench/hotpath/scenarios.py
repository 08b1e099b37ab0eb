"""What runs under callgrind: requests on one connection in memory, from the octets of the head to those of the reply.

Run as a program it does nothing but that: `python -m hotpath.scenarios`, see `count`. Sockets, threads and the kernel
are no part of it: `bench/run` measures them.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from select import EPOLLIN

from attrs import frozen

from hotpath.wire import EndlessWire, NoRoll, OneThread, StreamsWire
from wsgicontainer.assembly.site import site_of
from wsgicontainer.connections.overflow import Room
from wsgicontainer.http.h1 import Connection
from wsgicontainer.http2.connection import Connection as Http2Connection
from wsgicontainer.http2.requests import Shared
from wsgicontainer.interfaces import IOpenConnection
from wsgicontainer.settings import Settings
from wsgicontainer.telemetry.accesslog import AccessLog

SHORT, LONG = 200, 1_200
"""Requests in the two runs whose difference counts."""
_SHORT_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"
_CLOSING_HEAD = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nConnection: close\r\n\r\n"
_BROWSER_HEAD = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0"
    b" Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCache-Control: max-age=0\r\n"
    b"Cookie: sessionid=0123456789abcdef0123456789abcdef; csrftoken=fedcba9876543210fedcba9876543210\r\n"
    b"Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\nSec-Fetch-User: ?1\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n\r\n"
)
_SECTION = b"\x82\x87\x84\x41\x0e127.0.0.1:8000"
"""GET, https, / and the authority (RFC 7541 section 6)."""
_POST = (
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 200\r\n\r\n" + b"x" * 200
)


@frozen
class Scenario:
    """One kind of request."""

    request: bytes
    app: str = "apps:hello"
    logged: bool = False
    once: bool = False
    """A connection for each request."""
    streams: bool = False
    """Over HTTP/2, `request` being a field section: a stream for each, all on one connection."""


SCENARIOS = {
    "short head": Scenario(_SHORT_HEAD),
    "browser head": Scenario(_BROWSER_HEAD),
    "post": Scenario(_POST, app="apps:echo"),
    "access log": Scenario(_SHORT_HEAD, logged=True),
    "connection": Scenario(_CLOSING_HEAD, once=True),
    "http/2": Scenario(_SECTION, streams=True),
}


def prepared(scenario: Scenario, folder: Path) -> Callable[[int], None]:
    """Return what serves so many requests."""
    threads, wire = OneThread(), (StreamsWire if scenario.streams else EndlessWire)(scenario.request)
    log = AccessLog(str(folder / "access.log"), "combined", bool)
    log.open()
    site = site_of(Settings(wsgi=scenario.app), threads, NoRoll(), log if scenario.logged else None)
    connection: IOpenConnection = Connection(site, wire)
    if scenario.streams:
        connection = Http2Connection(site, wire, Shared(100, Room(2**18, 60.0), 10_000))

    def serve(count: int) -> None:
        nonlocal connection
        for _ in range(count):
            if scenario.once:
                wire.drained = False
                connection = Connection(site, wire)
            connection.noticed(EPOLLIN)
            threads.work()
        log.flush()  # the lines are part of what the requests cost

    serve(1)
    if not wire.said.startswith(b"HTTP/1.1 200 OK\r\n") and not (scenario.streams and b"Hello" in wire.said):
        raise SystemExit(f"the scenario is wrong: {wire.said!r}")
    return serve


def main() -> None:
    """Warm everything up, let callgrind begin to count, and put a mark around each run."""
    with tempfile.TemporaryDirectory() as folder:
        runs = [prepared(scenario, Path(folder)) for scenario in SCENARIOS.values()]
        for serve in runs:
            serve(LONG)
        gc.collect()
        gc.freeze()
        _begin_to_count()
        for serve in runs:
            _mark()
            serve(SHORT)
            _mark()
            serve(LONG)
            _mark()
    sys.stdout.flush()
    os._exit(0)  # counting the interpreter's end would take seconds


def _begin_to_count() -> None:
    """Tell the callgrind that we run in to start: it need not count our imports, that takes 20 s.

    It listens only while we work, hence the loop.
    """
    told = subprocess.Popen(["vgdb", f"--pid={os.getpid()}", "instrumentation", "on"], stderr=subprocess.DEVNULL)
    while told.poll() is None:
        pass
    if told.returncode:
        raise SystemExit("vgdb could not reach callgrind")


def _mark() -> None:
    """Call the C function at which callgrind writes down what it has counted, and starts at 0."""
    os.getpriority(os.PRIO_PROCESS, 0)


if __name__ == "__main__":
    main()
