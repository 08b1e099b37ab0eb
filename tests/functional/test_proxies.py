"""Behind a proxy: nginx and HAProxy themselves, with what docs/howto/behind-a-proxy.md tells people to write."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import pytest

GUIDE = (Path(__file__).parents[2] / "docs/howto/behind-a-proxy.md").read_text()
CLIENT = "127.0.0.9"
"""Where clients come from; proxies come from 127.0.0.1."""
START_LIMIT = 20
STREAM = "/usr/lib/nginx/modules/ngx_stream_module.so"
TRUST = ("--forwarded-allow-ips", "127.0.0.1", "--access-log", "-", "--access-log-format", "%(h)s %(s)s")
V1 = f"PROXY TCP4 {CLIENT} 192.0.2.1 5678 8443\r\n".encode()
V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H4B4BHH", 12, 127, 0, 0, 9, 192, 0, 2, 1, 5678, 8443)
BEGUN = (b"", V1[:20], V2[:14])
ANY_TRANSPORT = pytest.mark.parametrize("transport", ["auto"], indirect=True)
"""A port for PROXY headers has Twisted's transports anyway: once is enough."""

Run = Callable[[list[str], int], None]


def free_port() -> int:
    """Return a port that was free a moment ago: proxies can't say which one the kernel chose."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def talk(port: int, octets: bytes, source: str = CLIENT, tls: ssl.SSLContext | None = None) -> bytes:
    """Send from an address of ours; return what came until the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20, source_address=(source, 0)) as plain:
        client = tls.wrap_socket(plain) if tls else plain
        reply = b""
        try:
            client.sendall(octets)
            while block := client.recv(65536):
                reply += block
        except (BrokenPipeError, ConnectionResetError):
            pass
        client.close()
    return reply


def question(*lines: str) -> bytes:
    return "\r\n".join(["GET /environ HTTP/1.1", "Host: h.example:8443", "Connection: close", *lines, "", ""]).encode()


def environ(reply: bytes) -> dict[str, str]:
    assert reply.startswith(b"HTTP/1.1 200 "), reply
    return dict(json.loads(reply[reply.index(b"{") : reply.rindex(b"}") + 1]))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Path:
    folder = tmp_path_factory.mktemp("proxies")
    words = [need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += ["-days", "2", "-subj", "/CN=localhost"]
    files = ["-keyout", str(folder / "site.key"), "-out", str(folder / "site.crt")]
    subprocess.run([*words, *files], check=True, capture_output=True)
    (folder / "site.pem").write_bytes((folder / "site.crt").read_bytes() + (folder / "site.key").read_bytes())
    return folder


@pytest.fixture
def tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


@pytest.fixture
def run() -> Iterator[Run]:
    """`run([command, …], port)` runs a proxy until the test ends, and returns when its port answers."""
    running: list[subprocess.Popen[bytes]] = []

    def run(words: list[str], port: int) -> None:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        running.append(process)
        deadline = time.monotonic() + START_LIMIT
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    process.kill()
                    pytest.fail(f"{words} does not run: {process.communicate()[0].decode()}")
                time.sleep(0.02)
            else:
                return

    yield run
    for process in running:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def told(kind: str, front: int, back: int, certificate: Path, number: int = 0) -> str:
    """Return what the guide tells to write, with ports and files that are free here."""
    text: str = re.findall(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)[number]
    for old, new in ((":8000", f":{back}"), ("/etc/ssl", str(certificate))):
        text = text.replace(old, new)
    return text.replace("bind :443", f"bind 127.0.0.1:{front}").replace("listen 443", f"listen 127.0.0.1:{front}")


def nginx(run: Run, folder: Path, server: str, port: int) -> None:
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{server}}}\n"
    )
    run(["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")], port)


