"""Three things that Linux lets a process say of itself, through prctl(2); elsewhere they are left unsaid.

A change of user or group makes the kernel forget the first one: say it again then.
"""

from __future__ import annotations

import ctypes
import os
import signal

_DEATH_SIGNAL, _NAME, _SUBREAPER = 1, 15, 36
"""PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER."""


def end_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel send this process a signal when its parent ends."""
    _prctl(_DEATH_SIGNAL, int(number))


def end_with(parent: int) -> None:
    """Have the kernel kill this process at once when its parent ends; also if that has just happened."""
    end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def outlive_parent() -> None:
    """Take it back."""
    _prctl(_DEATH_SIGNAL, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends: it has to be reaped here then."""
    _prctl(_SUBREAPER, 1)


def set_title(name: str) -> None:
    """Set what `ps -o comm`, `top` and `pgrep` show; the kernel keeps 15 octets. Threads made later have it, too."""
    _prctl(_NAME, ctypes.c_char_p(name.encode()))


def _prctl(option: int, value: int | ctypes.c_char_p) -> None:
    try:
        call = ctypes.CDLL(None).prctl
    except (OSError, AttributeError, TypeError):  # no Linux
        return
    call(option, ctypes.c_ulong(value) if isinstance(value, int) else value, *[ctypes.c_ulong(0)] * 3)
