"""A request that has a deadline: its thread and the reactor may both answer it, and exactly one does.

The right to answer is the one element of a list (as in `connections.ownership`): the thread takes it before the first
octet is sent and keeps it, so a reply that has begun is never touched; the reactor takes it at the deadline, is the
connection's owner from then on, and answers 504. Whoever comes too late gets RequestTimeout and touches nothing.

Only a thread that has not got the right is interrupted, once, and only while it runs this very job: it says `over`,
then waits while `_injecting`; the reactor says `_injecting`, then looks whether it is `over`. So one of them sees the
other, and after `_shut` nothing can come up in that thread any more. No lock: an exception from outside may come up
between a lock's being taken and the `try` that gives it back. `tests/unit/deadlines/test_exchange.py` steps it.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident
from math import inf
from time import monotonic
from traceback import StackSummary
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.deadlines.interrupt import delicate
from wsgicontainer.errors import RequestTimeout
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.interfaces import IInterrupted
from wsgicontainer.messages import Fields, ResponseHead

_log = Logger()


class _Late(Exchange):
    """What the reactor answers with, in the place of a thread."""

    def _put(self, data: bytes, last: bool = False) -> None:
        """Send, and do not wait for room: that is for application threads."""
        self._send(data, last)
        self.sent += len(data)


@implementer(IInterrupted)
class TimedExchange(Exchange):
    """A request on its way to a reply, or to 504. Runs in: application thread, unless said otherwise."""

    watch: Any
    """Who looks at its deadline: anything with `interrupts` and `forget(exchange)`."""
    deadline = inf
    """When it has to be answered, on the monotonic clock."""
    thread = 0
    """Which thread runs it, once one does."""
    over = False
    """Whether its thread is done with it."""
    returned = False
    sent = False
    """Whether RequestTimeout was raised in its thread."""
    _mine = _injecting = _interrupted = False

    def __init__(self) -> None:
        """Leave the right to answer to whoever comes first."""
        self._right: list[None] = [None]

    @property
    def template(self) -> dict[str, object]:
        """The connection's part of a WSGI environ, and the one key more that an application may want to know."""
        return {**super().template, "wsgicontainer.deadline": self.deadline}

    # A job

    def run(self) -> bool:
        """Have it answered, unless that is done. Whatever is raised from outside comes up in here or nowhere.

        Every loop is in a function of its own: what comes up at a jump back is not always caught by the `try` around
        the loop (CPython 3.11), but always by the one around the call.
        """
        try:
            try:
                self._run()
            except RequestTimeout:  # the reactor has answered; this may also be what `_claim` raised
                pass
            self._shut()
        except RequestTimeout:  # it was sent, and came up only now; there is no second
            self._shut()
        self.watch.forget(self)
        if not self._mine:
            self._close_content()
        return self._interrupted

    def _run(self) -> None:
        self.thread = get_ident()
        if self._right:
            self.request.environ = None  # what is kept of one like it has another deadline
            super().run()

    def _shut(self) -> None:
        """Let nothing come up in this thread from now on; may be done again."""
        self.over = True
        while self._injecting:
            self.watch.interrupts.pause()
        if self._interrupted:
            self.watch.interrupts.withdraw(self.thread)

    def _close_content(self) -> None:
        try:
            self.content.close()
        except Exception:  # noqa: BLE001 (the thread's next request is not to suffer from it)
            _log.failure("A request's content did not close [request {id}]", id=self.request_id)

    def overdue(self, now: float) -> bool:
        """Tell whether it has waited too long for a thread, or is answered already. Runs in: any."""
        return super().overdue(now) or not self._right

    # The reply: nothing of it leaves without the right to answer

    def early_hints(self, fields: Fields) -> None:
        """Send 103, which is no reply yet: the right is given back. Raises as `reply` does."""
        if not self._mine:
            self._take()
        try:
            super().early_hints(fields)
        finally:
            if not self._mine:
                self._right.append(None)

    def reply(self, head: ResponseHead, content: bytes) -> None:
        """Send a whole response at once. Raises PeerGone, ApplicationError, RequestTimeout."""
        self._claim()
        super().reply(head, content)

    def reply_file(self, head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        """Send a file; takes over `descriptor`. Raises PeerGone, RequestTimeout."""
        try:
            self._claim()
        except RequestTimeout:
            os.close(descriptor)
            raise
        super().reply_file(head, descriptor, offset, count)

    def fail(self, reason: str) -> None:
        """Answer 500, or cut what was begun. Raises RequestTimeout."""
        self._claim()
        super().fail(reason)

    def _failed(self) -> None:
        """Tell what the responder raised, unless it is what we have raised in it. Raises RequestTimeout."""
        in_time = self._mine or self._right
        if in_time or not isinstance(sys.exc_info()[1], RequestTimeout):
            super()._failed()
        self._claim()

    def _abandon(self) -> None:
        self._claim()
        super()._abandon()

    def _send(self, data: bytes, last: bool = False) -> None:
        self._claim()
        super()._send(data, last)

    def _claim(self) -> None:
        """Take the right to answer, or raise RequestTimeout: the reactor has it, and the connection."""
        if not self._mine:
            self._take()
            self._mine = True

    def _take(self) -> None:
        try:
            self._right.pop()
        except IndexError:
            raise RequestTimeout from None

    # Runs in: reactor thread

    @property
    def begun(self) -> bool:
        """Whether the thread has the right to answer for good. Runs in: any."""
        return self._mine

    def seize(self) -> bool:
        """Take the right to answer; False if the thread has it at this moment."""
        try:
            self._right.pop()
        except IndexError:
            return False
        return True

    def answer(self) -> None:
        """Answer 504 with the right to do so, through another exchange, and take the connection on from there."""
        late = _Late()
        late.connection, late.request, late.request_id = self.connection, self.request, self.request_id
        late.delivery = self.delivery
        late.began, late.received = self.began, self.received
        late.queued = self.queued or monotonic() - (self.received or self.began)
        late.refuse("504 Gateway Timeout", [])
        late.connection.completed(late)

    def interrupt(self) -> StackSummary | None:
        """Raise RequestTimeout in its thread, and tell where that was; None if no thread runs it.

        Where the thread may be about to take a lock that all need, nothing is raised: `sent` stays False. Ask again.
        """
        self._injecting = True
        try:
            if self.over or not self.thread:
                return None
            stack: StackSummary = self.watch.interrupts.stack(self.thread)
            self._interrupted = True
            if not delicate(stack):
                self.sent = True
                self.watch.interrupts.send(self.thread)
            return stack
        finally:
            self._injecting = False
