"""A server with workers on all cores, and what the kernel knows of its processes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from comparison.servers import ServerFailedError, free_port
from environment import BENCH, BIN

PATIENCE = 60.0
"""Seconds that a server may need until it answers."""
COMMANDS = {
    "wsgicontainer": "python -m wsgicontainer --log-level=critical {listen}",
    "gunicorn gthread": "gunicorn -k gthread {listen}",
}
_LISTEN = "{app} --bind 127.0.0.1:{port} --threads 4 --workers {workers}"


class Crew:
    """A server's processes: the first one, and all that it and they have made."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def workers(self) -> list[int]:
        """Return the ids of those that have made no others: they serve."""
        return sorted(self._family() - set(_parents().values()))

    def proportional_mib(self) -> float:
        """Add up the memory of all of them; what several share counts once (PSS, proc(5))."""
        return sum(_pss(pid) for pid in self._family()) / 1024

    def _family(self) -> set[int]:
        parents, family = _parents(), {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in family} - family:
            family |= more
        return family

    def ask(self, seconds: float = 10.0) -> bytes:
        """Ask once, on a new connection; return the reply. Raises OSError."""
        with socket.create_connection(("127.0.0.1", self.port), seconds) as connection:
            connection.settimeout(seconds)
            connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            reply = b""
            while block := connection.recv(65536):
                reply += block
        return reply


def _parents() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            words = path.read_text().rpartition(")")[2].split()
            if words[0] != "Z":
                found[int(path.parent.name)] = int(words[1])
    return found


def _pss(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


@contextmanager
def serving(name: str, app: str, workers: int, *words: str) -> Iterator[Crew]:
    """Run a server until the block ends, once it answers. Raises ServerFailedError."""
    port = free_port()
    line = COMMANDS[name].format(listen=_LISTEN.format(app=app, port=port, workers=workers)).split()
    command = [f"{BIN}/{line[0]}", *line[1:], *words]
    env = os.environ | {"PYTHONPATH": str(BENCH), "PYTHONDONTWRITEBYTECODE": "1"}
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, cwd=BENCH, env=env, stdout=told, stderr=told, start_new_session=True)
        crew = Crew(process, port)
        try:
            await_answer(crew, time.monotonic() + PATIENCE)
            yield crew
        finally:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def await_answer(crew: Crew, until: float) -> float:
    """Ask until somebody answers; return when that was, on the monotonic clock. Raises ServerFailedError."""
    while time.monotonic() < until and crew.process.poll() is None:
        with suppress(OSError):
            if crew.ask(1.0).startswith(b"HTTP/1.1 200"):
                return time.monotonic()
        time.sleep(0.001)
    raise ServerFailedError("it does not answer")
