"""An init reaps everything, passes on what concerns the server, and ends as the server has ended."""

from __future__ import annotations

import os
import signal
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.process.reaping import PASSED_ON, exit_status, keep_house

SERVER = 2
CHILD = signal.SIGCHLD


def exited(code: int) -> int:
    return code << 8


class Stepped:
    """A kernel to step: what happens while init waits; a signal that is pending already does not pend twice."""

    def __init__(self, *steps: list[tuple[str, int, int]]) -> None:
        self._steps = list(steps)
        self._zombies: list[tuple[int, int]] = []
        self._pending: dict[int, bool] = {}
        self.reaped: list[int] = []
        self.sent: list[int] = []

    def ended(self) -> tuple[int, int] | None:
        if not self._zombies:
            return None
        gone = self._zombies.pop(0)
        self.reaped.append(gone[0])
        return gone

    def arrived(self) -> tuple[int, bool]:
        while not self._pending:
            assert self._steps, "init waits, and nothing can wake it any more"
            for event in self._steps.pop(0):
                self._happen(*event)
        number = min(self._pending)
        return number, self._pending.pop(number)

    def send(self, pid: int, number: int) -> None:
        assert pid == SERVER
        self.sent.append(number)

    def _happen(self, what: str, number: int, status: int) -> None:
        if what == "ends":
            self._zombies.append((number, status))
            self._pending.setdefault(CHILD, False)
        else:
            self._pending.setdefault(number, what == "at the terminal")

    def left(self) -> list[tuple[int, int]]:
        return self._zombies


def test_one_signal_for_many_children() -> None:
    """Ten have ended, and SIGCHLD came once: none is left as a zombie."""
    kernel = Stepped([("ends", pid, exited(9)) for pid in range(10, 20)], [("ends", SERVER, exited(0))])
    assert keep_house(kernel, SERVER) == 0
    assert kernel.reaped == [*range(10, 20), SERVER]


def test_the_orphans_that_end_with_the_server_are_reaped_too() -> None:
    kernel = Stepped([("ends", SERVER, exited(3)), ("ends", 10, exited(0))])
    assert keep_house(kernel, SERVER) == 3
    assert kernel.left() == []


def test_a_servers_status_is_inits() -> None:
    """As a shell says it, and as Docker and Kubernetes show it."""
    assert [exit_status(exited(code)) for code in (0, 1, 4, 255)] == [0, 1, 4, 255]
    assert exit_status(signal.SIGKILL) == 137
    assert exit_status(signal.SIGSEGV | 0x80) == 139  # with a core
    assert exit_status(signal.SIGTERM) == 143


@pytest.mark.parametrize("name", ["TERM", "INT", "QUIT", "HUP", "USR1", "USR2", "TTIN", "TTOU", "WINCH"])
def test_what_concerns_the_server_is_passed_on(name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    kernel = Stepped([("comes", number, 0)], [("ends", SERVER, exited(0))])
    assert keep_house(kernel, SERVER) == 0
    assert kernel.sent == [number]


def test_ctrl_c_is_not_doubled() -> None:
    """A terminal signals its whole group: twice would be "now", though it was typed once."""
    kernel = Stepped([("at the terminal", signal.SIGINT, 0)], [("ends", SERVER, exited(0))])
    assert keep_house(kernel, SERVER) == 0
    assert kernel.sent == []


_ends = st.tuples(st.just("ends"), st.integers(10, 60), st.sampled_from([exited(0), exited(9), 9, 15, 11 | 0x80]))
_comes = st.tuples(st.just("comes"), st.sampled_from(sorted(PASSED_ON)), st.just(0))
_last = st.sampled_from([exited(code) for code in (0, 1, 255)] + [9, 15, 6 | 0x80])


_steps = st.lists(st.lists(st.one_of(_ends, _comes), min_size=1, max_size=6), max_size=12)


@given(_steps, _last, st.lists(_ends, max_size=3))
def test_whatever_the_order_nothing_is_left_and_the_status_is_right(
    steps: list[list[tuple[str, int, int]]], last: int, beside: list[tuple[str, int, int]]
) -> None:
    """Children end and signals come in any order and at once; some in the very moment in which the server ends."""
    kernel = Stepped(*steps, [*beside, ("ends", SERVER, last)])
    code = os.waitstatus_to_exitcode(last)
    assert keep_house(kernel, SERVER) == (code if code >= 0 else 128 - code)
    assert kernel.left() == []
    ended = [event[1] for step in [*steps, beside] for event in step if event[0] == "ends"]
    assert Counter(kernel.reaped) == Counter([*ended, SERVER])
    came = {event[1] for step in steps for event in step if event[0] == "comes"}
    assert set(kernel.sent) == came
