"""`--timeout`: the client is answered in time, the thread is free again, too many stuck ones end the process."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

APPLICATION = """
import threading
import time

from wsgicontainer import RequestTimeout

crowd = threading.Barrier(2)
left = []


def doze(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.005)


class Result:
    def __iter__(self):
        doze(60)
        yield b"late"

    def close(self):
        left.append("close")


def content(path, environ):
    if path == "/doze":
        doze(60)
    elif path == "/spin":
        count = 0
        while True:
            count += 1
    elif path == "/stuck":
        time.sleep(60)
    elif path == "/away":
        try:
            time.sleep(3)
        finally:
            left.append("back")
    elif path == "/stubborn":
        try:
            doze(60)
        except Exception:
            left.append("swallowed")
    elif path == "/told":
        try:
            doze(60)
        except RequestTimeout:
            left.append("told")
            raise
        finally:
            left.append("finally")
    elif path == "/crowd":
        crowd.wait(20)
    elif path == "/left":
        return " ".join(left).encode()
    elif path == "/deadline":
        return f"{environ.get('wsgicontainer.deadline', 0.0) - time.monotonic():.3f}".encode()
    return b"done"


def application(environ, start_response):
    path = environ["PATH_INFO"]
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if path == "/close":
        return Result()
    if path == "/slow":
        write(b"begun ")
        doze(1.5)
    return [content(path, environ)]
"""
SECONDS = 0.5
ENOUGH = 3
"""Within so many seconds each answer is there, however loaded the machine is; the work would take 60."""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the application lies."""
    (tmp_path / "slow.py").write_text(APPLICATION)
    return tmp_path


OPTIONS = ("slow:application", "--timeout", str(SECONDS), "--threads", "2", "--access-log", "-")


@pytest.fixture
def timed(serve, folder):
    """Serve it with a deadline and two threads."""
    return lambda *options: serve(*OPTIONS, *options, chdir=folder)


@pytest.fixture(scope="module")
def shared(serve_module, tmp_path_factory):
    """One server for tests that leave its threads as they were."""
    folder = tmp_path_factory.mktemp("deadline")
    (folder / "slow.py").write_text(APPLICATION)
    return serve_module(*OPTIONS, chdir=folder)


def ask(server, path: str, method: str = "GET") -> requests.Response:
    return requests.request(method, server.url + path, timeout=30)


def together(server, path: str, count: int) -> list[int]:
    """Ask several times at once; return the status codes."""
    codes: list[int] = []
    clients = [threading.Thread(target=lambda: codes.append(ask(server, path).status_code)) for _ in range(count)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(30)
    return codes


def crowd(server) -> list[int]:
    """Have two requests meet inside the application: both threads are there."""
    return together(server, "/crowd", 2)


def until_left(server, words: str) -> None:
    deadline = time.monotonic() + 10
    while words not in ask(server, "/left").text:
        assert time.monotonic() < deadline, ask(server, "/left").text
        time.sleep(0.02)


def test_it_is_answered_in_time_and_the_thread_is_free(timed):
    """Asleep, computing, or about to swallow every Exception: 504, the connection ends, and both threads run on."""
    server = timed()
    for path in ("/doze", "/spin", "/stubborn", "/doze", "/spin"):
        began = time.monotonic()
        reply = ask(server, path)
        assert (reply.status_code, reply.text) == (504, "504 Gateway Timeout\n")
        assert reply.headers["Connection"] == "close"
        assert SECONDS <= time.monotonic() - began < ENOUGH
    assert crowd(server) == [200, 200]
    assert ask(server, "/left").text == "", "no Exception was raised"
    said = server.wait_for(r"GET /doze took longer than 0.5 s: answered 504 \[request [0-9a-f]{16}\]")
    server.wait_for(r'slow\.py", line \d+, in doze')
    server.wait_for(r'"GET /spin HTTP/1.1" 504 20 ')
    assert said
    assert "Traceback" not in server.output()
    assert server.stop() == 0


def test_the_application_cleans_up(shared):
    """`finally` runs, and close() of what it has returned."""
    assert ask(shared, "/told").status_code == 504
    assert ask(shared, "/close").status_code == 504
    until_left(shared, "told finally close")


def test_what_has_begun_is_never_cut(shared):
    """A slow download takes as long as it takes."""
    reply = ask(shared, "/slow")
    assert (reply.status_code, reply.text) == (200, "begun done")
    assert "GET /slow took longer" not in shared.output()


def test_a_client_that_pipelines_gets_504_and_the_end(shared):
    """Nothing is answered after it, and the client reads it: no reset."""
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as client:
        client.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n" + b"GET /doze HTTP/1.1\r\nHost: h\r\n\r\n" * 2)
        said = b""
        while part := client.recv(65536):
            said += part
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"504"]


def test_head_and_http10(shared):
    assert ask(shared, "/doze", "HEAD").status_code == 504
    with socket.create_connection(("127.0.0.1", shared.port), timeout=20) as client:
        client.sendall(b"GET /doze HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        said = b""
        while part := client.recv(65536):
            said += part
    assert said.startswith(b"HTTP/1.1 504 ")


def test_the_application_knows_its_deadline(shared):
    assert 0 < float(ask(shared, "/deadline").text) <= SECONDS


def test_threads_that_are_stuck_are_replaced(timed):
    """In one long sleep nothing can be raised: other threads take their place, and they end when they come back.

    Those that wait in the queue behind them are told after the same time.
    """
    server = timed("--max-stuck-threads", "9")
    began = time.monotonic()
    assert together(server, "/away", 4) == [504] * 4
    assert time.monotonic() - began < ENOUGH
    server.wait_for("its thread is written off, 2 of at most 9 are")
    assert crowd(server) == [200, 200]
    until_left(server, "back back")
    assert crowd(server) == [200, 200]
    assert server.stop() == 0


def test_too_many_and_the_process_ends(timed):
    """With status 1, so that its supervisor starts it anew; what runs is answered before."""
    server = timed("--max-stuck-threads", "1")
    assert ask(server, "/stuck").status_code == 504
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        server.wait_for("Stuck threads: 1; this process has to be replaced")
        client.sendall(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")  # within the farewell
        assert client.recv(65536).endswith(b"done")
    assert server.wait() == 1
    assert "Traceback" not in server.output()


def test_the_guide(serve, root, folder):
    """What docs/howto/deadlines.md shows is what happens."""
    page = (root / "docs" / "howto" / "deadlines.md").read_text()
    (folder / "reports.py").write_text(page.partition("```python\n")[2].partition("```")[0])
    server = serve("reports:application", "--timeout", "1", chdir=folder)
    assert re.fullmatch(r"\d+ rows\n", ask(server, "/careful").text)
    assert ask(server, "/").text == "504 Gateway Timeout\n"
    server.wait_for(r"reports\.py\", line 11, in application\s+time.sleep\(0.01\)  # a row")


def test_a_stuck_thread_does_not_delay_the_way_out(timed):
    server = timed()
    assert ask(server, "/stuck").status_code == 504
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 10
