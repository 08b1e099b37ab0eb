"""`serve(...)` starts the real command on a port of the kernel's choice, and sees to it that it is gone after the test.

Each test that serves runs once per transport: connections in the nested epoll set, and on ordinary Twisted transports.
TEST_TRANSPORT=nested (or twisted) chooses one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import pytest

BIN = Path(sys.executable).parent
COMMANDS = {
    "module": [sys.executable, "-m", "wsgicontainer"],
    "script": [str(BIN / "wsgicontainer")],
    # Into a pipe, twist would log JSON.
    "twist": [str(BIN / "twist"), "--log-format=text", "wsgicontainer"],
    "twistd": [str(BIN / "twistd"), "--nodaemon", "--pidfile=", "wsgicontainer"],
}
LISTENING = re.compile(r"listening on (https?://127\.0\.0\.1:(\d+))")
START_LIMIT = 30
"""Seconds that a loaded machine may need to import Django and listen."""
STOP_LIMIT = 40
TRANSPORTS = (os.environ.get("TEST_TRANSPORT") or "nested twisted").split()


class Output:
    """All that a process prints, read as it comes: who waits for a line is woken by it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._reader.start()

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while block := os.read(pipe.fileno(), 65536):
                with self._changed:
                    self._text += block.decode(errors="replace")
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def text(self) -> str:
        """Return what was printed so far."""
        with self._changed:
            return self._text

    def wait_for(self, pattern: str | re.Pattern[str], seconds: float = 10) -> re.Match[str] | None:
        """Wait until the pattern appears; None if it does not in time or before the process ends."""
        expression = re.compile(pattern)
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                found = expression.search(self._text)
                left = deadline - time.monotonic()
                if found or self._ended or left <= 0:
                    return found
                self._changed.wait(left)

    def drain(self) -> None:
        """Wait for the end of a process that was told to end."""
        self._reader.join(5)


class Server:
    """One running server. `url` and `port` are where it listens, without a slash at the end."""

    def __init__(self, arguments: list[str], *, cwd: Path, env: Mapping[str, str]) -> None:
        self.arguments = arguments
        self.process = subprocess.Popen(
            arguments,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert self.process.stdout is not None
        self._output = Output(self.process.stdout)
        self.url, self.port = "", 0

    def started(self, seconds: float = START_LIMIT) -> Server:
        """Wait until it listens; fail with its output if it does not."""
        found = self._output.wait_for(LISTENING, seconds)
        if found is None:
            end = "after" if self.process.poll() is None else f"but ended with {self.process.returncode} within"
            self.kill()
            line = " ".join(self.arguments)
            pytest.fail(f"{line}\ndid not listen {end} {seconds} s:\n{self.output()}", pytrace=False)
        self.url, self.port = found[1], int(found[2])
        return self

    def output(self) -> str:
        """Return standard output and standard error so far."""
        return self._output.text()

    def wait_for(self, pattern: str, seconds: float = START_LIMIT) -> re.Match[str]:
        """Wait for a pattern in the output; fail with the output if it does not come."""
        found = self._output.wait_for(pattern, seconds)
        if found is None:
            pytest.fail(f"no {pattern!r} in the server's output:\n{self.output()}", pytrace=False)
        return found

    def wait(self, seconds: float = STOP_LIMIT) -> int:
        """Wait for the process to end by itself; return its exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {seconds} s:\n{self.output()}", pytrace=False)
        self._output.drain()
        return status

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = STOP_LIMIT) -> int:
        """Signal it, wait, return the exit status; kill it if it stays."""
        try:
            if self.process.poll() is None:
                self.process.send_signal(number)
            return self.wait(seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """Make sure that nothing is left."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._output.drain()


Serve = Callable[..., Server]


@pytest.fixture
def start() -> Iterator[Serve]:
    """Start any command: `start("twistd", "--nodaemon", …, cwd=folder).started()`; it ends with the test."""
    servers: list[Server] = []

    def start(program: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Server:
        path = program if "/" in program else str(BIN / program)
        servers.append(Server([path, *arguments], cwd=cwd, env=env or {}))
        return servers[-1]

    yield start
    for server in servers:
        server.kill()


def launcher(folder: Path, apps: Path, transport: str) -> Iterator[Serve]:
    """Hand out `serve` and end whatever it has started."""
    servers: list[Server] = []

    def serve(
        app: str | None,
        *options: str,
        command: str = "module",
        chdir: Path | None = apps,
        cwd: Path = folder,
        env: Mapping[str, str] | None = None,
        wait: bool = True,
    ) -> Server:
        """Start the command; with `wait=False`, for what is to fail or listens elsewhere, do not wait for the port."""
        arguments = [*COMMANDS[command], *([app] if app else []), "--transport", transport]
        if chdir is not None:
            arguments += ["--chdir", str(chdir)]
        if not {"--port", "-p", "--bind", "-b"}.intersection(option.partition("=")[0] for option in options):
            arguments += ["--port", "tcp:0:interface=127.0.0.1"]
        server = Server([*arguments, *options], cwd=cwd, env=env or {})
        servers.append(server)
        return server.started() if wait else server

    yield serve
    for server in servers:
        server.stop(seconds=5) if server.process.poll() is None else server.kill()


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Which transports the server uses: `nested` or `twisted`."""
    return str(request.param)


@pytest.fixture
def serve(tmp_path: Path, apps: Path, transport: str) -> Iterator[Serve]:
    """A factory of servers that end with the test: `serve("hello:app", "--threads", "2").url`."""
    yield from launcher(tmp_path, apps, transport)


@pytest.fixture(scope="module")
def serve_module(tmp_path_factory: pytest.TempPathFactory, apps: Path, transport: str) -> Iterator[Serve]:
    """The same for a module: for tests that do not disturb each other on one server."""
    yield from launcher(tmp_path_factory.mktemp("serve"), apps, transport)
