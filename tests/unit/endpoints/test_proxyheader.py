"""PROXY headers, both versions: what is read, what is awaited, what is refused."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wsgicontainer.endpoints.proxyheader import Malformed, ProxyHeader, read

PREFIX = b"\r\n\r\n\0\r\nQUIT\n"
REST = b"GET / HTTP/1.1\r\n\r\n"
FOUR = bytes([192, 0, 2, 7, 192, 0, 2, 1]) + struct.pack("!HH", 5678, 80)


def v2(block: bytes, command: int = 0x21, family: int = 0x11) -> bytes:
    return PREFIX + struct.pack("!BBH", command, family, len(block)) + block


GOOD = {
    b"PROXY TCP4 192.0.2.7 192.0.2.1 5678 80\r\n": ("192.0.2.7", 5678),
    b"PROXY TCP6 2001:db8:0::7 ::1 5678 80\r\n": ("2001:db8::7", 5678),
    b"PROXY UNKNOWN\r\n": None,
    b"PROXY UNKNOWN anything at all\r\n": None,
    v2(FOUR): ("192.0.2.7", 5678),
    v2(FOUR + b"\x04\x00\x03abc"): ("192.0.2.7", 5678),
    v2(ip_address("2001:db8::7").packed + ip_address("::1").packed + b"\1\0\0\x50", family=0x21): ("2001:db8::7", 256),
    v2(b"", command=0x20): None,
    v2(FOUR, command=0x20): None,
    v2(b"", family=0): None,
    v2(bytes(216), family=0x31): None,
}


@pytest.mark.parametrize("header", GOOD)
def test_whole_headers(header):
    """However it comes, in one piece or octet by octet; what follows is the client's."""
    found = read(header + REST)
    assert found is not None
    assert (found.octets, found.source) == (len(header), GOOD[header])
    assert read(header) == found
    assert [read(header[:end]) for end in range(len(header))] == [None] * len(header)


@pytest.mark.parametrize(
    "octets",
    [
        REST,
        b"PROXX",
        b"PROXY\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 5678\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 5678 80 \r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 5678 x\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 65536 80\r\n",
        b"PROXY TCP4 me you 5678 80\r\n",
        b"PROXY TCP4 192.0.2.256 192.0.2.1 5678 80\r\n",
        b"PROXY TCP4 ::1 ::1 5678 80\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.1 5678 80\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.1 5678 80\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY " + b"x" * 101,
        v2(FOUR, command=0x11),
        v2(FOUR, command=0x22),
        v2(FOUR, family=0x12),
        v2(FOUR, family=0x41),
        v2(FOUR[:-1]),
        v2(FOUR, family=0x21),
        PREFIX + struct.pack("!BBH", 0x21, 0x11, 1025),
    ],
)
def test_what_is_no_header(octets):
    with pytest.raises(Malformed):
        read(octets)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=200).map(lambda rest: b"PROXY TCP4 " + rest),
        st.binary(max_size=200).map(lambda rest: PREFIX + rest),
        st.builds(v2, st.binary(max_size=40), st.integers(0, 255), st.integers(0, 255)),
    )
)
@example(b"")
def test_whatever_comes_is_a_header_or_awaited_or_refused(octets):
    """Never another error, and what is awaited is bounded."""
    try:
        found = read(octets)
    except Malformed:
        return
    if found is None:
        assert len(octets) < 16 + 1024
        return
    for end in (found.source, found.destination):
        if end is not None:
            assert str(ip_address(end[0])) == end[0]
            assert 0 <= end[1] <= 65535


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_both_versions_say_the_same(address, port):
    one = read(f"PROXY TCP4 {address} 192.0.2.1 {port} 80\r\n".encode())
    two = read(v2(address.packed + bytes([192, 0, 2, 1]) + struct.pack("!HH", port, 80)))
    assert one is not None
    assert two is not None
    assert (one.source, one.destination) == (two.source, two.destination)
    assert isinstance(one, ProxyHeader)
