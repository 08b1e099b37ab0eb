"""What systemd is told, as it reads it, and what the application does not get to see of it."""

import socket

import pytest
from zope.interface.verify import verifyObject

from wsgicontainer.interfaces import IOperatorNotices
from wsgicontainer.process.notify import Datagrams, NobodyListens, SystemdNotices, notices_from


@pytest.fixture
def sent():
    return []


@pytest.fixture
def notices(sent):
    return SystemdNotices(sent.append, getpid=lambda: 42, clock=lambda: 1.5)


def test_both_say_what_the_interface_says():
    assert verifyObject(IOperatorNotices, NobodyListens())
    assert verifyObject(IOperatorNotices, SystemdNotices(print))


def test_each_notice_is_one_datagram(notices, sent):
    notices.ready("Serving")
    notices.reloading()
    notices.reloaded()
    notices.reloaded("SyntaxError\nin line 3")
    notices.status("all is well")
    notices.alive()
    notices.stopping("Draining")
    assert sent == [
        b"READY=1\nSTATUS=Serving\nMAINPID=42",
        b"RELOADING=1\nMONOTONIC_USEC=1500000\nSTATUS=Reloading",
        b"READY=1\nSTATUS=Reloaded",
        b"READY=1\nSTATUS=Not reloaded: SyntaxError in line 3",
        b"STATUS=all is well",
        b"WATCHDOG=1",
        b"STOPPING=1\nSTATUS=Draining",
    ]


@pytest.mark.parametrize(
    ("watchdog", "patience"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "42"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_counts_if_it_is_meant_for_us(watchdog, patience):
    environ = {"NOTIFY_SOCKET": "/run/notify", **watchdog, "HOME": "/"}
    notices = notices_from(environ, lambda: 42, lambda address: [address].append)
    assert (notices.heard, notices.patience) == (True, patience)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1234"}])
def test_nobody_is_told_without_a_unix_socket(environ):
    notices = notices_from(environ)
    assert (notices.heard, notices.patience, environ) == (False, None, {})


@pytest.mark.parametrize("kind", ["/", "@"])
def test_datagrams_reach_files_and_abstract_names(kind, tmp_path):
    address = f"@{tmp_path}" if kind == "@" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(address.replace("@", "\0", 1))
        listening.settimeout(5)
        Datagrams(address)(b"READY=1")
        assert listening.recv(100) == b"READY=1"


def test_who_does_not_listen_stops_nobody(tmp_path):
    """Neither a socket that is gone nor one whose queue is full."""
    gone = Datagrams(str(tmp_path / "nowhere"))
    gone(b"READY=1")
    gone(b"READY=1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "full"))
        full = Datagrams(str(tmp_path / "full"))
        for _ in range(3000):
            full(b"WATCHDOG=1")
