"""TLS by name, with the clients that people have: curl, openssl, Python's ssl. On both transports."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import pytest
from authority import Authority

MB = 1 << 20
TRACE = re.compile("Traceback|Exception ignored|Unhandled")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Site:
    """A server for a.example and *.b.example, and how to reach it."""

    def __init__(self, server: Any, authority: Authority, folder: Path) -> None:
        self.server, self.authority, self.folder = server, authority, folder
        self.port = server.port

    def connect(self, name: str | None = "a.example", context: ssl.SSLContext | None = None, **more: Any) -> Any:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        context = context or self.authority.client()
        try:
            return context.wrap_socket(plain, server_hostname=name, **more)
        except BaseException:
            plain.close()
            raise

    def get(self, target: str = "/environ", name: str = "a.example", context: ssl.SSLContext | None = None) -> bytes:
        with self.connect(name, context) as client:
            return ask(client, target)

    def environ(self, **more: Any) -> dict[str, Any]:
        return dict(json.loads(self.get(**more)))

    def curl(self, *words: str, name: str = "a.example", target: str = "/") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [
                *("curl", "-sS", "--max-time", "60", "--cacert", str(self.authority.file)),
                *("--resolve", f"{name}:{self.port}:127.0.0.1", *words, f"https://{name}:{self.port}{target}"),
            ],
            capture_output=True,
            check=False,
        )

    def told(self) -> str:
        """Return the log, which no client may have filled with tracebacks."""
        assert not TRACE.search(self.server.output()), self.server.output()
        return str(self.server.output())


def ask(client: Any, target: str, *, fields: str = "") -> bytes:
    """Ask on a connection that stays; return the content."""
    client.sendall(f"GET {target} HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n".encode())
    reply = http.client.HTTPResponse(client)
    reply.begin()
    return reply.read()


def wait_until(true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def site(serve_module: Any, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("certificates") / "with:colon"
    authority.write(folder, "a.example")
    authority.write(folder, "a.example", rsa=True)
    authority.write(folder, "*.b.example")
    (folder / "corrupt.example.pem").write_text("no certificate")
    (folder / "wanted.example.pem").touch()
    files = folder.parent / "files"
    files.mkdir()
    (files / "20MB").write_bytes(os.urandom(20 * MB))
    escaped = str(folder).replace(":", "\\:")
    server = serve_module(
        "wellbehaved:application",
        *("--port", f"txsni:{escaped}:tcp:0:interface=127.0.0.1", "--threads", "4", "--header-timeout", "2"),
        *("--static", f"/files={files}"),
    )
    found = Site(server, authority, folder)
    yield found
    told = found.told()
    assert told.count("corrupt.example.pem: there is nothing in it that is PEM") == 1
    assert "wanted" not in told


@pytest.fixture
def own(serve: Any, authority: Authority, tmp_path: Path) -> Callable[..., Site]:
    """Make one for a single test."""

    def own(*options: str, app: str = "wellbehaved:application") -> Site:
        folder = tmp_path / "certificates"
        authority.write(folder, "a.example")
        server = serve(app, "--port", f"txsni:{folder}:tcp:0:interface=127.0.0.1", *options)
        return Site(server, authority, folder)

    return own


# --- Names ---


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("words", "version"), [([], "2"), (["--http1.1"], "1.1"), (["--no-alpn"], "1.1")])
def test_curl_by_name(words: list[str], version: str, site: Site) -> None:
    """HTTP/2 is agreed on by whoever offers it."""
    for name in ("a.example", "any.b.example"):
        done = site.curl(*words, "-w", "%{http_version} %{http_code} %{ssl_verify_result}", name=name)
        assert done.stdout == f"Hello, world!{version} 200 0".encode(), done.stderr


@pytest.mark.needs("curl")
def test_http_2_can_be_turned_off(own) -> None:
    done = own("--http-protocols", "h1").curl("-w", "%{http_version}")
    assert done.stdout == b"Hello, world!1.1", done.stderr


def test_the_environ_says_how_it_came(site: Site) -> None:
    for version, cipher in (("1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("1.3", "TLS_AES_256_GCM_SHA384")):
        environ = site.environ(context=site.authority.client(version=version))
        assert environ["wsgi.url_scheme"] == "https"
        assert environ["HTTPS"] == "on"
        assert (environ["SSL_PROTOCOL"], environ["SSL_CIPHER"]) == (f"TLSv{version}", cipher)
        assert environ["REMOTE_ADDR"] == "127.0.0.1"
        assert "SSL_CLIENT_VERIFY" not in environ


def test_names_are_case_insensitive_and_unknown_ones_are_refused(site: Site) -> None:
    assert site.get(name="A.Example")
    for unknown in ("x.example", "b.example", "two.labels.b.example", "wanted.example", "corrupt.example", None):
        context = site.authority.client()
        context.check_hostname = False
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            site.connect(unknown, context)
    assert site.get()


def hello(name: bytes) -> bytes:
    """Return a ClientHello with any octets as the server's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    out = ssl.MemoryBIO()
    placeholder = "".join("x" if (index + 1) % 50 else "." for index in range(len(name)))
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=placeholder).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read().replace(placeholder.encode(), name)


