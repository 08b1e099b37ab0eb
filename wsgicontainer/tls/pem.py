"""One certificate file: a private key, its certificate and the chain, in any order, put in the order of OpenSSL.

Octets in, a value out; whoever reads the file hands them in. What can't be served raises Unusable with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any

from attrs import frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_KEY = re.compile(rb"-----BEGIN (?P<kind>(?:[A-Z]+ )*PRIVATE KEY)-----.*?-----END (?P=kind)-----[^\n]*", re.DOTALL)


class Part(Enum):
    """What of a certificate's files is to blame."""

    KEY = auto()
    """There is none, or it can't be read."""
    LOCK = auto()
    """The key has a password."""
    CERTIFICATE = auto()
    """There is none, or it can't be read."""
    PAIR = auto()
    """The key is another one's."""
    WHOLE = auto()
    """None of these."""


_TOGETHER = "put key, certificate and chain into this one file"


class Unusable(ValueError):
    """A file that can't be served; the text says why."""

    def __init__(self, why: str, mend: str = "", part: Part = Part.WHOLE) -> None:
        """`mend` is what to do with a file of a folder."""
        super().__init__(why)
        self.mend, self.part = mend, part

    def told(self) -> str:
        """Say why, and what to do."""
        return f"{self}; {self.mend}" if self.mend else str(self)


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
    if match is None and b"-----BEGIN " not in octets:
        raise Unusable("there is nothing in it that is PEM", _TOGETHER)
    if match is None:
        raise Unusable("it has no private key", _TOGETHER, Part.KEY)
    key = _key(match[0])
    certificates = _certificates(octets)
    leaf = _leaf(_public(key.public_key()), certificates)
    ordered = (leaf, *_issuers(leaf, certificates))
    text = b"".join(each.public_bytes(Encoding.PEM) for each in ordered)
    begins, ends = leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp()
    return Chain(match[0] + b"\n" + text, _names(leaf), begins, ends)


def _key(octets: bytes) -> Any:
    try:
        return load_pem_private_key(octets, None)
    except TypeError:
        mend = "`openssl pkey -in FILE` writes it without a password"
        raise Unusable("its private key is encrypted", mend, Part.LOCK) from None
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable(f"its private key can't be read ({_short(error)})", part=Part.KEY) from None


def _certificates(octets: bytes) -> list[x509.Certificate]:
    if b"-----BEGIN CERTIFICATE-----" not in octets:
        raise Unusable("it has no certificate that is PEM", _TOGETHER, Part.CERTIFICATE)
    try:
        return x509.load_pem_x509_certificates(octets)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable(f"a certificate can't be read ({_short(error)})", part=Part.CERTIFICATE) from None


def _short(error: Exception) -> str:
    return str(error).partition(".")[0][:80]


def _public(key: Any) -> bytes:
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _leaf(public: bytes, certificates: Iterable[x509.Certificate]) -> x509.Certificate:
    for each in certificates:
        try:
            if _public(each.public_key()) == public:
                return each
        except (ValueError, UnsupportedAlgorithm):  # an issuer's key may be of a kind that nobody knows
            continue
    mend = "put the key in with which its certificate was made"
    raise Unusable("no certificate in it is for its private key", mend, Part.PAIR)


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
