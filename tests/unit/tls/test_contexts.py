"""Contexts with a real client: names, resumption over renewals, what is refused."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from twisted.logger import capturedLogs

from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.tls.contexts import Policy, blank, context_for, front_for
from wsgicontainer.tls.pem import read
from wsgicontainer.tls.ports import Presented

POLICY = Policy(protocols=("h2", "http/1.1"))


class Met:
    """The two ends of a handshake in memory."""

    def __init__(self, front: ssl.SSLContext, client: ssl.SSLContext, name: str | None, session: Any = None) -> None:
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server = front.wrap_bio(to_server, to_client, server_side=True)
        self.client = client.wrap_bio(to_client, to_server, server_hostname=name, session=session)
        done: set[Any] = set()
        for _ in range(6):
            for end in (self.client, self.server):
                try:
                    end.do_handshake()
                    done.add(end)
                except ssl.SSLWantReadError:
                    pass
        assert done == {self.client, self.server}
        self.server.write(b"hello")
        assert self.client.read(9) == b"hello"


def anybody(client: ssl.SSLContext) -> ssl.SSLContext:
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    return client


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tickets_are_good_after_a_renewal(authority: Authority, version: str) -> None:
    contexts = {"a.example": context_for(POLICY, [read(authority.pem("a.example"))])}
    front = front_for(POLICY, lambda name: contexts.get(name or ""))
    client = authority.client(version=version)
    first = Met(front, client, "a.example")
    assert not first.client.session_reused
    second = Met(front, client, "a.example", first.client.session)
    assert second.client.session_reused
    contexts["a.example"] = context_for(POLICY, [read(authority.pem("a.example"))])
    third = Met(front, client, "a.example", second.client.session)
    assert third.client.session_reused
    fresh = Met(front, client, "a.example")
    assert fresh.client.getpeercert(True) != first.client.getpeercert(True)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("name", ["x.example", None])
def test_an_unknown_name_gets_handshake_failure(authority: Authority, version: str, name: str | None) -> None:
    front = front_for(POLICY, lambda _: None)
    with pytest.raises(ssl.SSLError, match="CALLBACK_FAILED|HANDSHAKE_FAILURE"):
        Met(front, anybody(authority.client(version=version)), name)


def test_the_best_protocol_of_ours_is_spoken(authority: Authority) -> None:
    front = front_for(POLICY, lambda _: context_for(POLICY, [read(authority.pem("a.example"))]))
    for offered, spoken in ((("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), (("spdy",), None), ((), None)):
        met = Met(front, authority.client(alpn=offered), "a.example")
        assert met.server.selected_alpn_protocol() == spoken


def test_each_client_gets_the_kind_of_key_that_it_knows(authority: Authority) -> None:
    both = context_for(POLICY, [read(authority.pem("a.example", rsa=kind)) for kind in (False, True)])
    front = front_for(POLICY, lambda _: both)
    for ciphers, kind in (("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDSA"), ("ECDHE-RSA-AES128-GCM-SHA256", "RSA")):
        client = authority.client(version="1.2")
        client.set_ciphers(ciphers)
        assert kind in Met(front, client, "a.example").server.cipher()[0]


def test_old_versions_and_weak_ciphers_are_refused(authority: Authority) -> None:
    context = context_for(POLICY, [read(authority.pem("a.example", rsa=True))])
    weak = authority.client(version="1.2")
    weak.set_ciphers("AES128-SHA:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        Met(front_for(POLICY, lambda _: context), weak, "a.example")
    strict = Policy(minimum="1.3")
    with pytest.raises(ssl.SSLError):
        Met(front_for(strict, lambda _: context), authority.client(version="1.2"), "a.example")


def test_what_cannot_be_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--ciphers: 'NONESUCH' names no cipher that OpenSSL has; write"):
        blank(Policy(ciphers="NONESUCH"))
    (tmp_path / "empty").touch()
    for file, reason in (("none", "No such file"), ("empty", "it holds no certificate")):
        with pytest.raises(BootError, match=f"--ca-certs .*{file} can't be used .{reason}"):
            Presented(Policy(ca_certs=str(tmp_path / file), cert_reqs="required"))


def test_ports_with_one_source_share_their_tickets(authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path, "a.example")
    presented = Presented(POLICY)
    assert presented.folder("--port", str(tmp_path)) is presented.folder("--port", str(tmp_path))
    file = str(tmp_path / "a.example.pem")
    assert presented.files("--certfile", (file,)) is not presented.folder("--port", str(tmp_path))
    with pytest.raises(BootError, match=r"--port x: .*none can't be read .No such file or directory.; name a folder"):
        presented.folder("--port x", str(tmp_path / "none"))
    with pytest.raises(BootError, match=r"--certfile .*none.pem can't be served .No such file"):
        presented.files("", (str(tmp_path / "none.pem"),))


def test_a_folder_says_once_who_is_refused(authority: Authority, tmp_path: Path) -> None:
    """Without a certificate everybody; without DEFAULT.pem those who ask for somebody else."""
    presented = Presented(POLICY)
    told = []
    for file, name in (("", ""), ("a.example.pem", "a.example"), ("DEFAULT.pem", "b.example")):
        folder = tmp_path / (name or "empty")
        folder.mkdir()
        if file:
            (folder / file).write_bytes(authority.pem(name))
        with capturedLogs() as events:
            presented.folder("--port x", str(folder))
            presented.folder("--port y", str(folder))
        told.append([event["log_format"].format(**event) for event in events])
    assert told == [
        ["--port x: it has no certificate: every TLS connection fails until there is a NAME.pem or DEFAULT.pem"],
        ["--port x: it has no DEFAULT.pem: clients that ask for another name, or for none, are refused"],
        [],
    ]
