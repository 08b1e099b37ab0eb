"""HTTP/2 without TLS, as real clients speak it: curl, nghttp, h2load; and what it promises under load."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from h2client import Client, request
from hyperframe.frame import DataFrame, GoAwayFrame, WindowUpdateFrame
from observing import Process
from rawclient import Client as Http1

TRUSTED = ("--forwarded-allow-ips", "127.0.0.1")


def curl(*words: str) -> str:
    done = subprocess.run(["curl", "-sS", "-m", "60", *words], capture_output=True, check=True, text=True)
    return done.stdout


@pytest.fixture
def connect():
    """Open connections that end with the test: `connect(port, {4: 100})`."""
    clients = []

    def connect(port, *settings, **more):
        clients.append(Client(port, *settings, **more))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def site(serve_module):
    server = serve_module("wellbehaved:application", *TRUSTED, "--access-log", "-", "--threads", "32")
    yield server
    assert server.stop() == 0
    assert "Traceback" not in server.output(), server.output()


@pytest.mark.needs("curl")
def test_curl_by_prior_knowledge(site):
    said = curl("--http2-prior-knowledge", f"{site.url}/hello", "-w", "%{http_version} %{http_code}")
    assert said == "Hello, world!2 200"
    site.wait_for(r'"GET /hello HTTP/2" 200 13 ')


@pytest.mark.needs("curl")
def test_curl_on_the_same_port_as_http1(site):
    assert curl(f"{site.url}/hello", "-w", " %{http_version}") == "Hello, world! 1.1"
    assert curl("--http2", f"{site.url}/hello", "-w", " %{http_version}") == "Hello, world! 1.1"


@pytest.mark.needs("curl")
def test_an_upload_comes_back(site, tmp_path):
    content = os.urandom(5_000_000)
    (tmp_path / "up").write_bytes(content)
    words = ("--http2-prior-knowledge", "--data-binary", f"@{tmp_path}/up", "-o", str(tmp_path / "down"))
    curl(*words, f"{site.url}/echo")
    assert (tmp_path / "down").read_bytes() == content


@pytest.mark.needs("nghttp")
def test_nghttp_multiplexes(site):
    paths = [f"{site.url}{path}" for path in ("/hello", "/stream?blocks=3", "/file", "/sleep?seconds=0.1")]
    done = subprocess.run(["nghttp", "-nv", "--no-dep", *paths], capture_output=True, check=True, text=True, timeout=60)
    assert done.stdout.count(":status: 200") == 4
    assert "RST_STREAM" not in done.stdout and done.stdout.count("recv GOAWAY") == 0


@pytest.mark.needs("h2load")
def test_h2load_loses_nothing(site):
    words = ["h2load", "-n", "1000", "-c", "4", "-m", "25", f"{site.url}/hello"]
    done = subprocess.run(words, capture_output=True, check=True, text=True, timeout=120)
    assert re.search(r"1000 succeeded, 0 failed, 0 errored", done.stdout), done.stdout


def test_who_is_not_trusted_may_not(serve):
    """As ever: a request line of HTTP/2.0 is 505, and says so in HTTP/1.1."""
    server = serve("wellbehaved:application")
    client = Http1(server.port)
    client.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
    assert client.reply()[0] == 505
    client.close()


def test_a_preface_in_pieces(site, connect):
    client = connect(site.port, begin=False)
    for octet in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]):
        client.send(bytes([octet]))
        time.sleep(0.002)
    assert client.ask("/hello") == b"Hello, world!"


def test_a_hundred_sleepers_on_one_connection(site, connect):
    """32 threads, 100 streams of 1 s each, one connection: four rounds."""
    client = connect(site.port)
    began = time.monotonic()
    streams = list(range(1, 201, 2))
    client.send(*(client.head(stream, request("/sleep?seconds=1")) for stream in streams))
    client.wait(*streams)
    took = time.monotonic() - began
    assert {client.status(stream) for stream in streams} == {200}
    assert 3.5 < took < 7, took


def test_replies_of_all_sizes_side_by_side_are_whole(site, connect):
    """Many streams at once, more than any window, read in small pieces: each is whole and its own."""
    client = connect(site.port, {4: 20_000})
    wanted = {}
    for number, stream in enumerate(range(1, 121, 2)):
        wanted[stream] = f"{number:05d}".encode() * (number * 400)
        client.send(client.head(stream, request("/echo", "POST"), "END_HEADERS"))
        send_content(client, stream, wanted[stream])
    give_windows(client, wanted)
    assert {stream: client.content(stream) for stream in wanted} == wanted


def send_content(client, stream, content):
    """Send content in frames, minding no window but the server's first: these are smaller."""
    pieces = [content[at : at + 16384] for at in range(0, len(content), 16384)] or [b""]
    for piece in pieces[:-1]:
        client.send(DataFrame(stream, piece))
    client.send(DataFrame(stream, pieces[-1], flags=["END_STREAM"]))


def give_windows(client, wanted):
    """Read all streams to their ends, opening windows by what has come."""
    client.send(WindowUpdateFrame(0, 1 << 30))
    given = dict.fromkeys(wanted, 0)
    while not all(map(client.ended, wanted)):
        assert client.read(), client.frames[-3:]
        for stream in wanted:
            come = len(client.content(stream)) - given[stream]
            if come > 10_000:
                given[stream] += come
                client.send(WindowUpdateFrame(stream, come))


