"""What the proxies in front say of the client: `X-Forwarded-*`, and `Forwarded` (RFC 7239).

Only heads from peers that the operator trusts come here; for all others `headers` drops these fields. Nothing in them
is believed further than the trust goes: each proxy appends what it has seen, so the chain is walked from its end, over
trusted proxies, to the first address that is none: the client. What stands left of it came from the client, and is
neither read nor passed on. What a trusted proxy has said and nobody can understand is 400, never a guess: a guess would
be the proxy's own address, to which applications may grant more than to strangers. For the same reason 400: two
different values of one field, and `Forwarded` beside `X-Forwarded-*` that says otherwise (most proxies write one of
them and let the client's other one pass). Pure; the memos hold values only. Runs in: any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeVar

from attrs import frozen

from wsgicontainer.errors import PeerError
from wsgicontainer.http.headers import is_host

ANYONE, UNIX = "*", "unix:"
"""Beside addresses and networks: every peer, and every peer on a unix socket."""
_FOR, _PROTO, _HOST, _PORT = (f"HTTP_X_FORWARDED_{name}" for name in ("FOR", "PROTO", "HOST", "PORT"))
_STANDARD = "HTTP_FORWARDED"
FIELDS = frozenset({_FOR, _PROTO, _HOST, _PORT, _STANDARD})
"""What is read. Other X-Forwarded-* fields end at the server, whoever sends them."""
_READ = (_FOR, _PROTO, _HOST, _PORT, _STANDARD, "HTTP_HOST")

_WORD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_PAIR = re.compile(rf'[ \t]*+(?:({_WORD})=({_WORD}|"(?:[^"\\]|\\.)*+"))?[ \t]*+([,;]|\Z)')
_NODE = re.compile(r"((?i:unknown)|_[\w.\-]+|\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::([0-9]{1,5}|_[\w.\-]+))?", re.ASCII)
_AUTHORITY = re.compile(r"(\[[^\]]*\]|[^:\[]+)(?::([0-9]*))?")
_MEMO_ENTRIES = 4096
_LONGEST = 256
"""Octets of fields worth remembering: with 4,096 entries the memo stays below 8 MiB."""
_LAST_PORT = 65535
_USUAL_PORT = {"http": "80", "https": "443"}

_Address = IPv4Address | IPv6Address
_K = TypeVar("_K")
_V = TypeVar("_V")


@frozen
class _Node:
    """One station of a request, as the next one saw it (RFC 7239 section 6)."""

    address: str
    """Empty if its proxy does not tell."""
    port: str
    trusted: bool


@frozen
class _Account:
    """What one family of fields says."""

    client: _Node | None = None
    scheme: str = ""
    host: str = ""
    port: str = ""

    def agrees(self, other: _Account) -> bool:
        """Tell whether both say the same of client, scheme and host: silence is not consent."""
        ours, theirs = (each.client and each.client.address for each in (self, other))
        return (ours, self.scheme, self.host.lower()) == (theirs, other.scheme, other.host.lower())


class Proxies:
    """Those who may speak for clients."""

    def __init__(self, allowed: Iterable[str]) -> None:
        """Trust these addresses and networks, `*` (any peer) or `unix:` (any peer on a unix socket)."""
        words = set(allowed)
        self._anyone, self._unix = ANYONE in words, UNIX in words
        self._networks: list[IPv4Network | IPv6Network] = [ip_network(each) for each in words - {ANYONE, UNIX}]
        self._peers: dict[str, bool] = {}
        self._memo: dict[tuple[str | None, ...], tuple[dict[str, str], dict[str, str]]] = {}

    def trusts(self, peer: str) -> bool:
        """Tell whether a connection's peer (an address, or `unix:`) may speak for clients."""
        known = self._peers.get(peer)
        if known is None:
            listed = self._unix if peer == UNIX else self._includes(_address(peer.partition("%")[0]))
            known = self._anyone or listed
            _remember(self._peers, peer, known)
        return known

    def origin(self, fields: dict[str, str]) -> dict[str, str]:
        """Return what a trusted peer's fields change in the environ; HTTP_HOST is changed in `fields` itself.

        Leaves of the forwarding fields what was believed. Raises PeerError 400. What was said before is remembered:
        a proxy's connection carries the same clients' requests in turn.
        """
        said = tuple(map(fields.get, _READ))
        kept, changes = self._memo.get(said) or self._decide(said)
        for name in FIELDS:
            fields.pop(name, None)
        fields.update(kept)
        return changes

    def _decide(self, said: tuple[str | None, ...]) -> tuple[dict[str, str], dict[str, str]]:
        kept = {name: value for name, value in zip(_READ, said, strict=True) if value is not None}
        decided = kept, self._changes(kept)
        if sum(map(len, filter(None, said))) <= _LONGEST:
            _remember(self._memo, said, decided)
        return decided

    def _changes(self, fields: dict[str, str]) -> dict[str, str]:
        """Leave of `fields` what is believed, and return what it changes in the environ."""
        said = self._x_forwarded(fields) if not FIELDS.isdisjoint(fields) else _Account()
        standard = fields.pop(_STANDARD, "")
        if standard:
            other = self._forwarded(standard)
            if said == _Account():
                said = other
            elif not said.agrees(other):
                raise PeerError("400 Bad Request", "Forwarded and X-Forwarded-* say different things")
        if said.host:
            fields["HTTP_HOST"] = said.host
        return _worded(said, fields.get("HTTP_HOST", ""))

    def _x_forwarded(self, fields: dict[str, str]) -> _Account:
        chain = [each.strip(" \t") for each in fields.pop(_FOR, "").split(",")]
        chain = [each for each in chain if each]
        position, client = self._walk(chain)
        if client is not None:
            fields[_FOR] = ", ".join(chain[position:])
        scheme = _scheme(_only(fields, _PROTO, "X-Forwarded-Proto").lower())
        host = _host(_only(fields, _HOST, "X-Forwarded-Host"))
        return _Account(client, scheme, host, _port(_only(fields, _PORT, "X-Forwarded-Port")))

    def _forwarded(self, value: str) -> _Account:
        """RFC 7239 section 4: the element that names the client was written by the proxy that saw its request."""
        client, element = None, {}
        for element in reversed(_elements(value)):
            if "for" not in element:
                break
            client = self._node(element["for"])
            if not client.trusted:
                break
        return _Account(client, _scheme(element.get("proto", "").lower()), _host(element.get("host", "")))

    def _walk(self, chain: Sequence[str]) -> tuple[int, _Node | None]:
        """Go from the nearest station to the first that is not trusted; None if there is none at all."""
        node, position = None, len(chain)
        while position and (node is None or node.trusted):
            position -= 1
            node = self._node(chain[position])
        return position, node

    def _node(self, text: str) -> _Node:
        match = _NODE.fullmatch(text)
        name, port = (match[1], match[2] or "") if match else (text, "")
        if name.lower() == "unknown" or name.startswith("_"):
            return _Node("", "", trusted=False)
        address = _address(name[1:-1] if name.startswith("[") else name)
        if address is None or (name.startswith("[") and ":" not in name):
            raise PeerError("400 Bad Request", "a proxy names a client by what is no address")
        return _Node(str(address), _port(port) if port.isdecimal() else "", self._includes(address))

    def _includes(self, address: _Address | None) -> bool:
        """Tell whether an address is listed. `*` is no list: it trusts who connects, not all that they name."""
        return address is not None and any(address in network for network in self._networks)