@pytest.mark.parametrize(
    "name", [b"../../a.example", b"/etc/passwd", b"\xff\xfe\xfd", b"x" * 249, b"a.example/../b", b"*.b.example"]
)
def test_a_name_that_is_none_is_refused_without_a_word(site: Site, name: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(hello(name))
        assert client.recv(7)[:1] == b"\x15", "an alert"
    site.told()


def test_ten_thousand_invented_names(own: Any) -> None:
    """They cost no memory, and others are served meanwhile."""
    site = own("--threads", "2")
    status = Path(f"/proc/{site.server.process.pid}/status")

    def memory() -> int:
        found = re.search(r"VmRSS:\s+(\d+)", status.read_text())
        return int(found[1]) if found else 0

    def invent(first: int) -> None:
        for number in range(first, first + 2500):
            with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.sendall(hello(b"x%06d.invented.example" % number))
                assert client.recv(1) == b"\x15"

    invent(0)
    before = memory()
    with ThreadPoolExecutor(3) as clients:
        working = [clients.submit(invent, 2500 * each) for each in (1, 2, 3)]
        while not all(each.done() for each in working):
            assert site.get()
            time.sleep(0.05)
        for each in working:
            each.result()
    assert memory() < before + 8000
    assert len(site.told()) < 5000


def test_default_is_for_everybody_else(own: Any) -> None:
    site = own()
    site.authority.write(site.folder, "main.example", file="DEFAULT.pem")

    def default() -> bool:
        context = site.authority.client()
        context.check_hostname = False
        try:
            with site.connect(None, context) as client:
                return ("DNS", "main.example") in client.getpeercert()["subjectAltName"]
        except ssl.SSLError:
            return False

    wait_until(default)


# --- Versions, resumption, renewal ---


@pytest.mark.needs("openssl")
def test_openssl_resumes(site: Site, tmp_path: Path) -> None:
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", "a.example"]
    for version in ("-tls1_2", "-tls1_3"):
        kept = str(tmp_path / version)
        asked = b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
        run: Any = {"input": asked, "capture_output": True, "timeout": 30}
        first = subprocess.run([*words, version, "-sess_out", kept, "-ign_eof"], check=False, **run)
        assert b"New, TLSv1" in first.stdout and b"Hello, world!" in first.stdout
        again = subprocess.run([*words, version, "-sess_in", kept, "-ign_eof"], check=False, **run)
        assert b"Reused, TLSv1" in again.stdout, again.stdout


@pytest.mark.needs("openssl")
@pytest.mark.parametrize("command", ["R", "k", "K"])
def test_renegotiation_is_refused_and_key_updates_are_answered(site: Site, command: str) -> None:
    """`R` asks for renegotiation, which only TLS 1.2 has; `k` and `K` update keys, which only 1.3 has."""
    version = "-tls1_2" if command == "R" else "-tls1_3"
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", "a.example", version]
    asked = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as client:
        assert client.stdin and client.stdout
        while "Verify return code" not in client.stdout.readline():
            pass
        client.stdin.write(f"{command}\n")
        client.stdin.flush()
        if command != "R":
            time.sleep(0.3)  # s_client takes a command only if it is all that it reads
            client.stdin.write(asked)
            client.stdin.flush()
        output = client.stdout.read()  # to the end: s_client gives up when it may not renegotiate
    assert ("no renegotiation" if command == "R" else "Hello, world!") in output
    assert site.get()
    site.told()


@pytest.mark.needs("openssl")
def test_a_client_with_little_room_gets_short_records(site: Site) -> None:
    """RFC 6066 section 4: no record of more than 512 octets."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", "a.example", "-quiet"]
    asked = b"GET /stream?blocks=26&size=4000 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"
    done = subprocess.run([*words, "-maxfraglen", "512"], input=asked, capture_output=True, check=False, timeout=30)
    for number in range(26):
        assert bytes([97 + number]) * 4000 in done.stdout


def test_a_renewal_under_load(own: Any) -> None:
    """No handshake fails, the new certificate is there within a second, and tickets of before are good after."""
    site = own("--threads", "4")
    stop = threading.Event()
    counted = [0, 0, 0]

    def visit(index: int) -> None:
        context = site.authority.client(version=("1.2", "1.3", None)[index])
        while not stop.is_set():
            assert site.get("/", context=context) == b"Hello, world!"
            counted[index] += 1

    def served() -> bytes:
        with site.connect() as client:
            return bytes(client.getpeercert(True))

    contexts = [site.authority.client(version=each) for each in ("1.2", "1.3")]
    sessions = []
    for context in contexts:
        with site.connect(context=context) as client:
            ask(client, "/")
            sessions.append(client.session)
    with ThreadPoolExecutor(3) as clients:
        working = [clients.submit(visit, index) for index in range(3)]
        try:
            for _ in range(4):
                before = served()
                site.authority.write(site.folder, "a.example")
                began = time.monotonic()
                wait_until(lambda: served() != before)  # noqa: B023
                assert time.monotonic() - began < 3, "a loaded machine is given time; it looks twice a second"
        finally:
            stop.set()
        for each in working:
            each.result()
    assert min(counted) > 0
    for context, session in zip(contexts, sessions, strict=True):
        with site.connect(context=context, session=session) as client:
            assert client.session_reused
            assert ask(client, "/") == b"Hello, world!"
    site.told()


def test_what_is_bad_leaves_what_was_good(own: Any) -> None:
    site = own()
    file = site.folder / "a.example.pem"
    file.write_bytes(file.read_bytes()[:200])
    site.server.wait_for(r"a\.example\.pem: .*; what was good before is served")
    assert site.get()
    file.unlink()
    site.server.wait_for(r"a\.example\.pem is gone")
    assert site.get()
    time.sleep(1.2)  # two looks more: once is enough
    assert site.told().count("a.example.pem") <= 3


def test_options_of_the_handshake(own: Any) -> None:
    site = own("--tls-min", "1.3")
    assert site.environ()["SSL_PROTOCOL"] == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        site.connect(context=site.authority.client(version="1.2"))
    chosen = own("--ciphers", "ECDHE+CHACHA20")
    environ = chosen.environ(context=site.authority.client(version="1.2"))
    assert environ["SSL_CIPHER"] == "ECDHE-ECDSA-CHACHA20-POLY1305"


# --- Content ---


def test_many_requests_on_one_connection(site: Site) -> None:
    with site.connect() as client:
        for _ in range(500):
            assert ask(client, "/") == b"Hello, world!"


def test_requests_in_one_record_and_in_many(site: Site) -> None:
    """Pipelined: all in one record, each in its own, and octet by octet."""
    request = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
    for pieces in ([request * 20], [request] * 20, [bytes([octet]) for octet in request * 2]):
        with site.connect() as client:
            for piece in pieces:
                client.sendall(piece)
            client.sendall(request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            reply = b""
            while block := client.recv(65536):
                reply += block
            assert reply.count(b"Hello, world!") == b"".join(pieces).count(b"GET") + 1


@pytest.mark.needs("curl")
def test_content_goes_both_ways_octet_for_octet(site: Site, tmp_path: Path) -> None:
    sent = os.urandom(20 * MB)
    (tmp_path / "sent").write_bytes(sent)
    done = site.curl("--data-binary", f"@{tmp_path}/sent", target="/echo")
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(sent).digest(), done.stderr
    done = site.curl(target="/files/20MB")
    assert (
        hashlib.sha256(done.stdout).digest()
        == hashlib.sha256((site.folder.parent / "files/20MB").read_bytes()).digest()
    ), done.stderr
    done = site.curl(target="/stream?blocks=2000&size=10000")
    assert len(done.stdout) == 20_000_000, done.stderr


@pytest.mark.needs("curl")
def test_a_slow_reader_gets_all_of_it(site: Site) -> None:
    """A file, and a reply that goes to disk: neither holds a thread."""
    for target, size in (("/files/20MB", 20 * MB), ("/stream?blocks=400&size=10000", 4_000_000)):
        with site.connect() as client, ThreadPoolExecutor(8) as others:
            client.sendall(f"GET {target} HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n".encode())
            time.sleep(0.3)
            assert set(others.map(lambda _: site.get("/"), range(8))) == {b"Hello, world!"}
            got = 0
            while block := client.recv(65536):
                got += len(block)
            assert got > size


def test_a_peer_that_reads_nothing_keeps_no_thread_and_is_cut(own: Any) -> None:
    site = own("--threads", "1", "--send-timeout", "1", "--output-buffer", "64K")
    with ExitStack() as stack:
        silent = [stack.enter_context(site.connect()) for _ in range(3)]
        for client in silent:
            client.sendall(b"GET /stream?blocks=3000&size=10000 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        assert site.get("/") == b"Hello, world!"
        folder = Path(f"/proc/{site.server.process.pid}/fd")
        sockets = len(list(folder.iterdir()))
        wait_until(lambda: len(list(folder.iterdir())) <= sockets - 3)
    site.told()


def test_half_a_request_and_a_farewell(site: Site) -> None:
    """`close_notify` while the reply is on its way: it is sent all the same, and then the connection ends."""
    come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = site.authority.client(version="1.3").wrap_bio(come, go, server_hostname="a.example")
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as plain:

        def until(do: Callable[[], Any]) -> Any:
            while True:
                try:
                    return do()
                except ssl.SSLWantReadError:
                    plain.sendall(go.read())
                    octets = plain.recv(65536)
                    assert octets
                    come.write(octets)

        until(client.do_handshake)
        client.write(b"GET /sleep?seconds=0.3 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        with suppress(ssl.SSLWantReadError):
            client.unwrap()
        reply = b""
        with suppress(ssl.SSLZeroReturnError):  # the end that the server has told
            while block := until(lambda: client.read(65536)):
                reply += block
    assert reply.startswith(b"HTTP/1.1 200 OK") and b"slept 0.3" in reply


def test_the_end_is_told(site: Site) -> None:
    """Otherwise a client could not tell it from somebody who cut the line."""
    context = site.authority.client()
    with site.connect(context=context, suppress_ragged_eofs=False) as client:
        client.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while client.recv(65536):
            pass


@pytest.mark.needs("curl")
def test_a_refusal_is_read(site: Site) -> None:
    with site.connect() as client:
        client.sendall(b"GET / HTTP/3.7\r\nHost: a.example\r\n\r\n" + b"x" * 100_000)
        assert client.recv(100).startswith(b"HTTP/1.1 505 ")


# --- What is no TLS ---


def test_plain_http_is_told_what_is_spoken_here(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        reply = b""
        while block := client.recv(65536):
            reply += block
    assert reply.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"HTTPS" in reply


@pytest.mark.parametrize(
    "junk", [b"\0" * 500, b"SSH-2.0-x\r\n", b"\x16\x03\x01\x02\0\x01" + b"\xff" * 600, b"\xc3\x9f~" * 1000]
)
def test_junk_ends_the_connection_and_nothing_else(site: Site, junk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
        try:
            client.sendall(junk)
            while client.recv(65536):
                pass
        except ConnectionError:
            pass
    assert site.get()
    site.told()


def test_a_trickled_hello_holds_nothing_but_its_socket(site: Site) -> None:
    """A hundred of them, and silent ones beside: others are served, and --header-timeout ends them all."""
    octets = hello(b"a.example")
    began = time.monotonic()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", site.port), timeout=20)) for _ in range(100)
        ]
        for index, octet in enumerate(octets[:12]):
            for client in clients[:50]:
                client.send(bytes([octet]))
            assert index % 4 or site.get("/") == b"Hello, world!"
        for client in clients:
            assert client.recv(1) == b""
    assert 1.5 < time.monotonic() - began < 15


def test_those_who_leave_in_the_middle_leave_nothing(site: Site) -> None:
    octets = hello(b"a.example")
    folder = Path(f"/proc/{site.server.process.pid}/fd")
    before = len(list(folder.iterdir()))
    for cut in (1, 50, len(octets)):
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", site.port), timeout=20) as client:
                client.sendall(octets[:cut])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert site.get()
    wait_until(lambda: len(list(folder.iterdir())) <= before + 3)
    site.told()


# --- Clients' certificates ---


def with_certificate(authority: Authority, folder: Path, signer: Authority, version: str) -> ssl.SSLContext:
    """Return the context of a client who shows a certificate."""
    context = authority.client(version=version)
    file = folder / "client.pem"
    file.write_bytes(signer.pem("ann@a.example", common_name="Ann Ä"))
    context.load_cert_chain(file)
    return context


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_client_that_has_to_show_a_certificate(own: Any, authority: Authority, tmp_path: Path, version: str) -> None:
    site = own("--ca-certs", str(authority.file), "--cert-reqs", "required")
    context = with_certificate(authority, tmp_path, authority, version)
    with site.connect(context=context) as client:
        environ = json.loads(ask(client, "/environ"))
        session = client.session
    assert environ["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert "CN=Ann Ä" in environ["SSL_CLIENT_S_DN"].encode("latin-1").decode()
    assert environ["SSL_CLIENT_I_DN"]
    assert re.fullmatch("[0-9A-F]+", environ["SSL_CLIENT_M_SERIAL"])
    assert environ["SSL_CLIENT_CERT"].startswith("-----BEGIN CERTIFICATE-----\n")
    with site.connect(context=context, session=session) as client:
        assert client.session_reused
        assert json.loads(ask(client, "/environ"))["SSL_CLIENT_M_SERIAL"] == environ["SSL_CLIENT_M_SERIAL"]
    (tmp_path / "strangers").mkdir()
    stranger = with_certificate(authority, tmp_path, Authority(tmp_path / "strangers"), version)
    for other in (authority.client(version=version), stranger):
        with pytest.raises((ssl.SSLError, ConnectionError)):
            site.get(context=other)
    site.told()


def test_a_client_that_may_show_a_certificate(own: Any, authority: Authority, tmp_path: Path) -> None:
    site = own("--ca-certs", str(authority.file), "--cert-reqs", "optional")
    assert site.environ()["SSL_CLIENT_VERIFY"] == "NONE"
    shown = site.environ(context=with_certificate(authority, tmp_path, authority, "1.3"))
    assert shown["SSL_CLIENT_VERIFY"] == "SUCCESS"


# --- Beside a plain port ---


def plain_port(site: Site) -> int:
    return int(site.server.wait_for(r"listening on http://127\.0\.0\.1:(\d+)")[1])


def reply_to(port: int, target: str, *fields: str, method: str = "GET") -> http.client.HTTPResponse:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as client:
        client.putrequest(method, target, skip_host=True)
        for field in fields:
            client.putheader(*field.split(": "))
        client.endheaders()
        reply = client.getresponse()
        reply.read()
        return reply


def test_redirects_to_https(own: Any) -> None:
    site = own("--port", "tcp:0:interface=127.0.0.1", "--redirect-https", "--forwarded-allow-ips", "127.0.0.1")
    port = plain_port(site)
    for target, host, location in (
        ("/a%20b?c=d", f"a.example:{port}", f"https://a.example:{site.port}/a%20b?c=d"),
        ("/", "a.example", "https://a.example/"),
        ("http://b.example:81/x", "a.example", f"https://b.example:{site.port}/x"),
        ("//evil.example/", "a.example", "https://a.example//evil.example/"),
        ("/", "[::1]:8000", f"https://[::1]:{site.port}/"),
    ):
        reply = reply_to(port, target, f"Host: {host}")
        assert (reply.status, reply.getheader("Location")) == (308, location)
    assert reply_to(port, "/x", "Host: a.example", method="POST").status == 308
    assert reply_to(port, "/", "Host: ").status == 400
    assert reply_to(port, "/.well-known/acme-challenge/token", "Host: a.example").status == 200
    assert reply_to(port, "/", "Host: a.example", "X-Forwarded-Proto: https").status == 200
    assert site.get("/") == b"Hello, world!"


def test_hsts_is_for_replies_over_tls(own: Any) -> None:
    site = own("--port", "tcp:0:interface=127.0.0.1", "--hsts", "3600")
    with site.connect() as client:
        for _ in range(3):
            client.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
            reply = http.client.HTTPResponse(client)
            reply.begin()
            reply.read()
            assert reply.getheader("Strict-Transport-Security") == "max-age=3600"
    assert reply_to(plain_port(site), "/", "Host: a.example").getheader("Strict-Transport-Security") is None


# --- Endpoints ---


def test_one_certificate_for_every_name(serve: Any, authority: Authority, tmp_path: Path) -> None:
    """ssl:, tls: and --certfile with --keyfile; each is renewed as others are."""
    whole = authority.pem("a.example")
    key, certificate = whole.split(b"-----BEGIN CERT", 1)
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "cert.pem").write_bytes(b"-----BEGIN CERT" + certificate)
    authority.write(tmp_path / "folder", "a.example", file="some name.pem")
    files = f"{tmp_path}/key.pem", f"{tmp_path}/cert.pem"
    for options in (
        ("--port", f"ssl:0:privateKey={files[0]}:certKey={files[1]}:interface=127.0.0.1"),
        ("--port", f"tls:{tmp_path}/folder:0:interface=127.0.0.1"),
        ("--keyfile", files[0], "--certfile", files[1], "--bind", "127.0.0.1:0"),
    ):
        server = serve("wellbehaved:application", *options)
        assert server.url.startswith("https://")
        site = Site(server, authority, tmp_path)
        assert site.get("/") == b"Hello, world!"
        if "tls:" not in options[1]:
            context = authority.client()
            context.check_hostname = False
            with site.connect(None, context) as client:
                assert ask(client, "/") == b"Hello, world!"


def test_tls_on_a_unix_socket(serve: Any, authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path / "folder", "a.example")
    server = serve("wellbehaved:application", "--port", f"txsni:{tmp_path}/folder:unix:{tmp_path}/s", wait=False)
    server.wait_for("listening on unix:")
    with closing(socket.socket(socket.AF_UNIX)) as plain:
        plain.settimeout(20)
        plain.connect(f"{tmp_path}/s")
        with authority.client().wrap_socket(plain, server_hostname="a.example") as client:
            assert json.loads(ask(client, "/environ"))["SERVER_PORT"] == "443"


def test_tls_behind_a_proxy_header(serve: Any, authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path / "folder", "a.example")
    for port in ("haproxy:txsni:{}:tcp:0:interface=127.0.0.1", "txsni:{}:haproxy:tcp:0:interface=127.0.0.1"):
        words = ("--port", port.format(f"{tmp_path}/folder"), "--forwarded-allow-ips", "127.0.0.1")
        server = serve("wellbehaved:application", *words)
        with closing(socket.create_connection(("127.0.0.1", server.port), timeout=20)) as plain:
            plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 5678 443\r\n")
            with authority.client().wrap_socket(plain, server_hostname="a.example") as client:
                environ = json.loads(ask(client, "/environ"))
        assert (environ["REMOTE_ADDR"], environ["HTTPS"]) == ("192.0.2.7", "on")


def test_ipv6(serve: Any, authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path / "folder", "a.example")
    port = f"txsni:{tmp_path}/folder:tcp6:0:interface=\\:\\:1"
    server = serve("wellbehaved:application", "--port", port, wait=False)
    number = int(server.wait_for(r"listening on https://\[::1\]:(\d+)")[1])
    with (
        closing(socket.create_connection(("::1", number), timeout=20)) as plain,
        authority.client().wrap_socket(plain, server_hostname="a.example") as client,
    ):
        assert ask(client, "/") == b"Hello, world!"


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        (["--port", "txsni:/nowhere:tcp:0"], 3, r"--port txsni:/nowhere:tcp:0: /nowhere can't be read \(No such file"),
        (["--port", "ssl:0:privateKey=/nowhere.pem"], 3, r"--port ssl:.*/nowhere\.pem can't be served \(No such file"),
        (["--certfile", "/nowhere.pem"], 3, r"--certfile /nowhere\.pem can't be served"),
        (
            ["--certfile", "{pem}", "--keyfile", "/no.pem"],
            3,
            r"--keyfile /no\.pem can't be served \(No such file or directory\); name the PEM file with the key of ",
        ),
        (["--port", "ssl:0"], 2, r"--port: 'ssl:0' does not say where its key is; write --port ssl:443:privateKey"),
        (["--tls-min", "1.0"], 2, r"--tls-min: '1.0' is none of 1.2, 1.3; write --tls-min 1.2"),
        (["--certfile", "{pem}", "--ciphers", "NONE"], 2, "--ciphers: 'NONE' names no cipher that OpenSSL has"),
        (["--certfile", "{pem}", "--ca-certs", "/no.pem", "--cert-reqs", "required"], 3, "--ca-certs /no.pem can't be"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    serve: Any, authority: Authority, tmp_path: Path, options: list[str], status: int, told: str
) -> None:
    file = authority.write(tmp_path, "a.example")
    server = serve("hello:app", *[word.format(pem=file) for word in options], wait=False)
    assert server.wait() == status
    (line,) = [each for each in server.output().splitlines() if each.startswith("wsgicontainer: ")]
    assert re.search(told, line)
    assert "Traceback" not in server.output()


def test_a_check_tells_what_a_start_would_warn_of(start: Any, apps: Path, authority: Authority, tmp_path: Path) -> None:
    """Who checks a folder of certificates sees what is passed over before anybody is refused."""
    authority.write(tmp_path / "folder", "a.example")
    (tmp_path / "folder" / "localhost.crt").touch()
    (tmp_path / "folder" / "junk.pem").write_text("junk")
    port = f"txsni:{tmp_path}/folder:tcp:0"
    server = start(sys.executable, "-m", "wsgicontainer", "hello:app", "--port", port, "--check-config", cwd=apps)
    assert server.wait() == 0, server.output()
    said = server.output()
    for told in ("localhost.crt is passed over", "junk.pem: there is nothing in it that is PEM", "has no DEFAULT.pem"):
        (line,) = [each for each in said.splitlines() if told in each]
        assert line.startswith("wsgicontainer: warning: "), line
    assert "applications  / = hello:app" in said


# --- The way out ---


def test_a_drain_lets_replies_finish(own: Any) -> None:
    site = own()
    with site.connect() as busy, site.connect() as idle:
        assert ask(idle, "/")
        busy.sendall(b"GET /sleep?seconds=1 HTTP/1.1\r\nHost: a.example\r\n\r\n")
        time.sleep(0.3)
        site.server.process.terminate()
        assert b"slept 1" in busy.recv(65536)
        assert idle.recv(1) == b"", "a farewell"
    assert site.server.wait() == 0
    site.told()


# --- The guide ---


@pytest.mark.needs("openssl", "curl")
def test_the_guide(serve: Any, root: Path, apps: Path, tmp_path: Path) -> None:
    """What docs/howto/tls.md has one try on one's own machine works as it stands."""
    page = (root / "docs" / "howto" / "tls.md").read_text()
    blocks = re.findall("```shell\n(.*?)```", page.partition("Try it on this machine")[2], re.DOTALL)
    make, _, command = blocks[0].partition("twist ")
    subprocess.run(["sh", "-ec", make], cwd=tmp_path, check=True, capture_output=True)
    words = command.replace("8443", "0").split()[1:]
    # --chdir would move the folder that the guide names.
    server = serve(*words, cwd=tmp_path, chdir=None, env={"PYTHONPATH": str(apps)})
    curl = blocks[1].replace("8443", str(server.port)).split()
    curl += ["-sS", "--resolve", f"localhost:{server.port}:127.0.0.1"]
    done = subprocess.run(curl, cwd=tmp_path, capture_output=True, check=False)
    assert done.stdout == b"Hello, world!", done.stderr
