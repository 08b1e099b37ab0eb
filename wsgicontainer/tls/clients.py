"""What a client's certificate says, in the words of Apache's mod_ssl, for the environ. Pure."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding


def described(der: bytes | None) -> dict[str, str]:
    """Return the `SSL_CLIENT_*` of a certificate that was checked; None: the client has shown none."""
    if der is None:
        return {"SSL_CLIENT_VERIFY": "NONE"}
    certificate = x509.load_der_x509_certificate(der)
    return {
        "SSL_CLIENT_VERIFY": "SUCCESS",
        "SSL_CLIENT_S_DN": _text(certificate.subject.rfc4514_string()),
        "SSL_CLIENT_I_DN": _text(certificate.issuer.rfc4514_string()),
        "SSL_CLIENT_M_SERIAL": f"{certificate.serial_number:X}",
        "SSL_CLIENT_CERT": certificate.public_bytes(Encoding.PEM).decode("ascii"),
    }


def _text(name: str) -> str:
    """PEP 3333: environ text is latin-1, one character per octet."""
    return name.encode().decode("latin-1")
