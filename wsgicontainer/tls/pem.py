"""One certificate file: a private key, its certificate and the chain, in any order, put in the order of OpenSSL.

Octets in, a value out; whoever reads the file hands them in. What can't be served raises Unusable with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_KEY = re.compile(rb"-----BEGIN (?P<kind>(?:[A-Z]+ )*PRIVATE KEY)-----.*?-----END (?P=kind)-----[^\n]*", re.DOTALL)


class Unusable(ValueError):
    """A file that can't be served; the text says why."""


@frozen
class Chain:
    """A key with its certificate and those that lead to its issuer."""

    octets: bytes
    """PEM: the key, its certificate, the issuers in order."""
    names: tuple[str, ...]
    """The host names that the certificate is for."""
    begins: float
    """Seconds since the epoch."""
    ends: float

    def trouble(self, now: float) -> str:
        """Say why clients will not take it at `now`; "" if nothing speaks against it."""
        if now > self.ends:
            return "it has expired"
        return "it is not valid yet" if now < self.begins else ""


def read(octets: bytes) -> Chain:
    """Return what a file holds. Raises Unusable."""
    match = _KEY.search(octets)
    if match is None:
        raise Unusable("it has no private key" if b"-----BEGIN " in octets else "there is nothing in it that is PEM")
    try:
        key: Any = load_pem_private_key(match[0], None)
        certificates = x509.load_pem_x509_certificates(octets)
    except TypeError:
        raise Unusable("its private key is encrypted; `openssl pkey -in FILE` writes it without a password") from None
    except (ValueError, UnsupportedAlgorithm) as error:
        if b"-----BEGIN CERTIFICATE-----" not in octets:
            raise Unusable("it has a private key, but no certificate") from None
        reason = str(error).partition(".")[0][:80]
        raise Unusable(f"its private key or a certificate can't be read ({reason})") from None
    leaf = _leaf(_public(key.public_key()), certificates)
    ordered = (leaf, *_issuers(leaf, certificates))
    text = b"".join(each.public_bytes(Encoding.PEM) for each in ordered)
    begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    return Chain(match[0] + b"\n" + text, _names(leaf), begins, ends)


def _public(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _leaf(public: bytes, certificates: Iterable[x509.Certificate]) -> x509.Certificate:
    for each in certificates:
        try:
            if _public(each.public_key()) == public:
                return each
        except (ValueError, UnsupportedAlgorithm):  # an issuer's key may be of a kind that nobody knows
            continue
    raise Unusable("no certificate in it is for its private key")


def _issuers(leaf: x509.Certificate, certificates: Iterable[x509.Certificate]) -> list[x509.Certificate]:
    """Return the way from the leaf to its root, as far as the file has it; the leaf itself is no part of it."""
    left = [each for each in certificates if each != leaf]
    way: list[x509.Certificate] = []
    last = leaf
    while last.issuer != last.subject:
        above = next((each for each in left if each.subject == last.issuer), None)
        if above is None:
            break
        left.remove(above)
        way.append(above)
        last = above
    return way


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(found.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        return ()
