"""A client's address is the same text whichever way it comes: applications and logs compare it."""

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from wsgicontainer.connections import socketwire, transportwire

NAMES = [
    (("192.0.2.1", 5), IPv4Address("TCP", "192.0.2.1", 5), ("192.0.2.1", "5")),
    (("::ffff:192.0.2.1", 5, 0, 0), IPv6Address("TCP", "::ffff:192.0.2.1", 5), ("192.0.2.1", "5")),
    (("2001:db8::1", 5, 0, 0), IPv6Address("TCP", "2001:db8::1", 5), ("2001:db8::1", "5")),
    ("/run/site.sock", UNIXAddress(b"/run/site.sock"), ("", "")),
]


@pytest.mark.parametrize(("name", "address", "told"), NAMES)
def test_on_either_wire(name, address, told):
    """A socket for both families shows an IPv4 client as IPv6: systemd makes such sockets unless told otherwise."""
    assert socketwire._address(name) == told
    assert transportwire._address(address) == told
