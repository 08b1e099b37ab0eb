"""What an init does all its life: reap whatever has ended, pass signals on to the server, end as the server has ended.

Every turn first reaps all there is, because SIGCHLD comes once for any number of children, and then waits for one
signal. They are all blocked, so what comes in between waits, and nothing is missed. The kernel is handed in: tests step
a fake one.

Also a program, `python -I -S reaping.py SERVER`, which init runs instead of the server's own code: 4 MB, not 27. So it
imports next to nothing. Runs in: a process of its own.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Protocol

    class Kernel(Protocol):
        """What an init needs of the system."""

        def ended(self) -> tuple[int, int] | None:
            """Reap one child that has ended, any: its process id and its wait status; None if there is none."""

        def arrived(self) -> tuple[int, bool]:
            """Wait for a signal: its number, and whether the server has it already."""

        def send(self, pid: int, number: int) -> None:
            """Send a signal; a process that is gone is no error."""


_NAMES = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGTTIN", "SIGTTOU", "SIGWINCH")
PASSED_ON = frozenset(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
"""The signals that mean something to the server."""
_SI_KERNEL = 0x80
"""The origin of a signal that a terminal has caused (sigaction(2)): it reaches the whole foreground group, the server
too."""


def keep_house(kernel: Kernel, server: int, passed_on: Collection[int] = PASSED_ON) -> int:
    """Reap, and pass on the signals that are to be, until the server has ended; return init's own exit status."""
    while True:
        end: int | None = None
        while (gone := kernel.ended()) is not None:
            pid, status = gone
            end = status if pid == server else end
        if end is not None:
            return exit_status(end)
        number, has_it = kernel.arrived()
        if number in passed_on and not has_it:
            kernel.send(server, number)


def exit_status(wait_status: int) -> int:
    """Say a child's end as a shell does: its own status, or 128 + n if signal n has killed it."""
    code = os.waitstatus_to_exitcode(wait_status)
    return code if code >= 0 else 128 - code


class Linux:
    """The real kernel, with every signal blocked that is waited for."""

    def ended(self) -> tuple[int, int] | None:
        """Reap one child."""
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return None
        return (pid, status) if pid else None

    def arrived(self) -> tuple[int, bool]:
        """Wait for a signal."""
        told = signal.sigwaitinfo({signal.SIGCHLD, *PASSED_ON})
        return told.si_signo, told.si_code == _SI_KERNEL

    def send(self, pid: int, number: int) -> None:
        """Send a signal."""
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def main(server: int) -> int:
    """Take init's name, and keep house until the server has ended."""
    try:
        with open("/proc/self/comm", "w") as title:
            title.write("init")
    except OSError:
        pass
    return keep_house(Linux(), server)


if __name__ == "__main__":
    os._exit(main(int(sys.argv[1])))
