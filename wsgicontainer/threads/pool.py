"""Application threads, and the lead that they take over the nested set of connections.

Quiet: the reactor watches the set, reads, and wakes one thread. Hot: that thread stops the reactor's watching, and
when the queue is empty it takes the lead itself: it polls, reads, parses, runs and sends, with no hand-off between
threads, no second thread awake and no fight for the GIL. A tick in the reactor (`tick`) sees to it that nothing waits
behind a thread that waits or computes.

Invariants, kept under `_lock`: nobody awake ⇒ the queue is empty, and the reactor watches the set or a tick is due;
somebody awake ⇒ a tick is due. So word of work is never lost: who queues a job looks for somebody awake *after* queuing
it, and who lies down looks into the queue *before* lying down, both under the lock. `tests/unit/threads/test_pool.py`
steps it. Threads are daemons and nobody joins them: one stuck in the application never keeps the process alive. One
that was written off counts neither as awake nor as one of `most`, and ends when it comes back: `_clocks` names those
that count, and `returned`, set under the lock, says that a thread is back in time.
"""

from __future__ import annotations

import time
from _thread import LockType, get_ident
from collections import deque
from contextlib import suppress
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import BootError
from wsgicontainer.interfaces import IInterrupted, IJob, IReplacedThreads
from wsgicontainer.threads.machine import LedSet, Machine, Watched, cpu_clock
from wsgicontainer.threads.progress import Progress
from wsgicontainer.threads.tick import SHARED_WAITING_BELOW, WAITING_BELOW, Mood, Tick

_log = Logger()
LINGER = 0.003
"""Seconds that the leader waits for the next request before it lies down: longer than a busy client's pause."""


