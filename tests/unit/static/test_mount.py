"""A directory's files are served well, and nothing else ever is."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from wsgicontainer.errors import BootError, PeerGone
from wsgicontainer.interfaces import IResponder
from wsgicontainer.static import StaticMount, mount
from wsgicontainer.static.conditional import http_date
from wsgicontainer.testing import MemoryExchange, make_request

CHANGED = 1_600_000_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "static"
    (root / "css").mkdir(parents=True)
    (root / "a b").mkdir()
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("secret")
    (root / ".env").write_text("secret")
    (tmp_path / "secret.txt").write_text("secret")
    for name, text in {
        "index.html": "<p>top",
        "css/site.css": "p{}",
        "css/index.html": "<p>css",
        "a b/ü?.txt": "odd",
        "ten": "0123456789",
        "empty.txt": "",
    }.items():
        (root / name).write_text(text)
        os.utime(root / name, (CHANGED, CHANGED))
    return root


@pytest.fixture(autouse=True)
def no_descriptor_is_left_open() -> Iterator[None]:
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def get(
    folder: Path,
    target: str,
    method: str = "GET",
    fields: dict[str, str] | None = None,
    index: str | None = "index.html",
    max_age: int | None = None,
) -> MemoryExchange:
    exchange = MemoryExchange(make_request(method, target, fields), "/static")
    responder = StaticMount(str(folder), index, max_age)
    verifyObject(IResponder, responder)
    responder.respond(exchange)
    assert exchange.finished
    return exchange


def test_a_file_comes_with_all_that_a_browser_wants(folder: Path):
    answer = get(folder, "/static/css/site.css", max_age=60)
    assert answer.code == 200
    assert answer.body == b"p{}"
    assert dict(answer.head.fields) == {
        "Content-Type": "text/css; charset=utf-8",
        "Content-Length": "3",
        "Last-Modified": http_date(CHANGED),
        "ETag": f'"{CHANGED * 10**9:x}-3"',
        "Cache-Control": "max-age=60",
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
    }


def test_without_a_max_age_nothing_is_said_about_caching(folder: Path):
    assert get(folder, "/static/ten").field("Cache-Control") is None


def test_head_is_get_without_content(folder: Path):
    one, other = get(folder, "/static/ten"), get(folder, "/static/ten", "HEAD")
    assert other.head == one.head
    assert other.body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "get", "PROPFIND"])
def test_other_methods_are_refused(folder: Path, method: str):
    answer = get(folder, "/static/ten", method)
    assert answer.code == 405
    assert answer.field("Allow") == "GET, HEAD"


def test_an_empty_file_is_a_file(folder: Path):
    answer = get(folder, "/static/empty.txt")
    assert (answer.code, answer.body, answer.field("Content-Length")) == (200, b"", "0")


def test_names_are_percent_decoded_utf_8(folder: Path):
    assert get(folder, "/static/a%20b/%C3%BC%3F.txt").body == b"odd"


@pytest.mark.parametrize("size", [mount.SMALL - 1, mount.SMALL, mount.SMALL + 1, 3_000_000])
def test_files_of_all_sizes_are_whole(folder: Path, size: int):
    content = os.urandom(size)
    (folder / "big").write_bytes(content)
    answer = get(folder, "/static/big")
    assert answer.body == content
    assert answer.field("Content-Length") == str(size)
    assert answer.field("Content-Type") == "application/octet-stream"


# -- what is not served --


@pytest.mark.parametrize(
    "target",
    [
        "/static/nothing",
        "/static/css/nothing",
        "/static/../secret.txt",
        "/static/css/../../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/css/..%2f..%2fsecret.txt",
        "/static/..\\secret.txt",
        "/static/%5c..%5csecret.txt",
        "/static//etc/passwd",
        "/static//ten",
        "/static/css//site.css",
        "/static/./ten",
        "/static/.env",
        "/static/.git/config",
        "/static/css/...",
        "/static/ten/",
        "/static/ten/x",
        "/static/ten%00",
        "/static/ten%00.css",
        "/static/" + "x" * 300,
        "/static/" + "x/" * 3000,
        "/static/%ff",
        "/staticten",
        "/static.env",
    ],
)
def test_what_is_not_there_or_not_meant_to_be_is_not_found(folder: Path, target: str):
    answer = get(folder, target)
    assert answer.code == 404
    assert answer.body == b"404 Not Found\n"
    assert answer.field("X-Content-Type-Options") == "nosniff"


def test_a_link_that_leaves_is_not_found_and_one_that_stays_works(folder: Path):
    (folder / "out").symlink_to("../secret.txt")
    (folder / "in").symlink_to("css/site.css")
    (folder / "hidden").symlink_to(".env")
    assert get(folder, "/static/out").code == 404
    assert get(folder, "/static/in").body == b"p{}"
    assert get(folder, "/static/hidden").body == b"secret", "who linked it wanted it"


def test_only_regular_files_are_served(folder: Path):
    os.mkfifo(folder / "pipe")
    (folder / "null").symlink_to("/dev/null")
    assert get(folder, "/static/pipe").code == 404
    assert get(folder, "/static/null").code == 404


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_we_may_not_read_is_not_found(folder: Path):
    (folder / "ten").chmod(0)
    assert get(folder, "/static/ten").code == 404


def test_the_directory_is_looked_up_for_each_request(folder: Path):
    responder = StaticMount(str(folder), None, None)
    folder.rename(folder.parent / "old")
    for code in (404, 200):
        exchange = MemoryExchange(make_request("GET", "/static/new"), "/static")
        responder.respond(exchange)
        assert exchange.code == code
        folder.mkdir(exist_ok=True)
        (folder / "new").write_text("")


def test_a_missing_directory_stops_the_start(tmp_path: Path):
    with pytest.raises(BootError, match=r"--static: .*/nothing is not a directory; create it"):
        StaticMount(str(tmp_path / "nothing"), None, None)


# -- directories --


@pytest.mark.parametrize(("target", "body"), [("/static/", b"<p>top"), ("/static/css/", b"<p>css")])
def test_a_directory_is_its_index(folder: Path, target: str, body: bytes):
    answer = get(folder, target)
    assert answer.body == body
    assert answer.field("Content-Type") == "text/html; charset=utf-8"


@pytest.mark.parametrize("target", ["/static", "/static/", "/static/css", "/static/css/"])
def test_without_an_index_directories_are_not_found(folder: Path, target: str):
    assert get(folder, target, index=None).code == 404


def test_a_directory_without_the_index_file_is_not_found(folder: Path):
    assert get(folder, "/static/a%20b/").code == 404


@pytest.mark.parametrize(
    ("target", "there"),
    [
        ("/static", "/static/"),
        ("/static/css", "/static/css/"),
        ("/static/css?v=1&w=//x", "/static/css/?v=1&w=//x"),
        ("/static/a%20b", "/static/a%20b/"),
    ],
)
def test_a_directory_without_its_slash_is_redirected_to_it(folder: Path, target: str, there: str):
    answer = get(folder, target)
    assert answer.code == 301
    assert urljoin(f"http://host{target}", answer.field("Location")) == f"http://host{there}"


@pytest.mark.parametrize(
    "name", ["evil.example", "http:", "http:evil", "%0d%0aSet-Cookie: x", "@evil", "%5cevil", "%3F", "%23"]
)
@pytest.mark.parametrize("slashes", ["/", "//", "///"])
def test_no_redirect_leads_to_another_host(folder: Path, name: str, slashes: str):
    decoded = make_request("GET", "/" + name).path[1:]
    (folder / decoded).mkdir()
    exchange = MemoryExchange(make_request("GET", f"{slashes}{name}"), "")
    StaticMount(str(folder), "index.html", None).respond(exchange)
    if exchange.code == 301:
        location = exchange.field("Location")
        assert location.startswith("./")
        assert urljoin("http://host/", location).startswith("http://host/")
    else:
        assert exchange.code == 404


# -- conditions and ranges --


def test_a_client_that_has_it_gets_a_304_without_content(folder: Path):
    first = get(folder, "/static/ten", max_age=5)
    for fields in (
        {"HTTP_IF_NONE_MATCH": first.field("ETag")},
        {"HTTP_IF_MODIFIED_SINCE": first.field("Last-Modified")},
    ):
        answer = get(folder, "/static/ten", fields=fields, max_age=5)
        assert (answer.code, answer.body) == (304, b"")
        assert answer.head.length is None
        for name in ("ETag", "Last-Modified", "Cache-Control"):
            assert answer.field(name) == first.field(name)


def test_a_failed_precondition_is_412(folder: Path):
    assert get(folder, "/static/ten", fields={"HTTP_IF_MATCH": '"other"'}).code == 412


@pytest.mark.parametrize(
    ("value", "code", "body", "field"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=-1", 206, b"9", "bytes 9-9/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=10-", 416, b"416 Range Not Satisfiable\n", "bytes */10"),
        ("bytes=0-1,4-5", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
    ],
)
def test_a_range_is_answered(folder: Path, value: str, code: int, body: bytes, field: str | None):
    answer = get(folder, "/static/ten", fields={"HTTP_RANGE": value})
    assert (answer.code, answer.body, answer.field("Content-Range")) == (code, body, field)
    assert answer.field("Content-Length") == str(len(body))


def test_a_large_range_is_sent_as_a_file(folder: Path):
    content = os.urandom(100_000)
    (folder / "big").write_bytes(content)
    assert get(folder, "/static/big", fields={"HTTP_RANGE": "bytes=10-89999"}).body == content[10:90_000]


def test_a_range_of_another_state_gets_the_whole(folder: Path):
    fields = {"HTTP_RANGE": "bytes=2-4", "HTTP_IF_RANGE": '"other"'}
    assert get(folder, "/static/ten", fields=fields).code == 200


def test_head_has_no_range(folder: Path):
    assert get(folder, "/static/ten", "HEAD", {"HTTP_RANGE": "bytes=2-4"}).code == 200


# -- trouble --


def test_a_peer_that_left_leaves_no_descriptor_open(folder: Path):
    (folder / "big").write_bytes(b"x" * 100_000)
    for name in ("ten", "big"):
        exchange = MemoryExchange(make_request("GET", f"/static/{name}"), "/static")
        exchange.peer_gone = True
        with pytest.raises(PeerGone):
            StaticMount(str(folder), None, None).respond(exchange)


def test_the_machines_trouble_is_not_a_404(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def no_more(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(mount, "open_beneath", no_more)
    with pytest.raises(OSError, match="Too many"):
        StaticMount(str(folder), None, None).respond(MemoryExchange(make_request("GET", "/ten")))


def test_a_file_that_shrinks_while_it_is_served_is_an_error_before_anything_is_sent(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "pread", lambda *_: b"")
    exchange = MemoryExchange(make_request("GET", "/ten"))
    with pytest.raises(OSError, match="shrunk"):
        StaticMount(str(folder), None, None).respond(exchange)
    assert not exchange.started


# -- whatever a client sends --

PIECES = st.sampled_from(
    [
        "..",
        ".",
        "",
        "%2e",
        "%2e%2e",
        "%2f",
        "%5c",
        "\\",
        "%00",
        "ok",
        "ok.txt",
        "sub",
        "out",
        "up",
        "secret",
        ".hid",
        "root",
        "~",
    ]
)


@pytest.fixture(scope="module")
def trap() -> Iterator[Path]:
    """A directory with a secret beside it, and links that lead out."""
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        (top / "secret").write_text("secret")
        root = top / "root"
        (root / "sub").mkdir(parents=True)
        (root / "ok").write_text("public")
        (root / "sub" / "ok.txt").write_text("public")
        (root / ".hid").write_text("secret")
        (root / "out").symlink_to("../secret")
        (root / "up").symlink_to("..")
        (root / "sub" / "up").symlink_to("../..")
        (root / "sub" / "root").symlink_to(str(root))
        yield root


@given(pieces=st.lists(PIECES | st.text(max_size=4), max_size=8), separator=st.sampled_from(["/", "//", "%2f", "\\"]))
def test_no_path_ever_serves_what_lies_outside(trap: Path, pieces: list[str], separator: str):
    target = "/" + separator.join(pieces)
    path = make_request("GET", target).path
    exchange = MemoryExchange(make_request("GET", target), "")
    StaticMount(str(trap), "ok", None).respond(exchange)
    assert exchange.code in (200, 301, 404), path
    assert b"secret" not in exchange.body
    if exchange.code == 200:
        assert exchange.body == b"public"
