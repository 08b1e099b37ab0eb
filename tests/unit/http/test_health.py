"""Probes: answered by whoever reads, whatever the application threads are at."""

from __future__ import annotations

import pytest

from wsgicontainer.http.health import probes

REST = b" HTTP/1.1\r\nHost: h\r\n"


@pytest.fixture
def clinic(house):
    """A site whose threads never run, with probes; `clinic.ready` is what they tell."""
    house.ready = True
    house.site.routes = house.site.routes.beside(probes(("/-/live", "/-/ready"), lambda: house.ready))
    return house


def ask(clinic, line: str, more: bytes = b"\r\n") -> bytes:
    said = clinic.receive(line.encode() + REST + more, work=False).said()
    assert not clinic.threads.jobs
    return said


def test_live_and_ready(clinic):
    for path in ("/-/live", "/-/ready", "/-/live", "/-/live?x=1", "/-/ready"):
        said = ask(clinic, f"GET {path}")
        assert said.startswith(b"HTTP/1.1 200 OK\r\n") and said.endswith(b"Content-Length: 3\r\n\r\nok\n")
        assert b"Cache-Control: no-store" in said
    clinic.ready = False
    assert ask(clinic, "GET /-/ready").startswith(b"HTTP/1.1 503 ")
    assert ask(clinic, "GET /-/live").startswith(b"HTTP/1.1 200 ")
    assert clinic.log.entries == []


def test_a_full_queue_is_no_sickness(clinic):
    clinic.threads.full = True
    assert ask(clinic, "GET /-/live").startswith(b"HTTP/1.1 200 ")


def test_only_reading_is_allowed_and_only_there(clinic):
    assert ask(clinic, "HEAD /-/ready").endswith(b"Content-Length: 3\r\n\r\n")
    assert b"405 Method Not Allowed\r\n" in ask(clinic, "DELETE /-/ready")
    assert b"Allow: GET, HEAD\r\n" in ask(clinic, "POST /-/live", b"Content-Length: 2\r\n\r\nab")
    assert b"404 Not Found" in ask(clinic, "GET /-/live/x")
    clinic.receive(b"GET /-/other" + REST + b"\r\n")
    assert clinic.responder.seen == [("GET", "/-/other", b"")]


def test_the_connection_stays_for_the_next_probe_and_for_others(clinic):
    ask(clinic, "GET /-/live")
    clinic.receive(b"GET /" + REST + b"\r\n")
    assert b"200 OK" in clinic.said()
    ask(clinic, "GET /-/live")
    assert not clinic.owned and not clinic.wire.closed


def test_who_pipelines_probes_gets_one_answer(clinic):
    """Answers without a thread must not keep the reader from all the others."""
    one = b"GET /-/live" + REST + b"\r\n"
    said = clinic.receive(one * 50, work=False).said()
    assert said.count(b"HTTP/1.1 200") == 1
    assert b"Connection: close" in said


def test_a_prober_that_has_left_does_no_harm(clinic):
    clinic.wire.sends_left = 0
    clinic.receive(b"GET /-/live" + REST + b"\r\n", work=False).end()
    assert clinic.wire.closed and not clinic.roll.open


def test_while_draining_a_kept_connection_learns_it_and_closes(clinic):
    ask(clinic, "GET /-/ready")
    clinic.site.draining, clinic.ready = True, False
    said = ask(clinic, "GET /-/ready")
    assert said.startswith(b"HTTP/1.1 503 ") and b"Connection: close" in said