@implementer(IReplacedThreads)
class ApplicationThreads:
    """The pool: its threads, its queue, its lead."""

    def __init__(
        self,
        reactor: Any,
        led: LedSet | None,
        *,
        least: int,
        most: int,
        longest_queue: int,
        machine: Machine = Machine(),  # noqa: B008 (frozen)
    ) -> None:
        """Start no thread yet. `led` is the set to lead; None where connections live on Twisted transports.

        `least` threads are started with the pool and `most` run at once; `longest_queue` jobs may wait.
        """
        self._reactor, self._led, self._machine = reactor, led, machine
        self._least, self._most, self._longest = least, most, longest_queue
        self._queue: deque[IJob] = deque()
        self._lock, self._lead = machine.new_lock(), machine.new_lock()
        self._leader = 0
        self._parked: list[LockType] = []
        self._clocks: dict[int, int | None] = {}
        self._awake = self._count = self._finished = self._written_off = 0
        self._running = False
        self._dropped, self._progress = 0, Progress()
        self._tick = Tick(WAITING_BELOW if led is not None else SHARED_WAITING_BELOW)
        self._mood = Mood.MOVING
        self._reader: Watched | None = None
        self._one_is_enough = self._unled = False
        self._leads = self._leads_seen = 0
        self._led_at = 0.0
        self._hot: LockType | None = None
        self._next_tick: Any = None
        self._ticked = 0.0

    # Runs in: reactor thread

    def start(self) -> None:
        """Start the first threads and let the reactor watch the set. Raises BootError."""
        self._running = True
        with self._lock:
            while self._count < min(self._least, self._most):
                self._start_thread()
        if self._led is not None:
            self._reader = Watched(self._led, self._connections_ready)
            self._reactor.addReader(self._reader)
        self._see_to_a_tick()

    def stop(self) -> None:
        """Let every thread end after what it runs; what is still queued is dropped. Waits for nobody."""
        with self._lock:
            self._running = False
            self._queue.clear()
            self._awake += len(self._parked)
            for parked in self._parked:
                parked.release()
            self._parked.clear()
        if self._reader is not None:
            self._reactor.removeReader(self._reader)
        if self._next_tick is not None:
            self._next_tick.cancel()
            self._next_tick = None

    def sweep(self, now: float) -> None:
        """Have jobs that waited too long say so, also when every thread is stuck; `now` on the monotonic clock."""
        for job in self._overdue(now):
            self._dropped += 1
            job.run()

    def _overdue(self, now: float) -> list[IJob]:
        """Take the jobs that waited too long out of the queue; the others keep their order."""
        overdue: list[IJob] = []
        others: list[IJob] = []
        with self._lock:  # who lies down must not miss a job that is only being looked at
            with suppress(IndexError):
                while True:
                    job = self._queue.popleft()
                    (overdue if job.overdue(now) else others).append(job)
            self._queue.extendleft(reversed(others))
        return overdue

    def pulse(self) -> tuple[int, int]:
        """Tell how many jobs wait, and how many were done or dropped so far. Runs in: any."""
        return len(self._queue), self._finished + self._dropped

    def moving(self) -> bool:
        """Tell whether a thread has taken or ended a job since the last call, or none waited."""
        try:
            head = id(self._queue[0])  # a thread may take it meanwhile
        except IndexError:
            head = 0
        return self._progress.look(self._finished, self._dropped, head)

    def waiting(self) -> int:
        """Count the jobs that no thread has taken yet. Runs in: any."""
        return len(self._queue)

    def left(self) -> int:
        """Count the threads that have not ended, without those that were written off."""
        return self._count

    def write_off(self, thread: int, job: IInterrupted) -> bool:
        """Count a thread out, unless it has come back from `job`, and look whom the queue needs in its place."""
        with self._lock:
            if job.returned or thread not in self._clocks:
                return False
            del self._clocks[thread]
            self._count -= 1
            self._awake -= 1
            self._written_off += 1
            self._hot = None  # it may have been this one: whoever ends a job next becomes it
        if self._running:
            self._wake_for_queue(1)
        return True

    def written_off(self) -> int:
        """Count the threads that were written off and have not ended. Runs in: any."""
        return self._written_off

    def _connections_ready(self) -> None:
        """Read what the set has, unless a thread leads it at this moment."""
        led = self._led
        assert led is not None
        if not self._lead.acquire(False):
            # The leader takes these events itself; watching on would only spin. Whoever gives up leading watches again.
            led.watch(False)
            self._see_to_a_tick()
            return
        try:
            self._leader = get_ident()
            self._leads += 1
            led.take(0)
        finally:
            self._leader = 0
            self._lead.release()
        self._wake_for_queue(1)  # had anybody been free, that thread would lead

    def _wake_for_queue(self, at_least: int) -> None:
        """Wake threads for what is queued, as many as the mood allows; `at_least` while those awake are moving."""
        with self._lock:
            if self._awake == 0:
                self._mood, at_least = Mood.MOVING, 1
            moving = self._mood in (Mood.MOVING, Mood.ALONE)
            woken = self._wake(at_least if moving else self._helpers())
            if woken and self._mood is not Mood.WAITING:
                # It leads when it has run what is queued. Under the lock: it may lie down, and have the reactor watch,
                # before this thread gets to say another word.
                self._watch(False)
            awake = self._awake
        if awake:
            self._see_to_a_tick()

    def _see_to_a_tick(self) -> None:
        if self._next_tick is None and self._running:
            self._ticked = self._machine.clock()
            self._next_tick = self._reactor.callLater(self._tick.period, self._ticks)

    def _ticks(self) -> None:
        """Look after the awake threads."""
        self._next_tick = None
        now = self._machine.clock()
        with self._lock:
            if self._awake == 0:
                self._watch(True)
                return
            self._unled, self._leads_seen = self._leads == self._leads_seen, self._leads
            self._mood = self._tick.mood(
                leading=self._leader != 0,
                unled=now - self._led_at,
                awake=self._awake,
                finished=self._finished,
                cpu=self._cpu_seconds(),
                elapsed=now - self._ticked,
            )
            self._one_is_enough = self._mood is Mood.ALONE
            crowded = False
            if self._mood in (Mood.WAITING, Mood.SHARING):
                self._hot = None  # it may wait or compute for long: whoever ends a job next becomes it
                self._wake(self._helpers())
                # Nobody is left to wake, and there is enough to do: read at every tick, not at every event.
                crowded = bool(self._queue) and self._awake >= self._most
                self._watch(not crowded)
        if crowded and self._led is not None:
            self._connections_ready()
        self._see_to_a_tick()

    # Runs in: any

    def submit(self, job: IJob) -> bool:
        """Queue a job and see to it that a thread will take it; False if the queue is full or the pool has ended."""
        if len(self._queue) >= self._longest or not self._running:
            return False
        self._queue.append(job)
        caller = get_ident()
        if caller != self._leader and caller not in self._clocks:  # both look into the queue themselves
            self._reactor.callFromThread(self._queued)
        return True

    def _queued(self) -> None:
        """Wake a thread for a job that came from elsewhere than the set. Runs in: reactor thread."""
        if self._leader and self._led is not None:
            self._led.nudge()
        else:
            self._wake_for_queue(0)  # those awake and moving look into the queue next

    def _watch(self, on: bool) -> None:
        if self._led is not None:
            self._led.watch(on)

    # Under the lock

    def _wake(self, most: int) -> int:
        """Wake up to `most` threads, and no more than jobs are queued; return how many."""
        wanted = min(most, len(self._queue))
        for woken in range(wanted):
            if self._parked:
                self._awake += 1
                self._parked.pop().release()
            elif self._count >= self._most or not self._start_thread():
                return woken
        return wanted

    def _helpers(self) -> int:
        """Count the threads to wake beside those that do not move."""
        return self._tick.helpers if self._mood is Mood.WAITING else int(self._mood is Mood.SHARING)

    def _cpu_seconds(self) -> float:
        return sum(time.clock_gettime(clock) for clock in self._clocks.values() if clock is not None)

    def _start_thread(self) -> bool:
        try:
            self._machine.spawn(self._work, f"application-{self._count + 1}")
        except RuntimeError as error:
            if not self._count and not self._written_off:
                raise BootError(f"the system lets no thread start ({error}); raise its limit (ulimit -u)") from None
            self._most = max(self._count, 1)
            _log.error("The system lets no more than {count} threads start; --threads asks for more", count=self._count)
            return False
        self._count += 1
        self._awake += 1
        return True

    # Runs in: application thread

    def _work(self) -> None:  # noqa: C901 (every request passes here: no call that can be spared)
        me = self._machine.new_lock()
        me.acquire()
        with self._lock:
            self._clocks[get_ident()] = cpu_clock()
        queue = self._queue
        try:
            while True:
                try:
                    job = queue.popleft()
                except IndexError:
                    if not self._rest(me):
                        return
                else:
                    try:
                        if job.run() and self._came_too_late(job):
                            return
                    except BaseException:  # noqa: BLE001 (a broken promise; the thread and its count must survive it)
                        _log.failure("{job} raised", job=job)
                    del job  # it would keep its connection alive while this thread sleeps
                    self._finished += 1
                    if self._unled:
                        self._glance()
                    if self._one_is_enough and self._hot is not me:
                        self._step_aside(me)
        finally:
            with self._lock:
                self._end()

    def _came_too_late(self, job: Any) -> bool:
        """Say that this thread is back from a job that was interrupted; True if it was written off meanwhile."""
        with self._lock:
            job.returned = True
            return get_ident() not in self._clocks

    def _end(self) -> None:
        """Count this thread out, each only once; it holds the lock."""
        if get_ident() not in self._clocks:
            self._written_off -= 1
            return
        del self._clocks[get_ident()]
        self._count -= 1
        self._awake -= 1

    def _rest(self, me: LockType) -> bool:
        """Lead or sleep until there is something to do; False when the pool has ended."""
        gave_up = False
        if self._led is not None and self._lead.acquire(False):
            self._hot = me
            if self._lead_once(self._led):
                return self._running
            gave_up = True
        with self._lock:
            if not self._running:
                return False
            if self._queue:
                return True
            self._lie_down(me, watch=gave_up)
        me.acquire()
        return True

    def _glance(self) -> None:
        """Read for all between two jobs: since the last tick the queue never ran empty, so nobody has led."""
        self._unled = False
        if self._led is not None and self._lead.acquire(False):
            self._lead_once(self._led)

    def _step_aside(self, me: LockType) -> None:
        """Lie down in favor of the one thread that does all quick jobs, or become it."""
        with self._lock:
            if self._hot is None or not self._running:
                self._hot = me
                return
            if (
                self._leader and self._queue
            ):  # the other one waits for connections: it would not look before its linger ends
                return
            self._lie_down(me, watch=False)
        me.acquire()

    def _lie_down(self, me: LockType, watch: bool) -> None:
        """Count as parked; the caller holds the lock, and waits for `me` after giving it up."""
        self._awake -= 1
        if self._hot is me:
            self._hot = None
        if watch or self._awake == 0:
            self._watch(True)
        self._parked.append(me)

    def _lead_once(self, led: LedSet) -> bool:
        """Poll and read for all, as the holder of the lead; True if that brought something. Gives the lead back."""
        try:
            self._leader = get_ident()
            self._leads += 1
            led.watch(False)
            taken = led.take(0 if self._queue else LINGER)
            self._led_at = led.moment.now
            return bool(taken or self._queue)
        finally:
            self._leader = 0
            self._lead.release()
