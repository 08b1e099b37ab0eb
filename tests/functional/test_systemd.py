"""Under systemd: what it is told over a server's life, its watchdog, its sockets, its units."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from authority import Authority
from notified import NotifySocket

ANY_TRANSPORT = pytest.mark.parametrize("transport", ["auto"], indirect=True)
"""What is told does not depend on how connections are read: once is enough."""
PATIENCE = 10
OURS = [sys.executable, "-m", "wsgicontainer"]
TWIST = [str(Path(sys.executable).parent / "twist"), "--log-format=text", "wsgicontainer"]
"""It loads Twisted's own endpoints first, which take systemd's variables."""


@pytest.fixture(params=["a file", "an abstract name"])
def systemd(request, tmp_path: Path) -> Iterator[NotifySocket]:
    if request.param == "a file":
        listening = NotifySocket(str(tmp_path / "notify"))
    else:
        listening = NotifySocket(f"@wsgicontainer-test-{os.getpid()}")
    yield listening
    listening.close()


A_FILE = pytest.mark.parametrize("systemd", ["a file"], indirect=True)


def get(url: str, seconds: float = 20) -> bytes:
    with urllib.request.urlopen(url, timeout=seconds) as reply:
        return reply.read()


def keys(told: list[dict[str, str]]) -> list[str]:
    """Name each datagram by what systemd acts on, leaving out what is only for people and for the watchdog."""
    names = ("READY", "RELOADING", "STOPPING")
    return [name for each in told for name in names if name in each]


@ANY_TRANSPORT
def test_systemd_is_told_of_boot_reload_and_end_in_order(serve, systemd):
    """READY when it answers, RELOADING and READY around HUP, STOPPING when it drains."""
    server = serve("frozen:application", env={"NOTIFY_SOCKET": systemd.address})
    ready = systemd.until("READY")
    assert ready["MAINPID"] == str(server.process.pid)
    assert ready["STATUS"] == "Serving: 1 threads, 0 connections, 0 requests wait"
    assert get(server.url)
    before = time.monotonic_ns() // 1000
    server.process.send_signal(signal.SIGHUP)
    reloading = systemd.until("RELOADING")
    assert before <= int(reloading["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    assert systemd.until("READY")["STATUS"] == "Reloaded"
    server.process.terminate()
    assert systemd.until("STOPPING")["STATUS"].startswith("Draining: ")
    assert server.wait() == 0
    assert keys(systemd.told) == ["READY", "RELOADING", "READY", "STOPPING"]
    assert not any("WATCHDOG" in each for each in systemd.told)


@A_FILE
@ANY_TRANSPORT
@pytest.mark.parametrize("frozen", ["/thread", "/reactor"])
def test_the_watchdog_is_fed_until_the_threads_or_the_reactor_freeze(serve, systemd, frozen):
    """Then systemd kills and restarts. Requests that are served, or wait for their turn, do not stop it."""
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "600000"}
    server = serve("frozen:application", "--threads", "1", env=environ)
    systemd.until("READY")
    for _ in range(3):
        assert systemd.until("WATCHDOG") and get(server.url)
    askers = [Thread(target=ask, args=(server.url + frozen,), daemon=True) for _ in range(3)]
    for asker in askers:
        asker.start()
    deadline = time.monotonic() + PATIENCE
    while (told := systemd.next(2)) is not None:
        assert time.monotonic() < deadline, systemd.told
        assert "STATUS" in told or "WATCHDOG" in told
    server.kill()


def ask(url: str) -> None:
    with suppress(OSError):
        get(url)


@A_FILE
@ANY_TRANSPORT
def test_neither_the_application_nor_its_children_speak_in_our_name(serve, systemd):
    """The variables end with the server: a child that said READY or WATCHDOG would be believed."""
    environ = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000000"}
    server = serve("frozen:application", env=environ)
    for path in ("/", "/child"):
        assert json.loads(get(server.url + path)) == []


# Sockets ----------------------------------------------------------------------------------


def activate(*options: str) -> list[str]:
    """Begin a command line that starts a program, with this environment, when somebody connects."""
    return ["systemd-socket-activate", *(f"--setenv={name}" for name in os.environ), *options]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.mark.needs("systemd-socket-activate")
@pytest.mark.parametrize("command", [OURS, TWIST], ids=["module", "twist"])
def test_a_socket_without_a_name_is_served(start, apps, tmp_path, need, command):
    """The client that has started the server is its first; the children of the application see nothing of it."""
    port = free_port()
    words = [*activate("-l", f"127.0.0.1:{port}"), *command, "frozen:application", "--port", "systemd:"]
    server = start(need(words[0]), *words[1:], "--chdir", str(apps), cwd=tmp_path)
    server.wait_for("Listening on 127")
    assert json.loads(get(f"http://127.0.0.1:{port}/child")) == []
    server.started()
    assert server.stop() == 0


@pytest.mark.needs("systemd-socket-activate")
def test_sockets_by_name_also_with_tls_and_behind_proxies(start, apps, tmp_path, need):
    """And a unix socket, whose file is still there when the server has left: it is systemd's."""
    authority = Authority(tmp_path)
    authority.write(tmp_path / "certificates", "a.example")
    ports = {name: free_port() for name in ("http", "https", "proxied")}
    where = [word for port in ports.values() for word in ("-l", f"127.0.0.1:{port}")]
    path = tmp_path / "site.sock"
    words = [*activate(*where, "-l", str(path), "--fdname=http:https:proxied:unix"), *OURS]
    words += ["wellbehaved:application", "--chdir", str(apps), "--forwarded-allow-ips", "127.0.0.1"]
    for each in (
        "systemd:name=http",
        f"txsni:{tmp_path}/certificates:systemd:name=https",
        "haproxy:systemd:domain=INET:name=proxied",
        "systemd:index=3",
    ):
        words += ["--port", each]
    server = start(need(words[0]), *words[1:], cwd=tmp_path)
    server.wait_for("Listening on .*sock")
    assert get(f"http://127.0.0.1:{ports['http']}/environ")
    context = authority.client()
    question = b"GET /environ HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    plain = socket.create_connection(("127.0.0.1", ports["https"]), timeout=20)
    with context.wrap_socket(plain, server_hostname="a.example") as client:
        assert b'"https"' in ask_for(client, question)
    with socket.create_connection(("127.0.0.1", ports["proxied"]), timeout=20) as client:
        assert b'"192.0.2.7"' in ask_for(client, b"PROXY TCP4 192.0.2.7 192.0.2.1 1 2\r\n" + question)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(20)
        client.connect(str(path))
        assert ask_for(client, question).startswith(b"HTTP/1.1 200")
    assert server.stop() == 0
    assert path.exists()


def ask_for(client: socket.socket, question: bytes) -> bytes:
    client.sendall(question)
    return b"".join(iter(lambda: client.recv(65536), b""))


@ANY_TRANSPORT
@pytest.mark.needs("systemd-socket-activate")
def test_a_name_that_is_not_there_ends_the_boot_with_those_that_are(start, serve, apps, tmp_path, need):
    port = free_port()
    words = [*activate("-l", f"127.0.0.1:{port}", "--fdname=http"), *OURS, "hello:app"]
    server = start(need(words[0]), *words[1:], "--port", "systemd:name=https", "--chdir", str(apps), cwd=tmp_path)
    server.wait_for("Listening on 127")
    socket.create_connection(("127.0.0.1", port)).close()
    assert server.wait() == 3
    assert "is none of the sockets that systemd has passed; write systemd:name=http" in server.output()
    alone = serve("hello:app", "--port", "systemd:", env={"LISTEN_FDS": "1", "LISTEN_PID": "1"}, wait=False)
    assert alone.wait() == 3
    assert "--port systemd:: systemd has passed no socket" in alone.output()