@pytest.mark.needs("curl")
def test_a_static_file(serve, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "big.bin").write_bytes(content)
    server = serve("wellbehaved:application", *TRUSTED, "--static", f"/static={tmp_path / 'site'}")
    curl("--http2-prior-knowledge", "-o", str(tmp_path / "got"), f"{server.url}/static/big.bin")
    assert (tmp_path / "got").read_bytes() == content


@pytest.mark.needs("curl")
def test_an_application_that_fails_in_the_middle_is_an_error_for_curl(serve):
    server = serve("misbehaving:application", *TRUSTED)
    words = ["curl", "-sS", "-m", "30", "--http2-prior-knowledge", f"{server.url}/raises/in-iteration"]
    done = subprocess.run(words, capture_output=True, check=False, text=True)
    assert done.returncode == 92, done.stderr
    assert curl("--http2-prior-knowledge", f"{server.url}/", "-o", "/dev/null", "-w", "%{http_code}") in ("200", "404")


def test_a_deadline_is_504_on_its_stream(serve, connect):
    server = serve("wellbehaved:application", *TRUSTED, "--timeout", "1")
    client = connect(server.port)
    client.send(client.head(1, request("/sleep?seconds=3")), client.head(3, request("/sleep?seconds=0.2")))
    client.wait(1, 3)
    assert (client.status(1), client.status(3)) == (504, 200)
    assert client.ask("/hello", 5) == b"Hello, world!"


def test_term_finishes_running_streams_and_says_goodbye(serve, connect):
    server = serve("wellbehaved:application", *TRUSTED)
    client = connect(server.port)
    client.send(client.head(1, request("/sleep?seconds=2")))
    client.until(lambda: len(client.frames) >= 2)
    time.sleep(0.2)
    server.process.send_signal(signal.SIGTERM)
    client.to_the_end()
    farewells = [frame for frame in client.frames if isinstance(frame, GoAwayFrame)]
    assert [(frame.last_stream_id, frame.error_code) for frame in farewells] == [(2**31 - 1, 0), (1, 0)]
    assert client.status(1) == 200 and client.ended(1)
    assert server.wait() == 0


def test_idle_connections_do_not_delay_the_way_out(serve, connect):
    server = serve("wellbehaved:application", *TRUSTED)
    clients = [connect(server.port) for _ in range(20)]
    for client in clients:
        client.ask("/hello")
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5


def test_slow_readers_leave_memory_flat_and_threads_free(serve, connect):
    """1,000 replies of 1 MB that nobody reads, on ten connections: they wait on disk, and others are served."""
    server = serve("besieged:application", *TRUSTED, "--threads", "8", "--output-buffer", "64K", "--max-queue", "2048")
    process = Process(server.process.pid)
    first = connect(server.port)
    first.ask("/")
    before = process.memory()
    clients = [connect(server.port) for _ in range(10)]
    for client in clients:
        client.send(*(client.head(stream, request("/whole?1000000")) for stream in range(1, 201, 2)))
    began = time.monotonic()
    while time.monotonic() - began < 60:
        for client in clients:
            client.socket.settimeout(0.05)
            try:
                client.read()
            except TimeoutError:
                pass
        if all(len(client.heads) == 100 for client in clients):
            break
    assert all(len(client.heads) >= 90 for client in clients), [len(client.heads) for client in clients]
    assert process.memory() - before < 150 << 20
    first.ask("/", 3)
    for client in clients:
        client.close()
    deadline = time.monotonic() + 20
    while process.memory() - before > 60 << 20 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert process.memory() - before < 60 << 20


@pytest.mark.needs("curl")
def test_the_django_demo(serve, tmp_path, root):
    folder = tmp_path / "03-django"
    shutil.copytree(root / "examples" / "03-django", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    subprocess.run([sys.executable, "manage.py", "prepare"], cwd=folder, check=True, capture_output=True)
    server = serve("mysite.wsgi:application", *TRUSTED, "--static", "/static=./var/static", chdir=None, cwd=folder)
    jar = ("--http2-prior-knowledge", "-b", str(tmp_path / "jar"), "-c", str(tmp_path / "jar"))
    page = curl(*jar, f"{server.url}/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    form = ("--data-urlencode", f"csrfmiddlewaretoken={token[1]}", "--data-urlencode", "name=Ada", "--data-urlencode")
    curl(*jar, *form, "message=over HTTP/2", "-H", f"Origin: {server.url}", "-L", f"{server.url}/")
    page = curl(*jar, f"{server.url}/", "-w", "%{http_version}")
    assert page.endswith("2")
    for path in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page)):
        assert curl(*jar, "-o", "/dev/null", "-w", "%{http_code} %{http_version}", f"{server.url}{path}") == "200 2"


def test_threads_that_reply_at_once_never_forget_a_stream(site, connect):
    """A bounded stress: 20 clients, each with 100 streams at a time; no stream is forgotten by whoever owned it."""
    failures = []

    def client():
        try:
            one = connect(site.port)
            for round_ in range(10):
                streams = list(range(1 + round_ * 200, 1 + (round_ + 1) * 200, 2))
                one.send(*(one.head(stream, request("/stream?blocks=3")) for stream in streams))
                one.wait(*streams)
                assert {one.content(stream) for stream in streams} == {b"a" * 10 + b"b" * 10 + b"c" * 10}
                one.frames.clear()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=client) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
