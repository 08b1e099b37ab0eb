"""Ports with TLS: what is ours of a description, and what is left for whoever listens."""

from __future__ import annotations

import pytest

from wsgicontainer.settings.kinds import Wrong
from wsgicontainer.settings.securing import Secured, is_file, secured


@pytest.mark.parametrize(
    ("description", "meant"),
    [
        ("txsni:/certs:tcp:443", Secured("tcp:443", "/certs")),
        ("txsni:C\\:/certs:tcp6:443:interface=\\:\\:", Secured("tcp6:443:interface=\\:\\:", "C:/certs")),
        ("txsni:certs:unix:/run/a\\:b.sock:mode=660", Secured("unix:/run/a\\:b.sock:mode=660", "certs")),
        ("tls:/certs:443", Secured("tcp:443", "/certs")),
        ("tls:/certs:port=443:interface=\\:\\:1", Secured("tcp:443:interface=\\:\\:1", "/certs")),
        ("ssl:443:privateKey=a.pem", Secured("tcp:443", files=("a.pem",))),
        ("ssl:443:privateKey=k\\:1:certKey=c:backlog=9", Secured("tcp:443:backlog=9", files=("c", "k:1"))),
        ("ssl:443:privateKey=k:certKey=c:extraCertChain=e", Secured("tcp:443", files=("c", "k", "e"))),
        ("haproxy:txsni:/certs:tcp:443", Secured("haproxy:tcp:443", "/certs")),
        ("txsni:/certs:haproxy:tcp:443", Secured("haproxy:tcp:443", "/certs")),
    ],
)
def test_what_is_inside_stays_as_it_was_written(description: str, meant: Secured) -> None:
    assert secured(description) == meant


@pytest.mark.parametrize(
    ("description", "file"),
    [
        ("unix:/run/s.sock:mode=660", True),
        ("haproxy:unix:s", True),
        ("txsni:/certs:unix:s", True),
        ("tcp:443", False),
        ("unix:\0abstract", False),
        ("systemd:domain=UNIX:index=0", False),
        ("tls:/unix:443", False),
    ],
)
def test_which_ports_are_files(description: str, file: bool) -> None:
    """They are made as the user that the server becomes."""
    assert is_file(description) is file


@pytest.mark.parametrize("description", ["tcp:443", "unix:/txsni:", "haproxy:tcp:80", "somebodys:own"])
def test_other_ports_have_no_tls(description: str) -> None:
    assert secured(description) is None


@pytest.mark.parametrize(
    ("description", "told"),
    [
        ("ssl:443:privateKey=k:sslmethod=TLSv1_METHOD", "has sslmethod, which TLS here does without"),
        ("ssl:443:privateKey=k:dhParameters=d", "has dhParameters"),
        ("ssl:443:privateKey=k:color=red", "has the unknown part 'color=red' beside"),
        ("txsni:/a:txsni:/b:tcp:1", "has TLS within TLS"),
        ("txsni:/a:haproxy:tls:/b:1", "has TLS within TLS"),
    ],
)
def test_what_cannot_be_is_told(description: str, told: str) -> None:
    with pytest.raises(Wrong, match=told):
        secured(description)