def nginx_stream(run: Run, folder: Path, text: str, port: int) -> None:
    (folder / "nginx.conf").write_text(
        f"load_module {STREAM};\ndaemon off; master_process off; pid {folder}/nginx.pid; error_log stderr crit;\n"
        f"events {{}}\n{text}"
    )
    run(["nginx", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")], port)


def haproxy(run: Run, folder: Path, text: str, port: int) -> None:
    (folder / "haproxy.cfg").write_text(text)
    run(["haproxy", "-db", "-f", str(folder / "haproxy.cfg")], port)


LIES = (
    "X-Forwarded-For: 127.0.0.1",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Host: evil",
    "X-Forwarded-Port: 1",
    "Forwarded: for=127.0.0.1;host=evil",
)


def check_fields(found: dict[str, str]) -> None:
    """The client's address, scheme and port are what the application sees, whatever the client has invented."""
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["SERVER_PORT"]) == (CLIENT, "https", "8443")
    assert (found["HTTP_HOST"], found["HTTP_X_FORWARDED_FOR"]) == ("h.example:8443", CLIENT)
    assert not {"HTTP_FORWARDED", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT"} & set(found)


@pytest.mark.needs("nginx", "openssl")
def test_nginx(serve, run, tmp_path, certificate, tls):
    server, front = serve("wellbehaved:application", *TRUST), free_port()
    nginx(run, tmp_path, told("nginx", front, server.port, certificate), front)
    for lines in ((), LIES):
        check_fields(environ(talk(front, question(*lines), tls=tls)))
    server.wait_for(rf"(?m)^{CLIENT} 200$")
    assert "127.0.0.1 200" not in server.output()


@pytest.mark.needs("nginx", "openssl")
def test_nginx_over_a_unix_socket(serve, run, tmp_path, certificate, tls):
    path, front = tmp_path / "site.sock", free_port()
    options = ("--port", f"unix:{path}", "--forwarded-allow-ips", "unix:")
    serve("wellbehaved:application", *options, wait=False).wait_for("listening on unix:")
    text = told("nginx", front, 8000, certificate).replace("http://127.0.0.1:8000", f"http://unix:{path}")
    nginx(run, tmp_path, text, front)
    check_fields(environ(talk(front, question(*LIES), tls=tls)))


@pytest.mark.needs("haproxy", "openssl")
def test_haproxy(serve, run, tmp_path, certificate, tls):
    server, front = serve("wellbehaved:application", *TRUST), free_port()
    haproxy(run, tmp_path, told("text", front, server.port, certificate), front)
    for lines in ((), LIES):
        check_fields(environ(talk(front, question(*lines), tls=tls)))
    server.wait_for(rf"(?m)^{CLIENT} 200$")


@ANY_TRANSPORT
@pytest.mark.needs("haproxy")
@pytest.mark.parametrize("version", ["send-proxy", "send-proxy-v2", "send-proxy check inter 10"])
def test_haproxy_with_the_proxy_protocol(serve, run, tmp_path, version):
    """The client's address, and no forwarding field of the client's own; health checks do no harm."""
    server, front = serve("wellbehaved:application", *TRUST, "--port", "haproxy:tcp:0:interface=127.0.0.1"), free_port()
    text = told("text", front, server.port, tmp_path, number=1)
    assert "send-proxy-v2" in text
    haproxy(run, tmp_path, text.replace("send-proxy-v2", version), front)
    check_header(front, server)


@ANY_TRANSPORT
@pytest.mark.needs("nginx", STREAM)
def test_nginx_with_the_proxy_protocol(serve, run, tmp_path):
    server, front = serve("wellbehaved:application", *TRUST, "--port", "haproxy:tcp:0:interface=127.0.0.1"), free_port()
    nginx_stream(run, tmp_path, told("nginx", front, server.port, tmp_path, number=1), front)
    check_header(front, server)


def check_header(front: int, server: Any) -> None:
    """The client's address counts, and no forwarding field of the client's own does."""
    for _ in range(5):
        found = environ(talk(front, question(*LIES)))
    assert (found["REMOTE_ADDR"], found["wsgi.url_scheme"], found["HTTP_HOST"]) == (CLIENT, "http", "h.example:8443")
    assert (found["SERVER_NAME"], found["SERVER_PORT"]) == ("127.0.0.1", str(front))
    assert not any("FORWARDED" in name for name in found)
    server.wait_for(rf"(?m)^{CLIENT} 200$")
    assert "PROXY header" not in server.output()


@ANY_TRANSPORT
@pytest.mark.parametrize("header", [V1, V2])
def test_the_proxy_header_in_any_pieces(serve_module, header):
    server = serve_module("wellbehaved:application", *TRUST, "--port", "haproxy:tcp:0:interface=127.0.0.1")
    assert environ(talk(server.port, header + question(), source="127.0.0.1"))["REMOTE_ADDR"] == CLIENT
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in header:
            client.sendall(bytes([octet]))
        client.sendall(question())
        reply = b"".join(iter(lambda: client.recv(65536), b""))
    found = environ(reply)
    assert (found["REMOTE_ADDR"], found["REMOTE_PORT"], found["SERVER_PORT"]) == (CLIENT, "5678", "8443")


@ANY_TRANSPORT
def test_a_port_for_proxies_closes_strangers_and_bad_headers_and_goes_on(serve):
    """One line in the log each, never a traceback; who does not end a header has --header-timeout for it."""
    port = ("--port", "haproxy:tcp:0:interface=127.0.0.1")
    server = serve("wellbehaved:application", *TRUST, *port, "--header-timeout", "1")
    assert talk(server.port, V1 + question(), source=CLIENT) == b""
    server.wait_for(rf"{CLIENT} may not send a PROXY header: --forwarded-allow-ips does not name it")
    for octets in (question(), b"PROXY TCP4 1.2.3.4 1.2.3.4 x y\r\n" + question(), V2[:14] + b"\xff\xff" + bytes(2000)):
        assert talk(server.port, octets, source="127.0.0.1") == b""
    server.wait_for(r"(?s)(127\.0\.0\.1 is closed: it sent no good PROXY header.*){3}")
    with ThreadPoolExecutor(3) as together:  # it returns: the server has closed them
        assert list(together.map(lambda octets: talk(server.port, octets, "127.0.0.1"), BEGUN)) == [b""] * 3
    assert environ(talk(server.port, V2 + question(), source="127.0.0.1"))["REMOTE_ADDR"] == CLIENT
    assert "Traceback" not in server.output()


def test_only_trusted_peers_speak_for_clients(serve):
    server = serve("wellbehaved:application", *TRUST)
    lines = ("X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https")
    stranger = environ(talk(server.port, question(*lines), source=CLIENT))
    assert (stranger["REMOTE_ADDR"], stranger["wsgi.url_scheme"]) == (CLIENT, "http")
    proxy = environ(talk(server.port, question(*lines), source="127.0.0.1"))
    assert (proxy["REMOTE_ADDR"], proxy["wsgi.url_scheme"]) == ("192.0.2.7", "https")
    reply = talk(server.port, question("X-Forwarded-For: me"), source="127.0.0.1")
    assert reply.startswith(b"HTTP/1.1 400 ")
    server.wait_for(r"(?m)^192\.0\.2\.7 200$")


class Clients:
    """Clients of a proxy that keep their connections, and send what nobody may send twice; nothing is tried again."""

    def __init__(self, port: int, count: int = 4) -> None:
        self.failures: list[str] = []
        self.asked = 0
        self._port, self._ended = port, Event()
        self._threads = [Thread(target=self._ask, args=(f"client {each}",)) for each in range(count)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, content: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._ended.is_set():
            try:
                connection.request("POST", "/echo", content)
                reply = connection.getresponse()
                found = reply.status, reply.read().decode()
            except (OSError, http.client.HTTPException) as error:
                found = 0, repr(error)
                connection.close()
            self.asked += 1
            if found != (200, content):
                self.failures.append(f"request {self.asked}: {found}")
        connection.close()


@ANY_TRANSPORT
@pytest.mark.needs("nginx", "haproxy")
@pytest.mark.parametrize("proxy", ["nginx", "haproxy"])
def test_no_client_of_a_proxy_sees_a_restart(serve, run, tmp_path, proxy):
    """Two servers are restarted one after the other, under load, over connections that the proxy keeps."""
    front, backs = free_port(), (free_port(), free_port())

    def begin(back: int) -> Any:
        port = f"tcp:{back}:interface=127.0.0.1"
        return serve("wellbehaved:application", "--port", port, "--health", "/-")

    servers = [begin(back) for back in backs]
    kind, number = ("nginx", 2) if proxy == "nginx" else ("text", 2)
    text = told(kind, front, backs[0], tmp_path, number).replace(":8001", f":{backs[1]}")
    (nginx if proxy == "nginx" else haproxy)(run, tmp_path, text, front)
    with Clients(front) as clients:
        for turn in range(4):
            before = clients.asked
            while clients.asked < before + 200 and not clients.failures:
                time.sleep(0.01)
            assert servers[turn % 2].stop() == 0
            servers[turn % 2] = begin(backs[turn % 2])
    assert not clients.failures, clients.failures[:5]
    assert all("Traceback" not in server.output() for server in servers)
