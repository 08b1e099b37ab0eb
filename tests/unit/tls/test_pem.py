"""A certificate file: any order, and one reason for what can't be served."""

from __future__ import annotations

import re
import ssl
import subprocess
from pathlib import Path

import pytest
from authority import Authority

from wsgicontainer.tls.pem import Unusable, read

BLOCK = re.compile(rb"-----BEGIN [^-]+-----.*?-----END [^-]+-----\n", re.DOTALL)


def test_key_certificate_and_chain_may_stand_in_any_order(authority: Authority) -> None:
    text = authority.pem("a.example", "*.a.example") + authority.file.read_bytes()
    blocks = BLOCK.findall(text)
    assert len(blocks) == 3
    meant = read(text)
    assert meant.names == ("a.example", "*.a.example")
    assert meant.octets.count(b"BEGIN CERTIFICATE") == 2
    assert read(b"".join(reversed(blocks))) == meant
    assert read(text.replace(b"\n", b"\r\n")).names == meant.names
    assert read(b"a comment\n" + text + b"another\n") == meant


def test_certificates_that_lead_nowhere_are_left_out(authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path)
    chain = read(authority.pem("a.example") + other.file.read_bytes())
    assert chain.octets.count(b"BEGIN CERTIFICATE") == 1


def test_when_it_is_good(authority: Authority) -> None:
    chain = read(authority.pem("a.example"))
    assert chain.trouble(chain.ends - 1) == ""
    assert chain.trouble(chain.ends + 1) == "it has expired"
    assert chain.trouble(chain.begins - 1) == "it is not valid yet"


def test_what_cannot_be_served_has_a_reason(authority: Authority) -> None:
    text = authority.pem("a.example")
    key, certificate = BLOCK.findall(text)
    for octets, told in (
        (b"junk", "there is nothing in it that is PEM"),
        (certificate, "^it has no private key$"),
        (key, "it has no certificate that is PEM"),
        (BLOCK.findall(authority.pem("b.example"))[0] + certificate, "no certificate in it is for its private key"),
        (key[:80] + key[120:] + certificate, "can't be read"),
        (key + certificate[:200] + certificate[260:], "can't be read"),
        (certificate[:400] + key, "no private key|can't be read"),
    ):
        with pytest.raises(Unusable, match=told):
            read(octets)


@pytest.mark.needs("openssl")
def test_an_encrypted_key_is_told(authority: Authority) -> None:
    text = authority.pem("a.example")
    words = ["openssl", "pkey", "-aes256", "-passout", "pass:secret"]
    locked = subprocess.run(words, input=text, capture_output=True, check=True).stdout
    with pytest.raises(Unusable, match="its private key is encrypted") as told:
        read(locked + BLOCK.findall(text)[1])
    assert told.value.mend == "`openssl pkey -in FILE` writes it without a password"


def made(folder: Path, *words: str) -> bytes:
    """Make a certificate for itself; return it with its key."""
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = [str(folder / name) for name in ("key", "certificate")]
    subprocess.run(
        [*new, "-subj", "/CN=a.example", *words, "-keyout", files[0], "-out", files[1]], check=True, capture_output=True
    )
    return b"".join(Path(file).read_bytes() for file in files)


@pytest.mark.needs("openssl")
def test_an_old_certificate_names_nobody_but_is_one(tmp_path: Path) -> None:
    """Its common name is no host's name any more (RFC 9525): the file's name has to say it."""
    assert read(made(tmp_path)).names == ()


def test_a_certificate_of_a_strange_kind_beside_it_is_passed_over(authority: Authority) -> None:
    """One whose curve nobody knows."""
    p256, unknown = bytes.fromhex("2a8648ce3d030107"), bytes.fromhex("2a8648ce3d03017f")
    der = ssl.PEM_cert_to_DER_cert(BLOCK.findall(authority.pem("b.example"))[1].decode())
    strange = ssl.DER_cert_to_PEM_cert(der.replace(p256, unknown)).encode()
    meant = authority.pem("a.example")
    assert read(strange + meant).names == ("a.example",)
    with pytest.raises(Unusable, match="no certificate in it is for its private key"):
        read(BLOCK.findall(meant)[0] + strange)
