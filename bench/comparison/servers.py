"""Who is asked: the command of each server, and one running alone on its core."""

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

from attrs import frozen

from comparison.material import Material
from comparison.scenarios import Scenario
from environment import BENCH, BIN

PATIENCE = 30.0
"""Seconds that a server may need to listen."""


@frozen
class Server:
    """One server's command: `{app}` is module:name, `{path}` the same with a dot, `{listen}` what it speaks, where."""

    label: str
    words: str
    http: str
    """The words with which it listens without TLS; "" leaves it out of all that is asked so."""
    https: str = ""
    """The same with TLS; "": it can't."""
    h2: str = ""
    """The same with TLS and HTTP/2; "": it can't."""
    logs: str | None = None
    """The words that turn its access log on, to standard output."""
    silent: str = ""
    """The words that turn it off, where it is on by default."""
    extra: str = ""
    """What must be installed first: it is only asked when named."""

    def listen(self, over: str) -> str:
        """Return the words with which it speaks that."""
        return {"http": self.http, "https": self.https, "h2": self.h2}[over]


_TXSNI = "--port txsni:{certs}:tcp:{port}:interface=127.0.0.1"
_BIND = "--bind 127.0.0.1:{port}"
_CERTFILE = f"{_BIND} --certfile {{cert}} --keyfile {{key}}"
_SSL = "--port ssl:{port}:privateKey={key}:certKey={cert}:interface=127.0.0.1"
_GRANIAN = "--port {port} --ssl-certificate {cert} --ssl-keyfile {key}"

SERVERS = {
    "ours": Server(
        "wsgicontainer",
        "python -m probed {app} --log-level=critical {listen} --threads {threads} --max-connections=20000",
        http=_BIND,
        https=_TXSNI,
        h2=_TXSNI,
        logs="--access-log -",
    ),
    "granian": Server(
        "granian (Rust)",
        "granian --interface wsgi {listen} --blocking-threads {threads} --backpressure 20000 {app}",
        http="--port {port}",
        https=_GRANIAN,
        h2=_GRANIAN,
        logs="--access-log",
        silent="--no-access-log",
    ),
    "gunicorn": Server(
        "gunicorn gthread",
        "gunicorn {listen} -k gthread --threads {threads} {app}",
        http=_BIND,
        https=_CERTFILE,
        h2=f"{_CERTFILE} --http-protocols h2,h1",
        logs="--access-logfile -",
    ),
    "waitress": Server(
        "waitress", "waitress-serve {listen} --threads={threads} {app}", http="--listen=127.0.0.1:{port}"
    ),
    "hypercorn": Server(
        "hypercorn", "hypercorn --config hypercorn.toml {listen} wsgi:{app}", http="", https=_CERTFILE, h2=_CERTFILE
    ),
    "twist": Server(
        "twist web",
        "twist --log-level=critical web --wsgi {path} {listen}",
        http="--port tcp:{port}:interface=127.0.0.1",
        https=_SSL,
        h2=_SSL,
    ),
    "uwsgi": Server(
        "uWSGI (C)",
        "uwsgi {listen} --module {app} --threads {threads} --master --disable-logging",
        http="--http11-socket 127.0.0.1:{port}",
        extra="uwsgi==2.0.31",
    ),
    "bjoern": Server("bjoern (C, no threads)", "python -m inline {app} {listen}", http="{port}", extra="bjoern==3.2.2"),
}
USUAL = [name for name, server in SERVERS.items() if not server.extra]


class ServerFailedError(Exception):
    """A server did not start, or ended under load; says what it printed last."""


@frozen
class Running:
    """A server that listens."""

    group: int
    port: int
    probe_port: int


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def takes_part(server: Server, scenario: Scenario) -> bool:
    """Tell whether a server can do what is asked: speak it, and log it."""
    return bool(server.listen(scenario.over)) and (not scenario.logged or server.logs is not None)


def words_of(server: Server, scenario: Scenario, port: int, threads: int, material: Material) -> list[str]:
    """Return the command line, with its program's path."""
    line = server.words.replace("{listen}", server.listen(scenario.over)).format(
        app=scenario.app,
        path=scenario.app.replace(":", "."),
        port=port,
        threads=threads,
        cert=material.cert,
        key=material.key,
        certs=material.certs,
    )
    return [*f"{BIN}/{line}".split(), *((server.logs or "") if scenario.logged else server.silent).split()]


@contextmanager
def running(name: str, scenario: Scenario, threads: int, core: int, material: Material) -> Iterator[Running]:
    """Run a server on one core until the block ends. Raises ServerFailedError."""
    port, probe_port = free_port(), free_port()
    words = ["taskset", "-c", str(core), *words_of(SERVERS[name], scenario, port, threads, material)]
    env = os.environ | {"PYTHONPATH": str(BENCH), "PYTHONDONTWRITEBYTECODE": "1", "PROBE_PORT": str(probe_port)}
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        with out.open("wb") as stdout, err.open("wb") as stderr:  # files: a pipe would need a reader on some core
            process = subprocess.Popen(words, cwd=BENCH, env=env, start_new_session=True, stdout=stdout, stderr=stderr)
        try:
            _await_listening(process, port)
            yield Running(process.pid, port, probe_port)
            if process.poll() is not None:
                raise ServerFailedError("it ended under load")
        except ServerFailedError as error:
            raise ServerFailedError(f"{error}: {_last_line(err) or _last_line(out)}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise ServerFailedError("it does not listen" if process.poll() is None else "it did not start")


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def cpu_seconds(group: int) -> float:
    """Add up user and system time of all processes of a group."""
    return sum(int(stat[11]) + int(stat[12]) for stat in _stats(group)) / os.sysconf("SC_CLK_TCK")


def resident_kib(group: int) -> float:
    """Add up the resident memory of all processes of a group."""
    return sum(int(stat[21]) for stat in _stats(group)) * os.sysconf("SC_PAGE_SIZE") / 1024


def _stats(group: int) -> Iterator[list[str]]:
    """Give what /proc/PID/stat says after the name (proc(5)), for each process of the group."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(words[2]) == group:
            yield words
