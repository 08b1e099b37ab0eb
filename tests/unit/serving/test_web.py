"""Where a server listens, as a person would type it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from wsgicontainer.serving.web import where


@pytest.mark.parametrize(
    ("host", "secure", "told"),
    [
        (IPv4Address("TCP", "127.0.0.1", 8000), False, "http://127.0.0.1:8000"),
        (IPv6Address("TCP", "::1", 8443), True, "https://[::1]:8443"),
        (UNIXAddress(b"/run/site.sock"), False, "unix:/run/site.sock"),
        (UNIXAddress(b"/run/site.sock"), True, "unix:/run/site.sock with TLS"),
        (object(), False, "unix:fd:3"),
    ],
)
def test_a_place(host: Any, secure: bool, told: str) -> None:
    assert where(host, secure, "fd:3") == told
