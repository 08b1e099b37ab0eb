"""What a run needs on disk: a certificate for 127.0.0.1, in every server's layout, and content to send."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from comparison.scenarios import SCENARIOS


@frozen
class Material:
    """A folder's files."""

    folder: Path

    @property
    def cert(self) -> Path:
        """The certificate alone."""
        return self.folder / "cert.pem"

    @property
    def key(self) -> Path:
        """Its key alone."""
        return self.folder / "key.pem"

    @property
    def certs(self) -> Path:
        """The folder that txsni: reads."""
        return self.folder / "certs"

    @property
    def content(self) -> Path:
        """What is sent."""
        return self.folder / "content"


def make(folder: Path) -> Material:
    """Make the files: they live as long as the run."""
    made = Material(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    cert = _certificate(key).public_bytes(serialization.Encoding.PEM)
    made.key.write_bytes(pem)
    made.cert.write_bytes(cert)
    made.certs.mkdir()
    (made.certs / "DEFAULT.pem").write_bytes(pem + cert)
    with made.content.open("wb") as file:
        file.truncate(max(scenario.sends for scenario in SCENARIOS.values()))
    return made


def _certificate(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Sign a certificate for a month with its own key."""
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    return (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
