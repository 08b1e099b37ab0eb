"""The PROXY header, versions 1 and 2: what a proxy says of the connection that it passes on.

HAProxy's proxy-protocol.txt, sections 2.1 and 2.2. Strict: an address is an address, a port a port. A proxy that does
not know the client (UNKNOWN, UNSPEC, a unix socket) or speaks for itself (LOCAL) names nobody: then the connection's
own ends count. Type-length-value fields are passed over. Pure.
"""

from __future__ import annotations

import re
import struct
from ipaddress import IPv4Address, IPv6Address

from attrs import frozen

_V1 = b"PROXY "
_V1_LONGEST = 107
"""Octets of a version 1 line with its end."""
_LINE = re.compile(r"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]+) ([0-9a-fA-F.:]+) ([0-9]{1,5}) ([0-9]{1,5})")
_V2 = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = struct.Struct("!12sBBH")
_V2_LONGEST = 1024
"""Octets after the fixed part of version 2: 216 of addresses, and room for what proxies add (TLS, names)."""
_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6, _UNIX_STREAM = 0x11, 0x21, 0x31
_LAST_PORT = 65535

End = tuple[str, int]
"""Address and port."""


class Malformed(ValueError):
    """No PROXY header; the text says why."""


@frozen
class ProxyHeader:
    """A whole header."""

    octets: int
    """Its length: what follows is the client's."""
    source: End | None = None
    """The client's end; None if the header names nobody."""
    destination: End | None = None
    """The end that the client has connected to."""


def read(octets: bytes) -> ProxyHeader | None:
    """Return the header that begins a connection, None while its end has not come. Raises Malformed."""
    if octets.startswith(_V1):
        return _read_v1(octets)
    if octets.startswith(_V2):
        return _read_v2(octets)
    if _V1.startswith(octets) or _V2.startswith(octets):
        return None
    raise Malformed("there is none")


def _read_v1(octets: bytes) -> ProxyHeader | None:
    end = octets.find(b"\r\n", 0, _V1_LONGEST)
    if end < 0:
        if len(octets) >= _V1_LONGEST:
            raise Malformed("the line has no end")
        return None
    line = octets[:end].decode("latin-1")
    if line == "PROXY UNKNOWN" or line.startswith("PROXY UNKNOWN "):
        return ProxyHeader(end + 2)
    match = _LINE.fullmatch(line)
    if match is None:
        raise Malformed("the line can't be read")
    kind = IPv4Address if match[1] == "TCP4" else IPv6Address
    try:
        source, destination = str(kind(match[2])), str(kind(match[3]))
    except ValueError:
        raise Malformed("an address is none") from None
    return ProxyHeader(end + 2, (source, _port(match[4])), (destination, _port(match[5])))


def _port(text: str) -> int:
    if int(text) > _LAST_PORT:
        raise Malformed("a port is none")
    return int(text)


def _read_v2(octets: bytes) -> ProxyHeader | None:
    if len(octets) < _V2_FIXED.size:
        return None
    _, command, family, length = _V2_FIXED.unpack_from(octets)
    if command not in (_LOCAL, _PROXY):
        raise Malformed("its version or command is unknown")
    if length > _V2_LONGEST:
        raise Malformed("it is too long")
    end = _V2_FIXED.size + length
    if len(octets) < end:
        return None
    if command == _LOCAL:
        return ProxyHeader(end)
    return _read_addresses(family, octets[_V2_FIXED.size : end], end)


def _read_addresses(family: int, block: bytes, end: int) -> ProxyHeader:
    if family in (0, _UNIX_STREAM):
        return ProxyHeader(end)
    if family not in (_TCP4, _TCP6):
        raise Malformed("its family of addresses is unknown")
    kind, form = (IPv4Address, "!4s4sHH") if family == _TCP4 else (IPv6Address, "!16s16sHH")
    try:
        source, destination, source_port, destination_port = struct.unpack_from(form, block)
    except struct.error:
        raise Malformed("its addresses are cut off") from None
    return ProxyHeader(end, (str(kind(source)), source_port), (str(kind(destination)), destination_port))
