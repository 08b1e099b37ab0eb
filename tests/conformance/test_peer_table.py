"""Section 1 of our notes on twisted.web: each row behaves as the better of Twisted, gunicorn and waitress.

Where none of the three is right, PEP 3333 and RFC 9110/9112 say what is. This half is about what an application does;
`test_peer_table_requests` is about what a peer sends. The row's name is in each docstring.
"""

from __future__ import annotations

import os
import re
import uuid

import pytest

from tests.conformance.conftest import Cut, eventually, request


@pytest.fixture(scope="module")
def site(serve_module):
    """One server for all tests of this module: none of them may disturb it."""
    server = serve_module("misbehaving:application", "--threads", "8", "--body-buffer", "100K")
    yield server
    assert server.stop() == 0, server.output()
    assert "Unhandled" not in server.output()


@pytest.fixture
def token() -> str:
    """Name one request, for what it leaves behind."""
    return uuid.uuid4().hex


@pytest.fixture
def still_serves(connect, site):
    """Whatever the application did, the next request is answered."""
    yield
    assert connect(site.port).send(request("/hello")).reply().content == b"Hello, world!"


def stays_open(peer) -> bool:
    """Tell whether a second request on the same connection is answered."""
    return peer.send(request("/hello")).reply().content == b"Hello, world!"


# --- start_response, write, exc_info ---


def test_write_callable(ask):
    """write() callable: what was written comes before what was returned."""
    assert ask("/write?blocks=3&size=2").content == b"aabbccend"


def test_lazy_start_response(ask):
    """Lazy start_response: a generator may call it at its first step."""
    assert (ask("/start/late").code, ask("/start/late").content) == (200, b"late")


def test_empty_first_chunk(ask):
    """Empty chunks end nothing and start nothing."""
    assert ask("/chunk/empty").content == b"content"


def test_exc_info_before_headers(ask):
    """exc_info before headers: the second head replaces the first one whole."""
    reply = ask("/exc-info/before-output")
    assert (reply.code, reply.one("Retry-After"), reply.content) == (503, "1", b"sorry")
    assert reply.one("Content-Type") == "text/plain; charset=utf-8"


def test_exc_info_on_the_first_call(ask):
    assert (ask("/exc-info/at-once").code, ask("/exc-info/at-once").content) == (500, b"sorry")


def test_exc_info_after_headers(connect, site, still_serves):
    """exc_info after headers: raised again, and the reply is visibly broken."""
    with pytest.raises(Cut) as cut:
        connect(site.port).send(request("/exc-info/after-output")).reply()
    assert cut.value.reply is None or cut.value.reply.code == 200
    assert b"never to be seen" not in cut.value.seen


@pytest.mark.parametrize(
    "path",
    [
        "/start/twice",
        "/start/never",
        "/raises/before",
        "/raises/after-headers",
        "/raises/first",
        "/raises/system-exit",
        "/raises/keyboard-interrupt",
        "/chunk/str",
        "/chunk/none",
        "/return/bytes",
        "/return/str",
        "/return/none",
        "/return/number",
        "/length/not-a-number",
        "/length/negative",
        "/length/twice",
    ],
)
def test_broken_rule_before_output_is_500(path, connect, site, still_serves):
    """start_response twice or never, app raises before headers, SystemExit: 500 with text that says so."""
    for method in ("GET", "HEAD"):
        reply = connect(site.port).send(request(path, method=method)).reply(method)
        assert (reply.code, reply.reason) == (500, "Internal Server Error")
        assert (reply.one("Content-Type") or "").startswith("text/plain")
        assert reply.content == (b"" if method == "HEAD" else b"500 Internal Server Error\n")


