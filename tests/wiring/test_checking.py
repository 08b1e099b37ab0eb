"""--check-config: it says what a start would, beside a server that runs, and to one that is to be replaced."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from twisted.logger import capturedLogs, formatEvent

from wsgicontainer import Settings
from wsgicontainer.assembly import check
from wsgicontainer.errors import PortError

FOREIGN = "tcp:0:interface=192.0.2.1"
"""An address that no machine has (RFC 5737)."""


@pytest.fixture
def taken() -> Iterator[str]:
    """A port that somebody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp:{server.getsockname()[1]}:interface=127.0.0.1"


def told(*ports: str, workers: int = 1) -> list[str]:
    with capturedLogs() as events:
        check(Settings(wsgi="wsgiref.simple_server:demo_app", ports=ports, workers=workers))
    return [formatEvent(event) for event in events]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_a_warning(taken: str, workers: int) -> None:
    """It may be this server's own: who asks before a reload wants to know the rest."""
    (line,) = told(taken, workers=workers)
    assert line.startswith(f"--port {taken} is taken: by this server, if it runs already; otherwise choose another")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_could_not_be_opened_is_refused(workers: int) -> None:
    with pytest.raises(PortError, match=r"Cannot assign requested address.*; write an address of this machine"):
        told(FOREIGN, workers=workers)


def test_a_supervisor_that_is_to_be_replaced_has_its_ports_already(taken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken they are of course, and it may have given up the privilege that opened them."""
    monkeypatch.setenv("_WSGICONTAINER_CHECKING", "1")
    assert told(taken, FOREIGN) == []
