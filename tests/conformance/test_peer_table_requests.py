"""Section 1 of our notes on twisted.web, the other half: what a peer sends, and what of it an application sees."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from tests.conformance.conftest import eventually, request

LARGEST = 2000
"""The server's limit on content here."""


@pytest.fixture(scope="module")
def log(tmp_path_factory, transport) -> Path:
    """Where the access log goes."""
    return tmp_path_factory.mktemp("log") / "access.log"


@pytest.fixture(scope="module")
def site(serve_module, log):
    """One server for all tests of this module."""
    server = serve_module(
        "misbehaving:application", "--limit-request-body", str(LARGEST), "--access-log", str(log), "--body-buffer", "1K"
    )
    yield server
    assert server.stop() == 0, server.output()
    assert "Traceback" not in server.output()


def environ_of(ask, target="/environ", *lines, **more):
    return ask(target, *lines, **more).json()


def refused(connect, site, octets: bytes) -> int:
    """Send octets, return the reply's status; the connection has to close after it."""
    peer = connect(site.port).send(octets)
    reply = peer.reply()
    assert reply.one("Connection") == "close"
    assert reply.content.startswith(str(reply.code).encode())
    assert peer.closed()
    return reply.code


# --- The environ ---


def test_content_fields_have_no_http_twin(ask):
    """wsgiref.validate on POST: CONTENT_LENGTH and CONTENT_TYPE have no HTTP_CONTENT_… beside them."""
    environ = environ_of(ask, "/environ", "Content-Type: text/x", method="POST", content=b"abc")
    assert (environ["CONTENT_LENGTH"], environ["CONTENT_TYPE"]) == ("3", "text/x")
    assert not [key for key in environ if key.startswith("HTTP_CONTENT")]


@pytest.mark.parametrize(
    "line",
    [
        "Proxy: http://evil/",
        "X_Real_IP: evil",
        "X-Forwarded_For: evil",
        "Content_Length: 7",
        "Transfer_Encoding: chunked",
        "Connection: keep-alive",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Trailer: X",
        "Upgrade: websocket",
        "Forwarded: for=evil",
        "X-Forwarded-For: evil",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Host: evil",
        "X-Forwarded-Prefix: /evil",
        "Expect: 100-continue",
    ],
)
def test_fields_that_never_reach_the_application(line, ask):
    """HTTP_PROXY (httpoxy), underscore headers, hop-by-hop and forwarding fields end at the server."""
    assert environ_of(ask, "/environ", line).keys() == environ_of(ask).keys()


def test_underscore_twin_is_not_merged(ask):
    """Underscore headers: X-Real-IP is what was sent under this name, whatever X_Real_IP says."""
    environ = environ_of(ask, "/environ", "X-Real-IP: 10.0.0.1", "X_Real_IP: evil")
    assert environ["HTTP_X_REAL_IP"] == "10.0.0.1"


def test_fields_sent_twice(ask):
    """Duplicate Cookie headers are joined with '; ', all others with ', '."""
    environ = environ_of(ask, "/environ", "Cookie: a=1", "Accept: x", "cookie: b=2", "ACCEPT: y")
    assert (environ["HTTP_COOKIE"], environ["HTTP_ACCEPT"]) == ("a=1; b=2", "x, y")


def test_server_name_is_not_the_peer_s(ask, site):
    """SERVER_NAME is where the server listens, not what Host says; SERVER_PORT is the socket's."""
    environ = environ_of(ask)
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("127.0.0.1", str(site.port))
    assert environ["HTTP_HOST"] == "localhost"


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_what_is_the_server_s(version, ask):
    """SERVER_PROTOCOL, REMOTE_ADDR/REMOTE_PORT, SERVER_SOFTWARE, REQUEST_URI/RAW_URI, wsgi.multiprocess."""
    environ = environ_of(ask, "/environ?a=%20b", version=version)
    assert environ["SERVER_PROTOCOL"] == f"HTTP/{version}"
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert 0 < int(environ["REMOTE_PORT"]) < 65536
    assert environ["SERVER_SOFTWARE"] == "wsgicontainer"
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == "/environ?a=%20b"
    assert environ["QUERY_STRING"] == "a=%20b"
    assert environ["wsgi.multiprocess"] is False
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.url_scheme"] == "http"


# --- Targets ---


