"""Looks at the deadlines of all requests that wait or run, ten times a second, in the reactor thread.

At the deadline: 504 to the client, RequestTimeout in the thread, its stack in the log. GRACE later a thread that still
runs that job is written off, and the pool may have another. Too many of those: somebody is asked to replace this
process. It stands between the connections and the pool, as the threads to which requests are submitted; timers' jobs do
not come through here and have no deadline.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from time import monotonic

from attrs import define, field, frozen
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.deadlines.exchange import TimedExchange
from wsgicontainer.deadlines.interrupt import Interrupts
from wsgicontainer.interfaces import IApplicationThreads, IJob, IReplacedThreads

_log = Logger()
PERIOD = 0.1
"""Seconds between looks: 504 comes so much late at most."""
GRACE = 1.0
"""Seconds that a thread has to come back, once interrupted: enough for `finally`, and for a GIL that is fought for."""


@frozen
class Patience:
    """How long a request may take, and how many threads may stay away."""

    seconds: float
    most_stuck: int


@implementer(IApplicationThreads)
@define(eq=False)
class Watch:
    """All requests with a deadline. Runs in: reactor thread, unless said otherwise."""

    _threads: IReplacedThreads
    _patience: Patience
    _ask_for_replacement: Callable[[], object]
    """Called once, when too many threads are stuck."""
    interrupts: Interrupts = field(factory=Interrupts)
    _clock: Callable[[], float] = monotonic
    _open: dict[TimedExchange, None] = field(factory=dict, init=False)
    """In the order of arrival; a dict, because its operations are atomic and most leave from its midst."""
    _interrupted: deque[tuple[float, TimedExchange]] = field(factory=deque, init=False)
    """What was interrupted, and when its grace is over."""
    _asked: bool = field(default=False, init=False)

    def submit(self, job: IJob) -> bool:
        """Queue a request whose content is whole: its time begins. Runs in: any."""
        if not isinstance(job, TimedExchange):
            return self._threads.submit(job)
        job.watch, job.deadline = self, (job.received or job.began) + self._patience.seconds
        if not self._threads.submit(job):
            return False
        self._open[job] = None
        if job.over:  # its end came before this
            self.forget(job)
        return True

    def forget(self, exchange: TimedExchange) -> None:
        """Look at a request no more. Runs in: any."""
        self._open.pop(exchange, None)

    def sweep(self) -> None:
        """Do all that is due. Never raises."""
        now = self._clock()
        for exchange in list(self._open):  # atomic: they come and go in any thread
            if exchange.deadline > now:
                break
            self._guarded(self._time_out, exchange)
        for _, exchange in list(self._interrupted):
            if not exchange.sent:
                self._guarded(_interrupt, exchange)
        while self._interrupted and self._interrupted[0][0] <= now:
            self._guarded(self._write_off, self._interrupted.popleft()[1])

    def _guarded(self, do: Callable[[TimedExchange], None], exchange: TimedExchange) -> None:
        """One request's trouble must not stop everybody's clock."""
        try:
            do(exchange)
        except Exception:  # noqa: BLE001
            _log.failure("A deadline could not be kept [request {id}]", id=exchange.request_id)

    def _time_out(self, exchange: TimedExchange) -> None:
        if not exchange.seize():
            if exchange.begun:  # otherwise it sends early hints just now: the next look will find it
                self.forget(exchange)
            return
        self.forget(exchange)
        exchange.answer()
        stack = exchange.interrupt()
        if stack is not None:
            self._interrupted.append((self._clock() + GRACE, exchange))
        _log.error(
            "{method} {target} took longer than {seconds} s: answered 504 [request {id}]; {where}",
            method=exchange.request.method,
            target=exchange.request.target,
            seconds=self._patience.seconds,
            id=exchange.request_id,
            where="no thread runs it" if stack is None else "its thread was at\n" + "".join(stack.format()),
        )

    def _write_off(self, exchange: TimedExchange) -> None:
        if exchange.over or not self._threads.write_off(exchange.thread, exchange):
            return
        stuck, most = self._threads.written_off(), self._patience.most_stuck
        _log.error(
            "{method} {target} can't be interrupted [request {id}]: its thread is written off, {stuck} of at most "
            "{most} are",
            method=exchange.request.method,
            target=exchange.request.target,
            id=exchange.request_id,
            stuck=stuck,
            most=most,
        )
        if stuck >= most and not self._asked:
            self._asked = True
            _log.critical("Stuck threads: {stuck}; this process has to be replaced", stuck=stuck)
            self._ask_for_replacement()


def _interrupt(exchange: TimedExchange) -> None:
    exchange.interrupt()
