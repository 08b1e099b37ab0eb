"""Requests that never become whole: heads that dribble, uploads that are left, a disk that is full."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from observing import Vigil, settles
from rawclient import Client

CLIENTS = 300
MB = 1_000_000


def test_dribbling_heads_and_bodies(besieged, attack_seconds):
    """300 requests that come octet by octet: nobody else waits, and all is as before when they have gone."""
    server = besieged("--header-timeout", "600")
    head = b"GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "
    body = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"
    with Vigil(server) as vigil:
        clients = [Client(server.port) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.socket.sendall(body if number % 2 else head)
        for _ in vigil.during(attack_seconds):
            for client in clients:
                client.socket.sendall(b"a")
            time.sleep(0.1)
        assert vigil.process.sockets() - vigil.sockets >= CLIENTS
        for number, client in enumerate(clients):
            client.reset() if number % 3 else client.close()
    vigil.check()


def test_dribbling_heads_are_ended(besieged):
    """A head has one deadline, however often something comes of it: 408, and the connection is free."""
    server = besieged("--header-timeout", "1")
    with Vigil(server) as vigil:
        clients = [Client(server.port) for _ in range(CLIENTS)]
        left, until = list(clients), time.monotonic() + 10
        while left and time.monotonic() < until:
            left = [client for client in left if dribbles(client)]
            time.sleep(0.1)
        assert left == []
        assert {client.reply()[0] for client in clients} == {408}
        for client in clients:
            client.close()
    vigil.check()


def dribbles(client: Client) -> bool:
    """Send one octet more; False when an answer has come instead."""
    client.socket.setblocking(False)
    try:
        client.buffer += client.socket.recv(65536)
    except BlockingIOError:
        client.socket.send(b"a" if client.pause() else b"GET /")
        client.pause = lambda: True
        return True
    finally:
        client.socket.settimeout(10)
    return False


def test_clients_that_leave_within_an_upload(besieged, attack_seconds):
    """300 uploads of which each is left in the middle: neither memory nor files nor connections stay."""
    server = besieged("--body-buffer", "8K", "--access-log", "-")
    head = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n"

    def leave(number: int) -> None:
        client = Client(server.port)
        client.socket.sendall(head + bytes(60_000))
        client.close() if number % 2 else client.reset()

    left = 0
    with Vigil(server) as vigil, ThreadPoolExecutor(30) as pool:
        for _ in vigil.during(attack_seconds):
            left += len(list(pool.map(leave, range(CLIENTS))))
            settles(vigil.process.descriptors, vigil.descriptors + 5)
    vigil.check()
    assert settles(lambda: left - server.output().count('" 499 '), 0) == 0
    assert vigil.grown() < 30 * MB


UNSHARE = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
MOUNT = 'mount -t tmpfs -o size=1m none "$TMPDIR" && exec "$@"'


@pytest.fixture
def full(start, apps, transport, tmp_path, need):
    """A server whose TMPDIR is a disk of 1 MiB of its own, and the path of that folder as others see it."""
    need("unshare")
    (folder := tmp_path / "tmp").mkdir()
    env = {"TMPDIR": str(folder)}
    if subprocess.run([*UNSHARE, "sh", "-c", MOUNT, "sh", "true"], env={**os.environ, **env}, check=False).returncode:
        pytest.skip("mounting a small disk is not allowed here")
    words = [sys.executable, "-m", "wsgicontainer", "besieged:application", "--transport", transport]
    words += ["--chdir", str(apps), "--port", "tcp:0:interface=127.0.0.1", "--threads", "4", "--min-threads", "4"]
    server = start(need("unshare"), *UNSHARE[1:], "sh", "-c", MOUNT, "sh", *words, cwd=tmp_path, env=env).started()
    return server, Path(f"/proc/{server.process.pid}/root{folder}")


def upload(port: int, content: bytes) -> tuple[int, bytes]:
    client = Client(port)
    head = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(content)
    with suppress(ConnectionError):  # refused before all was sent
        client.socket.sendall(head + content)
    status, _, answer = client.reply()
    client.close()
    return status, answer


def test_full_disk(full, attack_seconds):
    """What can't be kept is refused, what fits into memory is served, and room again means service again."""
    server, folder = full
    small, large = os.urandom(10_000), os.urandom(300_000)
    served = 200, hashlib.sha256(large).hexdigest().encode()
    assert upload(server.port, large) == served
    with Vigil(server) as vigil:
        with suppress(OSError), (folder / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass
        assert os.statvfs(folder).f_bavail == 0
        with ThreadPoolExecutor(20) as pool:
            for _ in vigil.during(attack_seconds):
                assert {status for status, _ in pool.map(upload, [server.port] * 20, [large] * 20)} <= {503, 507}
        assert upload(server.port, small) == (200, hashlib.sha256(small).hexdigest().encode())
        (folder / "ballast").unlink()
        assert upload(server.port, large) == served
    vigil.check()
    assert os.listdir(folder) == [] and os.statvfs(folder).f_bfree == os.statvfs(folder).f_blocks


def test_a_disk_too_small_for_all(full, attack_seconds):
    """Twenty uploads at once where three fit: each is answered, whole or refused, never in between."""
    server, folder = full
    contents = [os.urandom(300_000) for _ in range(20)]
    with Vigil(server) as vigil, ThreadPoolExecutor(20) as pool:
        for _ in vigil.during(attack_seconds / 2):
            answers = pool.map(upload, [server.port] * 20, contents)
            for content, (status, answer) in zip(contents, answers, strict=True):
                assert status in {200, 503, 507}
                assert status != 200 or answer == hashlib.sha256(content).hexdigest().encode()
    vigil.check()
    assert os.statvfs(folder).f_bfree == os.statvfs(folder).f_blocks