def path_of(connect, site, target: str) -> tuple[int, str]:
    """Return the status and the target as the access log has it: the application says hello to any path."""
    return connect(site.port).send(request(target)).reply().code, target


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/environ", "/environ", ""),
        ("/%65nviron", "/environ", ""),
        ("/environ?", "/environ", ""),
        ("/environ?a?b", "/environ", "a?b"),
        ("http://other.example/environ", "/environ", ""),
        ("http://other.example:81/environ?x", "/environ", "x"),
        ("HTTPS://other.example/environ", "/environ", ""),
    ],
)
def test_path_info(target, path, query, ask):
    """PATH_INFO is decoded; absolute-form sets Host and path (RFC 9112 section 3.2.2)."""
    environ = environ_of(ask, target)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)
    host = target.partition("://")[2].partition("/")[0]
    assert environ["HTTP_HOST"] == (host or "localhost")


@pytest.mark.parametrize(
    "target",
    ["/a#frag", "#", "/caf\xe9", "/\x7f", "/a b", "nopath", "http://", "http:///x", "http://:80/x", "ftp://x/"],
)
def test_bad_targets(target, connect, site):
    """'#' or raw non-ASCII in the target, no path, no host: 400."""
    assert refused(connect, site, request(target)) == 400


@pytest.mark.parametrize("target", ["//", "//a", "/../x", "/a/./b", "/%2F", "/%00", "/%zz", "/a\\b", '/"<>^`{|}'])
def test_odd_paths_are_the_application_s(target, connect, site):
    """'//', '..' and %2F reach the application as they are."""
    assert path_of(connect, site, target) == (200, target)


def test_connect(connect, site):
    """CONNECT a:1: 501 and close; the application is no proxy."""
    assert refused(connect, site, request("a:1", method="CONNECT")) == 501


def test_asterisk(connect, ask):
    """OPTIONS * is answered by the server, GET * is 405; the application sees neither."""
    reply = ask("*", method="OPTIONS")
    assert reply.code == 200
    assert "GET" in (reply.one("Allow") or "")
    assert reply.content != b"Hello, world!"
    assert ask("*").code == 405
    assert ask("*").one("Allow") is not None


# --- Host ---


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b<>\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
    ],
)
def test_host(octets, connect, site):
    """Duplicate, missing or malformed Host: 400 (RFC 9112 section 3.2)."""
    assert refused(connect, site, octets) == 400


def test_http_1_0_needs_no_host(connect, site):
    assert connect(site.port).send(b"GET / HTTP/1.0\r\n\r\n").reply().code == 200


@pytest.mark.parametrize("host", ["a:8000", "[::1]", "[::1]:8000", "a.example.", "xn--a", "1.2.3.4:5", ""])
def test_good_hosts(host, connect, site):
    octets = f"GET /environ HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    assert connect(site.port).send(octets).reply().json()["HTTP_HOST"] == host


# --- Content ---


@pytest.fixture
def token() -> str:
    return uuid.uuid4().hex


def called(connect, site, token: str) -> bool:
    """Tell whether the application was called for the request with this token."""
    return token in connect(site.port).send(request("/closed")).reply().json()


def test_application_is_called_after_the_complete_body(token, connect, site):
    """Body: when is the app called: after the last octet, and not before."""
    octets = request(f"/close/recorded?token={token}", method="POST", content=b"0123456789")
    peer = connect(site.port).send(octets[:-1])
    assert peer.silent()
    assert not called(connect, site, token)
    assert peer.send(octets[-1:]).reply().code == 200
    assert called(connect, site, token)


@pytest.mark.parametrize("chunked", [False, True])
def test_truncated_body(chunked, token, connect, site, log):
    """Truncated body: the application is not called, and the log says 499."""
    target = f"/close/recorded?token={token}"
    if chunked:
        octets = request(target, "Transfer-Encoding: chunked", method="POST", content=b"a\r\n01234")
    else:
        octets = request(target, method="POST", content=b"0123456789")[:-1]
    connect(site.port).send(octets).close()
    assert eventually(lambda: token in log.read_text())
    assert f'POST {target} HTTP/1.1" 499 ' in log.read_text()
    assert not called(connect, site, token)


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_max_body_size(expect, version, connect, site):
    """Max body size: 413 before 100 Continue, before the content, before the application."""
    octets = request("/echo", *expect, f"Content-Length: {LARGEST + 1}", method="POST", version=version)
    assert refused(connect, site, octets) == 413


def test_max_body_size_chunked(connect, site):
    octets = request(
        "/echo", "Transfer-Encoding: chunked", method="POST", content=b"400\r\n" + b"x" * 1024 + b"\r\n400\r\n"
    )
    assert refused(connect, site, octets) == 413


def test_largest_body(ask):
    assert len(ask("/echo", method="POST", content=b"x" * LARGEST).content) == LARGEST


