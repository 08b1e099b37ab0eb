"""Many workers where servers live: below systemd, with a user of their own, with keys that only root may read."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from notified import NotifySocket

UID, GID = 60_001, 60_002
"""Numbers that nobody has."""


@pytest.fixture(scope="module")
def transport() -> str:
    """Which one does not matter to a supervisor."""
    return "nested"


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[NotifySocket]:
    listening = NotifySocket(str(tmp_path / "notify"))
    yield listening
    listening.close()


def get(url: str, context: ssl.SSLContext | None = None) -> str:
    with urllib.request.urlopen(url, timeout=20, context=context) as reply:
        return reply.read().decode()


def children(pid: int) -> set[int]:
    return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def workers(server: Any) -> set[int]:
    return {worker for zygote in children(server.process.pid) for worker in children(zygote)}


def status_until(systemd: NotifySocket, start: str) -> None:
    while not (told := systemd.until("STATUS"))["STATUS"].startswith(start):
        assert told


def test_systemd_hears_of_all_workers(serve, systemd, tmp_path):
    """READY when all serve, RELOADING and READY around HUP, however it went, STOPPING in the end."""
    code = tmp_path / "site_code.py"
    good = "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'good']\n"
    code.write_text(good)
    environ = {"NOTIFY_SOCKET": systemd.address, "PYTHONDONTWRITEBYTECODE": "1"}
    server = serve("site_code:application", "--workers", "2", chdir=tmp_path, env=environ)
    ready = systemd.until("READY")
    assert (ready["STATUS"], ready["MAINPID"]) == ("2 workers, generation 1", str(server.process.pid))
    server.process.send_signal(signal.SIGHUP)
    assert int(systemd.until("RELOADING")["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert systemd.until("READY")["STATUS"] == "Reloaded"
    code.write_text("syntax error")
    server.process.send_signal(signal.SIGHUP)
    systemd.until("RELOADING")
    assert systemd.until("READY")["STATUS"].startswith("Not reloaded: ")
    assert get(server.url) == "good"
    server.process.terminate()
    assert systemd.until("STOPPING")["STATUS"] == "Draining: 2 workers, generation 2"
    assert server.wait() == 0


def test_the_watchdog_bites_if_one_worker_stands_still_and_survives_an_upgrade(serve, systemd):
    """Who is fed before is fed after the new supervisor has taken over, under the same process id."""
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "2000000"}
    server = serve("manyfold:application", "--workers", "2", env=environ)
    systemd.until("READY")
    systemd.until("WATCHDOG")
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("The new supervisor has taken over", 30)
    assert systemd.until("READY")["MAINPID"] == str(server.process.pid)
    server.wait_for("Generation 2 serves", 30)
    systemd.until("WATCHDOG")
    stopped = max(workers(server))  # of the new generation; the old one drains
    os.kill(stopped, signal.SIGSTOP)
    try:
        deadline = time.monotonic() + 15
        fed = time.monotonic()
        while time.monotonic() - fed < 2:  # one period without food: systemd would kill it now
            if (told := systemd.next(0.2)) is not None and "WATCHDOG" in told:
                fed = time.monotonic()
            assert time.monotonic() < deadline, "it is fed all the same"
    finally:
        os.kill(stopped, signal.SIGCONT)
    systemd.until("WATCHDOG")


@pytest.mark.needs("systemd-socket-activate")
def test_a_socket_of_systemds_is_shared_by_all_workers(start, apps, tmp_path, need):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"--setenv={name}" for name in os.environ] + ["-l", f"127.0.0.1:{port}", sys.executable, "-m"]
    words += ["wsgicontainer", "manyfold:application", "--port", "systemd:", "--workers", "2", "--chdir", str(apps)]
    server = start(need("systemd-socket-activate"), *words, cwd=tmp_path)
    server.wait_for("Listening on 127")
    url = f"http://127.0.0.1:{port}/"
    assert get(url).strip().isdigit()
    server.started()
    assert server.stop() == 0


def test_health_is_told_by_workers(serve):
    server = serve("manyfold:application", "--workers", "2", "--health", "/health")
    assert get(f"{server.url}/health/ready") and get(f"{server.url}/health/live")


@pytest.fixture
def home(apps: Path) -> Iterator[Path]:
    """A folder that belongs to the user; pytest's own ones are closed to others than root."""
    if os.geteuid():
        sentence = "only root can test how privileges are shed"
        if os.environ.get("REQUIRE_TOOLS", "0") not in {"", "0"}:
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copy(apps / "parent.py", folder)
    for path in (folder, folder / "parent.py"):
        os.chown(path, UID, GID)
    yield folder
    shutil.rmtree(folder)


def test_workers_are_the_user_and_keys_are_roots(start, home, tmp_path):
    """Keys that only root may read are read before, also by the generation that follows HUP; sockets are the user's."""
    authority = Authority(tmp_path)
    keys = tmp_path / "keys"
    authority.write(keys, "localhost").chmod(0o600)
    context = ssl.create_default_context(cafile=str(authority.file))
    port = f"txsni:{keys}:tcp:0:interface=127.0.0.1"
    words = ["parent:app", "--user", str(UID), "--group", str(GID), "--workers", "2", "--preload"]
    words += ["--port", port, "--port", f"unix:{home}/site.sock:mode=600", "--warmup="]
    server = start("wsgicontainer", *words, cwd=home).started()
    url = f"https://localhost:{server.port}/facts"
    facts = get(url, context)
    assert f"user=({UID}, {UID}, {UID})" in facts and f"group=({GID}, {GID}, {GID})" in facts
    assert all(f"Uid:\t{UID}\t{UID}" in Path(f"/proc/{pid}/status").read_text() for pid in workers(server))
    found = (home / "site.sock").stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (UID, GID, 0o600)
    before = ssl.get_server_certificate(("localhost", server.port))
    authority.write(keys, "localhost").chmod(0o600)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("Generation 2 serves", 30)
    assert f"user=({UID}, {UID}, {UID})" in get(url, context)
    assert ssl.get_server_certificate(("localhost", server.port)) != before
    assert server.stop() == 0


def test_nothing_of_the_users_is_followed_as_root(start, home, tmp_path):
    """The supervisor stays root: a link in the user's folder is no way to write elsewhere, nor is a module there."""
    precious = tmp_path / "precious"
    precious.write_text("roots")
    for name in ("json", "ssl", "socket", "encodings"):
        (home / f"{name}.py").write_text(f"open({str(tmp_path / 'run-as-root')!r}, 'w').close()\n")
    (home / "server.pid").symlink_to(precious)
    words = ["parent:app", "--user", str(UID), "--group", str(GID), "--workers", "2", "--warmup=", "--chdir", str(home)]
    port = ["--port", "tcp:0:interface=127.0.0.1"]
    refused = start("wsgicontainer", *words, *port, "--pid-file", f"{home}/server.pid", cwd=tmp_path)
    assert refused.wait() == 3
    assert "--pid-file" in refused.output() and "Permission denied" in refused.output()
    assert precious.read_text() == "roots"
    (home / "server.pid").unlink()
    server = start("wsgicontainer", *words, *port, "--pid-file", f"{home}/server.pid", cwd=tmp_path).started()
    assert (home / "server.pid").stat().st_uid == UID
    assert get(f"{server.url}/facts")
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("Generation 2 serves", 30)
    assert server.stop() == 0
    assert not (home / "server.pid").exists()
    assert not (tmp_path / "run-as-root").exists()
