"""Where to listen: Twisted's endpoint strings (`--port`), and gunicorn's addresses (`--bind`) turned into them.

And to whom to listen more closely: the proxies that may speak for clients (`--forwarded-allow-ips`).

Kinds that Twisted and we know are checked as far as text can tell; others are left to Twisted's plugins, at boot.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from types import MappingProxyType

from wsgicontainer.settings.activation import activated
from wsgicontainer.settings.kinds import Kind, Wrong, escape, split_escaped
from wsgicontainer.settings.securing import KINDS, secured


def _parse_endpoint(text: str) -> str:
    """Check a Twisted server endpoint as far as text can; an unknown kind is left to Twisted's plugins, at boot."""
    kind, *rest = split_escaped(text, ":")
    if not rest or _is_address(text):
        raise Wrong("does not say what to listen on", _mend_word(text))
    _refuse_foreign(kind, rest[0])
    if rest[0].startswith("//") or (kind not in (*_ENDPOINTS, *KINDS, "systemd") and _looks_like_host(text)):
        raise Wrong("is an address, not an endpoint", _mend_address(text))
    tls = secured(text)
    if tls is not None:
        _parse_inside(text, tls.inside)
    elif kind == "haproxy":
        _parse_endpoint(text.partition(":")[2])
    elif kind == "systemd":
        activated(text.partition(":")[2])
    elif kind in _ENDPOINTS:
        _parse_known(kind, rest)
    return text


def _refuse_foreign(kind: str, first: str) -> None:
    """Refuse kinds that others have, or a version to come."""
    if kind in ("txacme", "le", "lets"):
        raise Wrong(f"asks for {kind}:, which this version does not have", _WITH_TLS)
    if kind in ("http", "https") and not first.startswith("//"):
        mend = _WITH_TLS if kind == "https" else f"tcp:{first}" if first.isdecimal() else ""
        raise Wrong("begins with a scheme, not with a kind of endpoint", mend)


def _mend_word(text: str) -> str:
    """Guess what a word was meant for: a port's number, a kind, a path, an address."""
    if text.isdecimal():
        return f"tcp:{text}"
    if text in KINDS:
        return _WITH_TLS
    if text == "unix" or text.startswith(("/", "./")):
        return f"unix:{_SOCKET if text == 'unix' else text}"
    return f"tcp:8000:interface={escape(text, ':')}" if text == "localhost" or _is_address(text) else ""


def _parse_known(kind: str, rest: list[str]) -> None:
    if rest[1:] and _is_address(rest[0]) and rest[1].isdecimal():
        raise Wrong("has an address where its port belongs", _mend_address(f"{rest[0]}:{rest[1]}"))
    _ENDPOINTS[kind](kind, rest[0])


def _parse_inside(text: str, inside: str) -> None:
    """Check what TLS runs on; what to write instead has TLS, too."""
    try:
        _parse_endpoint(inside)
    except Wrong as wrong:
        before = text.removesuffix(inside) if text.endswith(inside) else ""
        raise Wrong(str(wrong), f"{before}{wrong.mend}" if before and wrong.mend else _WITH_TLS) from None


def _check_tcp(kind: str, first: str) -> None:
    port = first.removeprefix("port=")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > _LAST_PORT:
        raise Wrong(f"has no port from 0 to {_LAST_PORT}", f"{kind}:8000")


def _check_descriptor(_kind: str, first: str) -> None:
    if not re.fullmatch(r"[0-9]{1,9}", first):
        raise Wrong("has no number of a file descriptor", "fd:3")


def _check_filled(kind: str, first: str) -> None:
    if not first:
        raise Wrong(f"has nothing after {kind}:", f"{kind}:{_SOCKET}")


_LAST_PORT = 65535
_SOCKET = "/run/site.sock"
_WITH_TLS = "txsni:/etc/certificates:tcp:443"
_ENDPOINTS: Mapping[str, Callable[[str, str], None]] = MappingProxyType(
    {
        "tcp": _check_tcp,
        "tcp6": _check_tcp,
        "fd": _check_descriptor,
        "unix": _check_filled,
    }
)


def _looks_like_host(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return port.isdecimal() and (host in ("", "*", "localhost") or _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _mend_address(text: str) -> str:
    try:
        return _parse_address(text.partition("://")[2].rstrip("/") or text)
    except Wrong:
        return "tcp:8000:interface=127.0.0.1"


ENDPOINT = Kind("ENDPOINT", _parse_endpoint)


def _parse_address(text: str) -> str:
    """Turn gunicorn's spelling into an endpoint: `host:port`, `[::1]:8000`, `:8000`, `8000`, `unix:path`, `fd://3`."""
    if text.startswith("unix:"):
        file = text.removeprefix("unix:").removeprefix("//")
        return _parse_endpoint(f"unix:{escape(file, ':')}")
    if text.startswith("fd://"):
        return _parse_endpoint(f"fd:{text.removeprefix('fd://')}")
    host, _, port = text.rpartition(":")
    if not re.fullmatch(r"[0-9]{1,5}", port) or (":" in host and not _is_address(host)):
        raise Wrong("is not host:port", f"{text}:8000" if re.fullmatch(r"[\w.-]+", text) else "127.0.0.1:8000")
    host = host.removeprefix("[").removesuffix("]")
    return _parse_endpoint(f"tcp:{port}:interface={escape(host, ':')}" if host not in ("", "*") else f"tcp:{port}")


ADDRESS = Kind("ADDR", _parse_address)


def _parse_proxies(text: str) -> tuple[str, ...]:
    """Split a list of addresses and networks; `*` is any peer, `unix:` any peer on a unix socket."""
    words = [word.strip() for word in text.split(",")]
    return tuple(dict.fromkeys(_proxy(word) for word in words if word))


def _proxy(word: str) -> str:
    if word in ("*", "unix:"):
        return word
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        raise Wrong(f"names {word!r}, which is no address, network, unix: or *") from None
    if "/" not in word:
        return str(network.network_address)
    if str(network.network_address) != str(ip_address(word.partition("/")[0])):
        raise Wrong(f"names {word}, an address within a network", str(network))
    return str(network)


PROXIES = Kind("CIDR,…", _parse_proxies, lambda words: ",".join(map(str, words)), listed=True)


_PROTOCOLS = {"h2": "h2", "h1": "http/1.1"}
"""What operators write, and its name in ALPN (RFC 7301)."""


def _parse_protocols(text: str) -> tuple[str, ...]:
    words = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in words:
        if word not in _PROTOCOLS:
            raise Wrong(f"names {word!r}, which is neither h2 nor h1", "h2,h1")
    if "h1" not in words:
        raise Wrong("leaves out h1, which clients without ALPN speak", "h2,h1")
    return words


PROTOCOLS = Kind("h2,h1", _parse_protocols, lambda words: ",".join(map(str, words)), listed=True)


def alpn(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return the protocols' names as TLS has them."""
    return tuple(_PROTOCOLS[word] for word in words)
