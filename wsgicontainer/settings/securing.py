"""Ports with TLS: which part of an endpoint's description is ours (`txsni:`, `tls:`, `ssl:`), and which is left inside.

    txsni:DIR:ENDPOINT             a folder of certificates before any other endpoint
    tls:DIR:PORT[:interface=…]     the same with tcp: inside
    ssl:PORT:privateKey=FILE[:certKey=FILE][:extraCertChain=FILE][:interface=…]    one certificate

`haproxy:` may stand before and after. The text inside stays as it was written, escapes and all. Pure.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from attrs import evolve, frozen

from wsgicontainer.settings.kinds import Wrong, escape, split_escaped

KINDS = ("txsni", "tls", "ssl")
_FIRST = re.compile(r"((?:[^\\:]|\\.)*):(.*)", re.DOTALL)
"""What stands before the first colon that no backslash makes an ordinary letter, and the rest."""
_PASSED_ON = ("interface", "backlog")
_SSL = "ssl:443:privateKey=key.pem:certKey=cert.pem"


@frozen
class Secured:
    """A port with TLS."""

    inside: str
    """The description of the endpoint that it runs on."""
    folder: str = ""
    """Where the certificates are, by name; or else:"""
    files: tuple[str, ...] = ()
    """The files that make the only certificate."""


def secured(description: str) -> Secured | None:
    """Return what a description says of TLS; None if it says nothing. Raises Wrong."""
    kind, _, rest = description.partition(":")
    if kind == "haproxy":
        found = secured(rest)
        return None if found is None else evolve(found, inside=f"haproxy:{found.inside}")
    if kind not in KINDS:
        return None
    found = _txsni(rest) if kind == "txsni" else _tls(rest) if kind == "tls" else _ssl(rest)
    if secured(found.inside) is not None:
        raise Wrong("has TLS within TLS", f"{kind}:{rest.partition(':')[0]}:tcp:443")
    return found


def tls_of(port: str, certfile: str | None, keyfile: str | None) -> Secured | None:
    """Return what is to be known of a port's TLS, if it has any: without its own it has that of --certfile."""
    files = tuple(each for each in (certfile, keyfile) if each is not None)
    return secured(port) or (Secured(port, files=files) if files else None)


def is_file(description: str) -> bool:
    """Tell whether what is listened on is a file: a unix socket that has a place in a folder. Raises Wrong."""
    tls = secured(description)
    kind, _, rest = (description if tls is None else tls.inside).partition(":")
    if kind == "haproxy":
        return is_file(rest)
    return kind == "unix" and not rest.startswith("\0")


def _txsni(rest: str) -> Secured:
    match = _FIRST.fullmatch(rest)
    folder = split_escaped(match[1], ":")[0] if match else ""
    if match is None or not folder or not match[2]:
        raise Wrong("is not txsni:DIR:ENDPOINT", "txsni:/etc/certificates:tcp:443")
    return Secured(match[2], folder=folder)


def _tls(rest: str) -> Secured:
    folder, *words = split_escaped(rest, ":")
    port, named = _words(words, ("port", *_PASSED_ON))
    if not folder or not (port or "port" in named):
        raise Wrong("is not tls:DIR:PORT", "tls:/etc/certificates:443")
    return Secured(_tcp(named.get("port", port), named), folder=folder)


def _ssl(rest: str) -> Secured:
    port, named = _words(split_escaped(rest, ":"), ("port", "privateKey", "certKey", "extraCertChain", *_PASSED_ON))
    files = [named[name] for name in ("certKey", "privateKey", "extraCertChain") if named.get(name)]
    if not named.get("privateKey"):
        raise Wrong("does not say where its key is", _SSL)
    return Secured(_tcp(named.get("port", port), named), files=tuple(dict.fromkeys(files)))


def _words(words: list[str], known: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """Sort the parts of a description into the only one without a name, and the others."""
    first, named = "", {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and not first:
            first = word
        elif name in ("sslmethod", "dhParameters"):
            raise Wrong(f"has {name}, which TLS here does without; leave it out and see --tls-min and --ciphers")
        elif name not in known:
            meant = get_close_matches(name.lower(), {each.lower(): each for each in known}, 1)
            hint = f"; did you mean {next(each for each in known if each.lower() == meant[0])}?" if meant else ""
            raise Wrong(f"has the unknown part {word!r} beside {', '.join(known)}{hint}", _SSL)
        else:
            named[name] = value
    return first, named


def _tcp(port: str, named: dict[str, str]) -> str:
    options = (f":{name}={_quoted(named[name])}" for name in _PASSED_ON if name in named)
    return f"tcp:{_quoted(port)}{''.join(options)}"


def _quoted(text: str) -> str:
    """Make all of a text ordinary letters in Twisted's eyes."""
    return escape(text, ":").replace("=", "\\=")
