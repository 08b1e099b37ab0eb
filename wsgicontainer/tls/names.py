"""Server names (RFC 6066 section 3) and the names of certificate files: which belong together. Pure.

A client chooses its server name freely, so it only ever becomes a key to look up, never a part of a path.
"""

from __future__ import annotations

import re

import idna

DEFAULT = "DEFAULT"
"""The stem of the file for clients that name nobody, or nobody whom we know (TxSNI's convention)."""
_SUFFIX = ".pem"
_KEY_KINDS = (".rsa", ".ecdsa")
"""What may stand before `.pem` for the same name with another kind of key."""
_LONGEST = 253
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")


def normalized(name: str) -> str:
    """Return a host name as it is looked up: lower case, A-labels (RFC 5890), no dot at the end; "" if it is none."""
    if len(name) > _LONGEST + 1:
        return ""
    name = name.lower().removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except (idna.IDNAError, ValueError):
            return ""
    return name if len(name) <= _LONGEST and _NAME.fullmatch(name) else ""


def lookups(server_name: str) -> tuple[str, ...]:
    """Return the keys under which a client's server name may be found, the best first; none if it is no host name."""
    name = normalized(server_name)
    if not name:
        return ()
    _, dot, parent = name.partition(".")
    return (name, f"*.{parent}") if dot else (name,)


def key_of(name: str) -> str:
    """Return the key of a name that a certificate is for, `*.example.com` too; "" if it is no name of a host."""
    if name.startswith("*."):
        parent = normalized(name[2:])
        return f"*.{parent}" if parent else ""
    return normalized(name)


def stem_of(file_name: str) -> str:
    """Return what a file in a folder of certificates is named for; "" if it is no certificate file.

    `a.example.pem` and `a.example.rsa.pem` are both named for `a.example`.
    """
    if file_name.startswith(".") or not file_name.lower().endswith(_SUFFIX):
        return ""
    stem = file_name[: -len(_SUFFIX)]
    for kind in _KEY_KINDS:
        if stem.lower().endswith(kind):
            return stem[: -len(kind)]
    return stem
