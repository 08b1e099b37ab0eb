"""The last word: once the server has stopped, the process ends, whatever threads the application has left behind."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LAST_WORD = 0.75
"""Seconds that the interpreter has to end by itself once everything has stopped."""


def leave_within(seconds: float, status: int = 0, leave: Callable[[int], object] = os._exit) -> None:
    """End the process with `status` after `seconds`, unless the interpreter has ended by itself before.

    A thread that the application started and that never ends would otherwise be waited for, for ever.
    """
    threading.Thread(target=_leave, args=(seconds, status, leave), name="leaving", daemon=True).start()


def _leave(seconds: float, status: int, leave: Callable[[int], object]) -> None:
    time.sleep(seconds)
    with suppress(Exception):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    leave(status)
