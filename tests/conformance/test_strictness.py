"""Every row of docs/design/what-we-accept.md, over a socket: the answer, the log's one line, the application's calls.

Rows that are refused must not reach the application, rows that are served must reach it once, and the next request on
the same connection must be read as one: whatever a row brings, nothing of it is taken for another request.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from tests.conformance.conftest import Peer, Reply, eventually, request
from tests.conformance.strictness import SECTIONS, Answered, Refused, Row, Section, Served
from tests.conformance.strictness.page import page
from tests.conformance.strictness.row import CLOCK, LARGEST

ROWS = [
    pytest.param(section, row, id=f"{section.title}: {row.what}".replace(" ", "-"))
    for section in SECTIONS
    for row in section.rows
]
_LOGGED = re.compile(r'127\.0\.0\.1 - - \[[^\]]+\] "(?:[^"\\]|\\.)*" (\d{3}) ')


class Log:
    """The access log, and the codes that have to stand there, looked at in the end: it is written late."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.due: list[int] = []

    def codes(self) -> list[int]:
        """Return the codes of all lines; each line is whole and has its form."""
        matches = [(_LOGGED.match(line), line) for line in self.path.read_text("ascii").splitlines()]
        assert [line for match, line in matches if match is None] == []
        return [int(match[1]) for match, _ in matches if match]


@pytest.fixture(scope="module")
def log(tmp_path_factory, transport) -> Log:
    return Log(tmp_path_factory.mktemp("log") / "access.log")


@pytest.fixture(scope="module")
def site(serve_module, log):
    """One server for all rows: none of them may disturb it."""
    server = serve_module(
        "counted:application",
        *("--access-log", str(log.path), "--limit-request-body", str(LARGEST)),
        *("--header-timeout", str(CLOCK), "--body-timeout", str(CLOCK)),
    )
    yield server
    assert server.stop() == 0, server.output()
    assert "Traceback" not in server.output()


@pytest.fixture
def calls(connect, site, log):
    """How often the application has been called, this question included."""

    def ask() -> int:
        log.due.append(200)
        return connect(site.port).send(request("/calls")).reply().json()["calls"]

    return ask


@pytest.mark.parametrize(("section", "row"), ROWS)
def test_row(section: Section, row: Row, connect, site, log, calls):
    before = calls()
    octets = section.octets(row)
    peer = connect(site.port).send(octets)
    reply = peer.reply("HEAD" if octets.startswith(b"HEAD") else "GET")
    called = 0
    if isinstance(row.then, Refused):
        is_refusal(reply, row.then.code, with_content=not octets.startswith(b"HEAD"))
        assert peer.closed()
        log.due.append(row.then.code)
    elif isinstance(row.then, Answered):
        assert reply.code == row.then.code
        log.due.append(reply.code)
        called = follows(peer, log)
    else:
        is_served(reply, row.then)
        log.due.append(200)
        called = 1 + (follows(peer, log) if row.then.stays else closes(peer, reply))
    assert calls() == before + called + 1


def is_refusal(reply: Reply, code: int, *, with_content: bool) -> None:
    """Check what every refusal carries: a small text, Date, Connection: close."""
    assert reply.code == code
    assert parsedate_to_datetime(reply.one("Date") or "")
    assert reply.one("Connection") == "close"
    assert reply.one("Content-Type") == "text/plain; charset=utf-8"
    if with_content:
        assert re.fullmatch(f"{code} {reply.reason}: [ -~]{{5,100}}\n".encode(), reply.content)
    else:
        assert int(reply.one("Content-Length") or 0) > 5


def is_served(reply: Reply, then: Served) -> None:
    """Check what the application saw."""
    assert reply.code == 200, reply
    seen = reply.json()["seen"]
    assert {key: seen.get(key) for key in then.seen} == then.seen


def follows(peer: Peer, log: Log) -> int:
    """Send another request; return the calls it costs."""
    assert peer.send(request("/follows")).reply().json()["seen"]["PATH_INFO"] == "/follows"
    log.due.append(200)
    return 1


def closes(peer: Peer, reply: Reply) -> int:
    """Check that the connection ends; return the calls that costs."""
    assert reply.one("Connection") == "close"
    assert peer.closed()
    return 0


def test_one_line_of_the_log_for_each(site, log):
    """The rows above, whatever they were, and no line more."""
    eventually(lambda: len(log.codes()) >= len(log.due))
    # A reply is read before its line is written, so lines of two connections may change places.
    assert sorted(log.codes()) == sorted(log.due)


def test_the_documentation_shows_these_rows(root):
    """If not: python -m tests.conformance.strictness.page > docs/design/what-we-accept.md."""
    assert (root / "docs/design/what-we-accept.md").read_text("utf-8") == page()
