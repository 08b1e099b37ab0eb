"""Who has to be an init, and what changes for the server below it."""

from __future__ import annotations

import os

import pytest

from wsgicontainer.process import init


@pytest.mark.parametrize(
    ("asked", "pid", "needed"), [(False, 1, True), (True, 1, True), (True, 77, True), (False, 77, False)]
)
def test_process_1_always_is_one_others_if_asked(asked: bool, pid: int, needed: bool) -> None:
    assert init.is_needed(asked, pid) is needed


def test_what_systemd_says_to_us_it_says_to_the_server() -> None:
    """Socket activation and the watchdog name a process; what names another one is not for us."""
    environ = {"LISTEN_PID": "5", "WATCHDOG_PID": "5", "SYSTEMD_EXEC_PID": "4", "LISTEN_FDS": "5"}
    init.rename(environ, 5, 6)
    assert environ == {"LISTEN_PID": "6", "WATCHDOG_PID": "6", "SYSTEMD_EXEC_PID": "4", "LISTEN_FDS": "5"}


def test_standard_descriptors_stay_open() -> None:
    """Init closes all others: a listening socket in its hands would take connections that nobody serves."""
    mine, other = os.pipe()
    init._close([0, 1, 2, mine, other, 999_999])
    for number in (0, 1, 2):
        os.fstat(number)
    for number in (mine, other):
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)