def _remember(memo: dict[_K, _V], key: _K, value: _V) -> None:
    if len(memo) >= _MEMO_ENTRIES:
        memo.clear()
    memo[key] = value


def _address(text: str) -> _Address | None:
    """Read an address; IPv4 in IPv6 (`::ffff:192.0.2.1`) is IPv4. A zone (`fe80::1%eth0`) means nothing elsewhere."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _elements(value: str) -> list[dict[str, str]]:
    elements: list[dict[str, str]] = [{}]
    position = 0
    while True:
        match = _PAIR.match(value, position)
        if match is None or (match[1] and match[1].lower() in elements[-1]):
            raise PeerError("400 Bad Request", "malformed Forwarded")
        if match[1]:
            text = match[2]
            elements[-1][match[1].lower()] = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] == '"' else text
        if not match[3]:
            return [element for element in elements if element]
        if match[3] == ",":
            elements.append({})
        position = match.end()


def _only(fields: dict[str, str], key: str, name: str) -> str:
    """Return a field's one value; proxies that append leave several, which must be the same."""
    values = {each.strip(" \t") for each in fields.pop(key, "").split(",")} - {""}
    if len(values) > 1:
        raise PeerError("400 Bad Request", f"{name} has different values")
    for value in values:
        fields[key] = value
        return value
    return ""


def _scheme(text: str) -> str:
    if text and text not in _USUAL_PORT:
        raise PeerError("400 Bad Request", "a proxy names a scheme that is neither http nor https")
    return text


def _host(text: str) -> str:
    if text and (text.startswith(":") or not is_host(text)):
        raise PeerError("400 Bad Request", "a proxy names a malformed host")
    return text


def _port(text: str) -> str:
    if text and not (re.fullmatch("[0-9]{1,5}", text) and int(text) <= _LAST_PORT):
        raise PeerError("400 Bad Request", "a proxy names a port that is none")
    return text


def _worded(said: _Account, host: str) -> dict[str, str]:
    """Word it for the environ; `host` is the request's, whose port counts once the scheme is the client's."""
    changes: dict[str, str] = {}
    if said.client is not None:
        changes["REMOTE_ADDR"], changes["REMOTE_PORT"] = said.client.address, said.client.port
    if said.scheme:
        changes["wsgi.url_scheme"] = said.scheme
    match = _AUTHORITY.fullmatch(host)
    if said.host and match:
        changes["SERVER_NAME"] = match[1]
    if said.scheme or said.host or said.port:
        port = said.port or (match and match[2]) or _USUAL_PORT.get(said.scheme)
        if port:
            changes["SERVER_PORT"] = port
    return changes
