"""What the environ says of a client's certificate."""

from __future__ import annotations

import ssl

from authority import Authority

from wsgicontainer.tls.clients import described


def test_who_it_is_and_who_says_so(authority: Authority) -> None:
    pem = authority.pem("ann@a.example", common_name="Ann Ä").decode()
    certificate = pem[pem.index("-----BEGIN CERTIFICATE") :]
    told = described(ssl.PEM_cert_to_DER_cert(certificate))
    assert told["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert "CN=Ann Ä" in told["SSL_CLIENT_S_DN"].encode("latin-1").decode()
    assert "trustme" in told["SSL_CLIENT_I_DN"]
    assert int(told["SSL_CLIENT_M_SERIAL"], 16) > 0
    assert told["SSL_CLIENT_CERT"] == certificate


def test_nobody() -> None:
    assert described(None) == {"SSL_CLIENT_VERIFY": "NONE"}