@pytest.mark.parametrize("path", ["/raises/in-iteration", "/raises/after-write"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_app_raises_after_output(path, version, connect, site, still_serves):
    """App raises after headers: never a clean end, not even where closing is the framing (HTTP/1.0)."""
    with pytest.raises(Cut):
        connect(site.port).send(request(path, version=version)).reply()


def test_app_raises_after_client_left(connect, site, still_serves):
    """App raises after the client left: told once, with the application's traceback and nothing of ours."""
    before = site.output().count("after the peer had left")
    peer = connect(site.port).send(request("/raises/after-gone"))
    peer.until(b"first block")
    peer.close()
    site.wait_for("RuntimeError: after the peer had left")
    assert stays_open(connect(site.port))
    assert site.output().count("RuntimeError: after the peer had left") == before + 1


# --- close() ---


def closed_tokens(connect, site) -> list[str]:
    return connect(site.port).send(request("/closed")).reply().json()


@pytest.mark.parametrize("path", ["/close/recorded", "/close/after-failure", "/close/raises"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_close_is_called_once(path, method, token, connect, site):
    """close() on a normal end, when iteration raises, and when it raises itself."""
    connect(site.port).send(request(f"{path}?token={token}", method=method))
    assert eventually(lambda: closed_tokens(connect, site).count(token)) == 1


def test_close_is_called_on_disconnect(token, connect, site):
    """close() when the client leaves in the middle."""
    peer = connect(site.port).send(request(f"/close/endless?token={token}"))
    peer.until(b"xxxx")
    peer.close()
    assert eventually(lambda: closed_tokens(connect, site).count(token)) == 1


def test_close_raises_after_full_body(token, connect, site):
    """close() raises after the full body: the reply is whole, the connection stays, the error is logged."""
    peer = connect(site.port).send(request(f"/close/raises?token={token}"))
    assert peer.reply().content == b"content"
    assert stays_open(peer)
    site.wait_for(rf"close\(\) failed at GET /close/raises\?token={token}")
    site.wait_for(r"RuntimeError: in close\(\)")


# --- Content-Length and framing ---


@pytest.mark.parametrize("path", ["/length/short", "/length/short-stream", "/length/short-list"])
def test_content_length_too_short(path, connect, site, still_serves):
    """Content-Length too short: the connection is cut, and the client does not wait for ever."""
    with pytest.raises(Cut):
        connect(site.port).send(request(path)).reply()


@pytest.mark.parametrize("path", ["/length/long", "/length/long-write", "/length/long-stream", "/length/long-list"])
def test_content_length_too_long(path, connect, site):
    """Content-Length too long: what is too much is dropped and told in the log once; the next reply is in step."""
    peer = connect(site.port).send(request(path))
    reply = peer.reply()
    assert (reply.one("Content-Length"), reply.content) == ("4", b"more")
    assert stays_open(peer)
    site.wait_for(f"GET {path}: the application sends more than its Content-Length")
    assert site.output().count(f"GET {path}: the application sends more") == 1


@pytest.mark.parametrize("path", ["/length/none", "/return/nothing"])
def test_single_item_list_gets_content_length(path, ask):
    """No Content-Length and at most one item: the server knows the length."""
    reply = ask(path)
    assert (reply.one("Content-Length"), reply.one("Transfer-Encoding")) == (str(len(reply.content)), None)


def test_unknown_length_is_chunked(ask):
    """No Content-Length, many items: chunked on 1.1, up to the end of the connection on 1.0."""
    assert ask("/stream?blocks=2&size=1").one("Transfer-Encoding") == "chunked"
    old = ask("/stream?blocks=2&size=1", version="1.0")
    assert (old.one("Transfer-Encoding"), old.one("Connection"), old.content) == (None, "close", b"ab")


@pytest.mark.parametrize("kind", ["204", "204-length", "304", "304-length", "304-empty"])
def test_no_content_statuses(kind, connect, site):
    """204/304: no content and nothing that announces one; a 304 may keep its Content-Length, never a wrong one."""
    peer = connect(site.port).send(request(f"/content/{kind}"))
    reply = peer.reply()
    assert (reply.code, reply.one("Transfer-Encoding")) == (int(kind[:3]), None)
    assert reply.one("Content-Length") == ("7" if kind == "304-length" else None)
    assert stays_open(peer)


@pytest.mark.parametrize("path", ["/content/205", "/content/205-length"])
def test_reset_content_is_empty(path, connect, site):
    """205: all three peers send its body; RFC 9110 section 15.3.6 forbids it."""
    peer = connect(site.port).send(request(path))
    reply = peer.reply()
    assert (reply.code, reply.one("Content-Length"), reply.content) == (205, "0", b"")
    assert stays_open(peer)


@pytest.mark.parametrize("path", ["/hello", "/stream", "/write", "/file", "/length/none", "/file/not-regular"])
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_head_never_has_content(path, version, connect, site):
    """HEAD: the head of a GET and not one octet more; the connection goes on."""
    keep = "Connection: keep-alive"
    peer = connect(site.port).send(request(path, keep, method="HEAD", version=version))
    reply = peer.reply("HEAD")
    assert (reply.code, reply.one("Transfer-Encoding")) == (200, None)
    assert reply.one("Content-Length") in (None, connect(site.port).send(request(path)).reply().one("Content-Length"))
    assert stays_open(peer)


@pytest.mark.parametrize("path", ["/hop/transfer-encoding", "/hop/connection", "/hop/keep-alive", "/hop/upgrade"])
def test_hop_by_hop_fields_are_refused(path, ask):
    """App sets Transfer-Encoding: chunked, or any other hop-by-hop field: 500 (PEP 3333 forbids them)."""
    assert ask(path).code == 500


def test_app_sets_connection_close(connect, site):
    """App sets Connection: close: said and done."""
    peer = connect(site.port).send(request("/hop/close"))
    reply = peer.reply()
    assert (reply.code, reply.one("Connection"), reply.content) == (200, "close", b"content")
    assert peer.closed()


# --- Status and fields ---


@pytest.mark.parametrize(
    "path",
    [
        "/field/crlf",
        "/field/lf",
        "/field/nul",
        "/field/non-latin-1",
        "/field/number",
        "/field/bytes",
        "/field/name-crlf",
        "/field/name-colon",
        "/field/name-space",
        "/field/name-empty",
        "/field/tuple",
        "/status/no-code",
        "/status/too-small",
        "/status/informational",
        "/status/bytes",
        "/status/number",
        "/status/non-latin-1",
    ],
)
def test_bad_field_or_status_is_500(path, ask, still_serves):
    """CR/LF in a header value, bad header name, non-latin1 value, status 'OK': 500, never a dropped connection."""
    reply = ask(path)
    assert reply.code == 500
    assert not reply.all("X-Injected")


@pytest.mark.parametrize("path", ["/status/crlf", "/status/lf"])
def test_no_response_splitting(path, connect, site, still_serves):
    """CR/LF in status (finding 0.7): 500, and nothing of it on the wire."""
    peer = connect(site.port).send(request(path, "Connection: close"))
    assert re.fullmatch(rb"HTTP/1\.1 500 [^\0]*", octets := peer.rest())
    assert b"X-Injected" not in octets


@pytest.mark.parametrize(("path", "reason"), [("/status/no-reason", ""), ("/status/empty-reason", "")])
def test_status_without_reason(path, reason, ask):
    """Status '200': sent with an empty reason (RFC 9112 section 4 keeps the space)."""
    reply = ask(path)
    assert (reply.code, reply.reason, reply.content) == (200, reason, b"content")


def test_latin_1_value(ask):
    assert ask("/field/latin-1").one("X-Value") == "café"


@pytest.mark.parametrize("path", ["/chunk/bytearray", "/chunk/memoryview", "/chunk/bytearrays"])
def test_bytearray_and_memoryview_chunks(path, ask):
    """Bytearray / memoryview chunk: sent as what it holds."""
    assert ask(path).content == b"content"


def test_memoryview_of_wide_items(connect, site):
    """A memoryview's length is not its octets: the framing must not believe it."""
    peer = connect(site.port).send(request("/chunk/wide-memoryview"))
    assert peer.reply().content == b"oo" * 4
    assert stays_open(peer)


def test_app_server_and_date(ask):
    """App's Server/Date: honored, and each stands once."""
    reply = ask("/own/date-server")
    assert (reply.one("Server"), reply.one("Date")) == ("mine", "Thu, 01 Jan 1970 00:00:00 GMT")
    ours = ask("/hello")
    assert ours.one("Server") == "wsgicontainer"
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", ours.one("Date") or "")


# --- Files, input, errors ---


@pytest.mark.parametrize("at", [0, 100])
def test_file_wrapper(at, ask, apps):
    """wsgi.file_wrapper: from where the file stands to its end, with its length."""
    content = (apps / "wellbehaved.py").read_bytes()[at:]
    reply = ask(f"/file?at={at}")
    assert (reply.one("Content-Length"), reply.content) == (str(len(content)), content)


def test_file_wrapper_over_other_things(ask):
    """What has no descriptor, or one that says something else, is read; a Content-Length is kept to."""
    assert ask("/file/not-regular").content == b"from memory" * 1000
    assert ask("/file/compressed").content == b"said by the file " * 1000
    assert len(ask("/file/with-length").content) == 10
    assert ask("/file/unread").content == b"but this"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_file_wrapper_leaks_no_descriptor(method, connect, site):
    """A file that was sent, or needed not be (HEAD), is closed."""

    def count() -> int:
        return len(os.listdir(f"/proc/{site.process.pid}/fd"))

    peer = connect(site.port)
    peer.send(request("/file", method=method)).reply(method)
    before = count()
    for _ in range(20):
        peer.send(request("/file", method=method)).reply(method)
    assert eventually(lambda: count() <= before + 3), (before, count())


@pytest.mark.parametrize(("size", "kind"), [(10, "BytesIO"), (200_000, "BufferedRandom")])
@pytest.mark.parametrize("framing", ["sized", "chunked"])
def test_body_buffer_and_chunked_input(size, kind, framing, ask):
    """Body buffer: memory up to the limit, then a file. CONTENT_LENGTH for chunked: the real length."""
    content = b"x" * size
    if framing == "chunked":
        chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (size, content)
        environ = ask("/environ", "Transfer-Encoding: chunked", method="POST", content=chunks).json()
    else:
        environ = ask("/environ", method="POST", content=content).json()
    assert environ["CONTENT_LENGTH"] == str(size)
    assert environ["wsgi.input"] == kind or (kind == "BufferedRandom" and "Temporary" in environ["wsgi.input"])
    assert environ["wsgi.input_terminated"] is True
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_input_ends_where_the_content_does(ask):
    """wsgi.input is a complete file: read past the end, by lines, or not at all."""
    assert ask("/input/past-end", method="POST", content=b"abc").content == b"abc"
    assert ask("/input/lines", method="POST", content=b"a\nb").json() == ["a\n", "b"]


def test_unread_input_does_not_disturb_the_next_request(connect, site):
    peer = connect(site.port).send(request("/input/left", method="POST", content=b"GET /never HTTP/1.1\r\n\r\n"))
    assert peer.reply().content == b"unread"
    assert stays_open(peer)


@pytest.mark.parametrize("content", [b"a=1&b=2", b"no form at all", b""])
def test_post_form_is_the_application_s(content, ask):
    """POST form: the server looks at no content; a bad multipart reaches the application."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data"):
        reply = ask("/echo", f"Content-Type: {kind}", method="POST", content=content)
        assert (reply.code, reply.content, reply.one("Content-Type")) == (200, content, kind)


def test_wsgi_errors(ask, site):
    """wsgi.errors: one event for each line, not for each write."""
    ask("/errors")
    site.wait_for("a line to wsgi.errors: żółw\n")
    site.wait_for("and one more\n")


# --- HTTP/1.0 ---


def test_http_1_0_keep_alive(connect, site):
    """HTTP/1.0 keep-alive: kept when asked for and the length is known, closed otherwise."""
    peer = connect(site.port)
    for _ in range(2):
        reply = peer.send(request("/hello", "Connection: keep-alive", version="1.0")).reply()
        assert (reply.one("Connection"), reply.content) == ("keep-alive", b"Hello, world!")
    reply = peer.send(request("/hello", version="1.0")).reply()
    assert reply.one("Connection") == "close"
    assert peer.closed()
