"""A server on its way out lets nobody connect whom it will not answer."""

from __future__ import annotations

import socket

import pytest

from wsgicontainer.endpoints.deaf import begin_no_more


@pytest.mark.parametrize(("family", "name"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_who_has_connected_is_accepted_and_nobody_else_connects(family, name):
    """A newcomer waits (its system asks again in a second) and then is refused, so that it can ask somebody else."""
    with socket.create_server((name, 0), family=family) as listening, socket.socket(family) as late:
        address = listening.getsockname()
        early = socket.create_connection(address[:2], timeout=5)
        begin_no_more(listening)
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(address)
        accepted, _ = listening.accept()
        early.sendall(b"hello")
        assert accepted.recv(5) == b"hello"
        accepted.close()
        early.close()
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
