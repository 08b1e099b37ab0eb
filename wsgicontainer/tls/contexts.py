"""Builds `ssl` contexts, each whole before anybody uses it.

A listener has one *front* context without a certificate. It begins every handshake and keeps the keys of session
tickets; the server name's callback then puts the name's own context in its place. So renewals change contexts, and
tickets of before are good after (OpenSSL keeps the first context's ticket keys for a connection). All contexts have
Python's one session id context, else OpenSSL would not resume across them.
Runs in: reactor thread; the callback in whichever thread owns the connection.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

from attrs import frozen

from wsgicontainer.errors import BootError, ConfigurationError
from wsgicontainer.tls.pem import Chain, Unusable

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secret and authenticated, nothing else. TLS 1.3 has no others."""
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_REQUIRED = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}
Find = Callable[[str | None], SSLContext | None]
"""Server name -> its context."""


@frozen
class Policy:
    """What all contexts have in common."""

    minimum: str = "1.2"
    ciphers: str = CIPHERS
    protocols: tuple[str, ...] = ("http/1.1",)
    """ALPN (RFC 7301), the best first."""
    ca_certs: str | None = None
    """A file with those whose word for a client counts."""
    cert_reqs: str = "none"


def blank(policy: Policy) -> SSLContext:
    """Return a context without a certificate. Raises ConfigurationError for the policy's own faults."""
    context = SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[policy.minimum]
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    try:
        context.set_ciphers(policy.ciphers)
    except ssl.SSLError:
        raise ConfigurationError(
            f"--ciphers: {policy.ciphers!r} names no cipher that OpenSSL has; write --ciphers {CIPHERS}"
        ) from None
    context.set_alpn_protocols(list(policy.protocols))
    context.verify_mode = _REQUIRED[policy.cert_reqs]
    if policy.ca_certs is not None:
        _trust(context, policy.ca_certs)
    return context


def _trust(context: SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(file)
    except OSError as error:  # an SSLError is one, too
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise BootError(
            f"--ca-certs {file} can't be used ({reason}); name a PEM file with the certificates of those who sign "
            "clients' certificates"
        ) from None


def context_for(policy: Policy, chains: Iterable[Chain]) -> SSLContext:
    """Return a context that presents these, one for each kind of key; of one kind the last. Raises Unusable."""
    context = blank(policy)
    for chain in chains:
        try:
            with _as_file(chain.octets) as name:
                context.load_cert_chain(name)
        except ssl.SSLError as error:
            raise Unusable(f"OpenSSL does not take it ({error.reason or error})") from None
    return context


@contextmanager
def _as_file(octets: bytes) -> Iterator[str]:
    """Let OpenSSL, which wants a file, read octets; where the system has files in memory, no disk sees the key."""
    if hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(octets)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
    else:
        with tempfile.NamedTemporaryFile() as file:  # only its owner may read it
            file.write(octets)
            file.flush()
            yield file.name


def front_for(policy: Policy, find: Find) -> SSLContext:
    """Return a listener's front context, for names that `find` knows: others are refused as nginx does.

    That is `handshake_failure`: `unrecognized_name` would tell the curious the same, and older clients take it for a
    warning.
    """
    front = blank(policy)

    def chosen(connection: Any, server_name: str | None, _: object) -> int | None:
        context = find(server_name)
        if context is None:
            return ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
        connection.context = context
        return None

    front.sni_callback = chosen
    return front
