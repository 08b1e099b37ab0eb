"""Raises RequestTimeout inside another thread: CPython's PyThreadState_SetAsyncExc, and nothing else, through ctypes.

The exception comes up when that thread next runs Python code: not while it waits in C (time.sleep, a lock, a database
driver), and not in the middle of an extension's work. Whom it may hit, and when no more, is the caller's law.
"""

from __future__ import annotations

import ctypes
import re
import sys
from time import sleep
from traceback import StackSummary, walk_stack

from wsgicontainer.errors import RequestTimeout

_set = ctypes.pythonapi.PyThreadState_SetAsyncExc
_set.argtypes, _set.restype = (ctypes.c_ulong, ctypes.py_object), ctypes.c_int
_PAUSE = 0.0005
_DELICATE = re.compile(r"[/\\](?:logging|twisted)[/\\]|[/\\]threading\.py$")
"""Code that takes locks which others need: an exception between `acquire()` and its `try` would leave one taken."""
_INNER = 4
"""Innermost frames in which such code matters: above them is the application, or what it has called in good faith."""


class Interrupts:
    """What one thread may do to another. Runs in: any."""

    def send(self, thread: int) -> None:
        """Have RequestTimeout raised in a thread, soon."""
        _set(thread, RequestTimeout)

    def withdraw(self, thread: int) -> None:
        """Forget what was sent and has not come up."""
        _set(thread, ctypes.py_object())

    def pause(self) -> None:
        """Let the other one go on: it reads a stack and is done."""
        sleep(_PAUSE)

    def stack(self, thread: int) -> StackSummary:
        """Tell where a thread is, outermost first; lines of source are not read before somebody wants to see them."""
        frame = sys._current_frames().get(thread)  # noqa: SLF001 (the one way to see another thread's stack)
        stack = StackSummary.extract(walk_stack(frame), lookup_lines=False) if frame is not None else StackSummary()
        stack.reverse()
        return stack


def delicate(stack: StackSummary) -> bool:
    """Tell whether a thread is where no exception may come up: it is sent at a later look."""
    return any(_DELICATE.search(frame.filename) for frame in stack[-_INNER:])
