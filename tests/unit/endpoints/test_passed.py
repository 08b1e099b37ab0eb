"""Which sockets systemd has passed to this process, and which of them a port means."""

import os
import socket

import pytest

from wsgicontainer.endpoints import Passed, passed_sockets
from wsgicontainer.errors import BootError
from wsgicontainer.settings.activation import Activated

FAR = {"LISTEN_PID": "42", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "http:https"}


def passed(environ, first=None):
    return passed_sockets(environ, [42], lambda: first or {}).sockets


def test_names_and_numbers_and_nothing_is_left_for_the_application():
    environ = {**FAR, "LISTEN_PIDFDID": "7", "HOME": "/"}
    assert passed(environ) == [("http", 3), ("https", 4)]
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("environ", "sockets"),
    [
        ({}, []),
        ({**FAR, "LISTEN_PID": "41"}, []),
        ({**FAR, "LISTEN_FDS": "some"}, []),
        ({"LISTEN_PID": "42", "LISTEN_FDS": "2"}, [("", 3), ("", 4)]),
        ({**FAR, "LISTEN_FDNAMES": "http"}, [("http", 3), ("", 4)]),
    ],
    ids=["none", "for another process", "no number", "without names", "with too few names"],
)
def test_what_is_missing(environ, sockets):
    assert passed(environ) == sockets


def test_twisted_may_have_read_them_before():
    """It takes two of the variables away when its endpoints are imported: what the process began with still tells."""
    environ = {"LISTEN_FDNAMES": "http:https"}
    assert passed(environ, FAR) == [("http", 3), ("https", 4)]
    assert environ == {}


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


def told(sockets, wanted=Activated()):  # noqa: B008 (frozen)
    with pytest.raises(BootError) as raised:
        Passed(sockets).find("systemd:", wanted)
    return str(raised.value)


@pytest.mark.parametrize("wanted", [Activated(), Activated("http"), Activated(index=0)])
def test_a_port_finds_its_socket_once(wanted, listening):
    one = Passed([("http", listening.fileno())])
    assert one.find("systemd:", wanted) == listening.fileno()
    with pytest.raises(BootError, match="another --port"):
        one.find("systemd:", wanted)


def test_what_can_not_be_found_is_told_with_what_there_is():
    assert "systemctl enable --now" in told([])
    three = [("http", 3), ("x", 4), ("x", 5)]
    choice = "systemd:name=http or systemd:index=1 or systemd:index=2"
    assert told(three).endswith(f"may be 3 of the sockets that systemd has passed; write {choice}")
    assert "is none of the sockets" in told(three, Activated("https"))
    assert "may be 2 of the sockets" in told(three, Activated("x"))
    assert "is none of the sockets" in told(three, Activated(index=3))


@pytest.mark.parametrize("kind", ["silent", "datagrams", "closed"])
def test_what_does_not_listen_is_told(kind):
    with socket.socket(type=socket.SOCK_DGRAM if kind == "datagrams" else socket.SOCK_STREAM) as sock:
        number = os.dup(sock.fileno())
        if kind == "closed":
            os.close(number)
        assert "is no listening socket" in told([("", number)])
        if kind != "closed":
            os.close(number)
