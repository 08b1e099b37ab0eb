"""`systemd:` endpoints: which of the sockets that systemd passes is meant. Pure.

    systemd:                the only one
    systemd:name=http       the one that FileDescriptorName= names so
    systemd:index=0         by its place in the unit of sockets
    systemd:domain=INET:…   Twisted's spelling; the socket itself knows its domain

Without any of these the description must be unambiguous.
"""

from __future__ import annotations

import re

from attrs import frozen

from wsgicontainer.settings.kinds import Wrong, split_escaped

_DOMAINS = ("INET", "INET6", "UNIX")
_EXAMPLE = "systemd:name=http"


@frozen
class Activated:
    """What a description says; neither means that there is only one."""

    name: str | None = None
    index: int | None = None


def activated(rest: str) -> Activated:
    """Read what stands after `systemd:`. Raises Wrong."""
    words: dict[str, str] = {}
    for position, word in enumerate(split_escaped(rest, ":") if rest else ()):
        name, equals, value = word.partition("=")
        if not equals and position == 0 and word in _DOMAINS:
            name, value = "domain", word
        if name not in ("name", "index", "domain"):
            raise Wrong(f"has the unknown part {word!r} beside name and index", _EXAMPLE)
        words[name] = value
    return _checked(words)


def _checked(words: dict[str, str]) -> Activated:
    name, index, domain = (words.get(each) for each in ("name", "index", "domain"))
    if name is not None and index is not None:
        raise Wrong("has both a name and an index", f"systemd:name={name}")
    if name == "":
        raise Wrong("has an empty name", _EXAMPLE)
    if index is not None and not re.fullmatch(r"[0-9]{1,4}", index):
        raise Wrong("has an index that is no whole number", "systemd:index=0")
    if domain is not None and domain not in _DOMAINS:
        raise Wrong(f"has the domain {domain!r}, which is none of {', '.join(_DOMAINS)}", _EXAMPLE)
    return Activated(name, None if index is None else int(index))
