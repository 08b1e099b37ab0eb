"""Who may touch a connection: the one law, written once.

At any moment one party owns a connection: whoever holds the lead (reading), the application thread that runs its
request (writing), or the reactor. The lock *is* the ownership; it passes from thread to thread with the connection.
Who finds it taken leaves word; the owner looks for word after letting go. Both sides then try the lock again, so
word is never lost and never acted on twice:

    newcomer: try lock · leave word · try lock        owner: clear word · … work … · unlock · word left? try lock

Whatever the order of these steps, at least one of the two succeeds (each sees the other's earlier step), and the lock
picks exactly one. `tests/unit/connections/test_ownership.py` steps through every interleaving.
"""

from __future__ import annotations

from _thread import LockType, allocate_lock

from zope.interface import implementer

from wsgicontainer.interfaces import IOwnership


@implementer(IOwnership)
class Ownership:
    """The right to touch one connection. Runs in: any."""

    __slots__ = ("_lock", "word")

    def __init__(self) -> None:
        """Start unowned."""
        self._lock: LockType = allocate_lock()
        self.word = False

    def claim(self) -> bool:
        """Become the owner (True), or leave word for the present one (False)."""
        if self._lock.acquire(False):
            self.word = False
            return True
        self.word = True
        if self._lock.acquire(False):
            self.word = False
            return True
        return False

    def seize(self) -> bool:
        """Become the owner if nobody is, without leaving word: for what can wait, as deadlines can."""
        if self._lock.acquire(False):
            return True
        return False

    def release(self) -> bool:
        """Let go. True if word was left and the caller therefore owns it again and has to look anew."""
        self._lock.release()
        if self.word and self._lock.acquire(False):
            self.word = False
            return True
        return False