def test_expect_continue(connect, site):
    """Expect: 100-continue: asked for, sent once, and only for content that is wanted."""
    peer = connect(site.port).send(request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST"))
    assert (peer.reply().code, peer.send(b"abc").reply().content) == (100, b"abc")
    # content that comes at once needs no permission
    assert peer.send(request("/echo", "Expect: 100-Continue", method="POST", content=b"abc")).reply().code == 200
    # nor does a request without content
    assert peer.send(request("/hello", "Expect: 100-continue")).reply().code == 200


def test_expect_continue_on_1_0_is_ignored(connect, site):
    """RFC 9110 section 10.1.1: an HTTP/1.0 client gets no 100."""
    peer = connect(site.port)
    peer.send(request("/echo", "Expect: 100-continue", "Content-Length: 3", method="POST", version="1.0"))
    assert peer.silent()
    assert peer.send(b"abc").reply().content == b"abc"


def test_unknown_expect(connect, site):
    """Unknown Expect: 417."""
    assert refused(connect, site, request("/hello", "Expect: the-unexpected")) == 417


def test_pipelining(connect, site):
    """Pipelining: answered one after the other, in order."""
    octets = request("/echo", method="POST", content=b"one") + request("/sleep?seconds=0.1") + request("/hello")
    peer = connect(site.port).send(octets * 3)
    for _ in range(3):
        assert [peer.reply().content for _ in range(3)] == [b"one", b"slept 0.1\n", b"Hello, world!"]


def test_pipelining_many(connect, site):
    peer = connect(site.port).send(request("/hello") * 500)
    assert {peer.reply().content for _ in range(500)} == {b"Hello, world!"}


# --- What else must be refused ---

HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    "octets",
    [
        HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        HEAD + b"Content-Length: 3, 3\r\n\r\nabc",
        HEAD + b"Content-Length: +3\r\n\r\nabc",
        HEAD + b"Content-Length: -3\r\n\r\nabc",
        HEAD + b"Content-Length: 3_0\r\n\r\nabc",
        HEAD + b"Content-Length: \xb2\r\n\r\nabc",
        HEAD + b"Content-Length:\r\n\r\n",
        HEAD + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
        HEAD + b"Transfer-Encoding: xchunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: identity\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked, gzip\r\n\r\n",
        HEAD + b"Transfer-Encoding : chunked\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x3\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;a\rb\r\nabc\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
        HEAD + b" folded\r\n\r\n",
        HEAD + b"X: a\r\n folded\r\n\r\n",
        HEAD + b"X: a\0b\r\n\r\n",
        HEAD + b"X: a\x01b\r\n\r\n",
        HEAD + b"X: a\rb\r\n\r\n",
        HEAD + b"X: a\nY: b\r\n\r\n",
        HEAD + b"X Y: a\r\n\r\n",
        HEAD + b": a\r\n\r\n",
        HEAD + b"no colon\r\n\r\n",
        b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        b"GET / http/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        b"GET /\r\n\r\n",
        b"G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0\r\n\r\n",
    ],
)
def test_smuggling_and_nonsense(octets, connect, site):
    """What can't be read beyond doubt is 400 and the end; chunk errors and bare LF wait for no timeout."""
    assert refused(connect, site, octets) == 400


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
        (b"GET /" + b"a" * 70_000, 414),
        (HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (HEAD + b"X: a\r\n" * 101 + b"\r\n", 431),
        (HEAD + b"X: a\r\n" * 20_000, 431),
    ],
)
def test_other_refusals(octets, code, connect, site):
    assert refused(connect, site, octets) == code


def test_one_log_line_for_a_400(connect, site, log):
    """The access log has one line for what was refused, and nothing in it can forge another."""
    mark = uuid.uuid4().hex
    assert refused(connect, site, f'GET /{mark}" 200 7\x01 HTTP/1.1\r\n\r\n'.encode()) == 400
    assert eventually(lambda: mark in log.read_text())
    (line,) = [line for line in log.read_text().splitlines() if mark in line]
    assert line.startswith("127.0.0.1 - - [")
    assert '" 400 ' in line
    assert "\\x01" in line


def test_one_log_line_for_a_request(connect, site, log):
    mark = uuid.uuid4().hex
    connect(site.port).send(request(f"/hello?{mark}")).reply()
    assert eventually(lambda: mark in log.read_text())
    assert log.read_text().count(mark) == 1
    assert f'"GET /hello?{mark} HTTP/1.1" 200 13 ' in log.read_text()
