"""Sentences for operators: each names the option and the mend that fits."""

from __future__ import annotations

import errno
import os

import pytest

from wsgicontainer.errors import PortError


@pytest.mark.parametrize(
    ("port", "code", "mend"),
    [
        ("tcp:80", errno.EACCES, "start as root with --user NAME"),
        ("tcp:80", errno.EADDRINUSE, "or stop what listens there"),
        ("tcp:80:interface=192.0.2.1", errno.EADDRNOTAVAIL, "an address of this machine"),
        ("unix:/nowhere/s", errno.ENOENT, "make the folder"),
        ("txsni:/c:unix:/root/s", errno.EACCES, "a folder that this user may write"),
        ("unix:/run/s", errno.EADDRINUSE, "remove what is there if no server uses it"),
    ],
)
def test_a_port_that_the_system_refuses(port: str, code: int, mend: str) -> None:
    sentence = str(PortError(port, OSError(code, os.strerror(code))))
    assert sentence.startswith(f"--port {port} can't be opened ({os.strerror(code)}); ")
    assert mend in sentence


def test_a_reason_in_words() -> None:
    told = str(PortError("unix:s", OSError(None, "another server has its lock")))
    assert told.startswith("--port unix:s can't be opened (another server has its lock); ")
