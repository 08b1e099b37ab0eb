"""The real pool, stepped: no wake-up is lost, whatever the order in which threads, reactor, clients and clock move.

`Stepper` lets one thread go on at a time, and only up to its next step: an operation on a lock, the queue, the set or
an attribute that threads share. `explore` plays a scenario in every order that departs from the plain one (each goes on
for as long as it can, then the next) in no more than so many places, and then in some orders at random, the same every
time. Real bugs need very few departures: "Delay-bounded scheduling", Emmi, Qadeer, Rakamaric, POPL 2011.
"""

from __future__ import annotations

import os
import random
import threading
import time
import weakref
from _thread import allocate_lock, get_ident, start_new_thread
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from attrs import define, field
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from wsgicontainer.errors import BootError
from wsgicontainer.interfaces import IApplicationThreads, IReplacedThreads
from wsgicontainer.messages import Moment
from wsgicontainer.threads.pool import LINGER, ApplicationThreads, Machine
from wsgicontainer.threads.tick import FAIRNESS, PERIOD, Mood

# --- One step at a time ---


class Ended(BaseException):
    """The run is over: whoever still waits has to go."""


def taken_lock() -> Any:
    """Make a lock on which one waits until somebody else releases it."""
    lock = allocate_lock()
    lock.acquire()
    return lock


@define(eq=False)
class Actor:
    """A thread, what it waits for, and its turn."""

    name: str
    work: Callable[[], None]
    last: bool = False
    """Whether it moves, by default, only when nobody else can."""
    ready: Callable[[], bool] = lambda: True
    done: bool = False
    turn: Any = field(factory=taken_lock)
    left: Any = field(factory=taken_lock)


class Stepper:
    """Runs actors one at a time, in the order that `choices` says: 0 goes on with the present one where that can."""

    def __init__(self, choices: Sequence[int] | random.Random) -> None:
        self.choices = choices
        self.actors: list[Actor] = []
        self.now: Actor | None = None
        self.trace: list[tuple[int, int]] = []
        """Of each moment with a choice: which was taken, of how many."""
        self.story: list[str] = []
        self.failures: list[BaseException] = []
        self._quiet = taken_lock()
        self._over = False

    def spawn(self, work: Callable[[], None], name: str, last: bool = False) -> None:
        """Add an actor; it moves when its turn comes."""
        actor = Actor(f"{name}#{len(self.actors)}", work, last)
        self.actors.append(actor)
        start_new_thread(self._live, (actor,))

    def step(self, what: str = "", ready: Callable[[], bool] = lambda: True) -> None:
        """Come to a step: wait for the turn, and until `ready`. Runs in: an actor."""
        actor = self.now
        if self._over:
            raise Ended
        assert actor is not None
        actor.ready = ready
        if self._pass_on() is not actor:
            actor.turn.acquire()
        if self._over:
            raise Ended
        self.story.append(f"{actor.name}: {what}")

    def run(self) -> None:
        """Let them all move until nobody can."""
        self._pass_on()
        assert self._quiet.acquire(timeout=20), "\n".join([*self.story[-40:], "never came to an end"])
        if self.failures:
            raise self.failures[0]

    def can_go_on(self, but: str = "") -> list[Actor]:
        """Tell who could take a step now."""
        return [each for each in self.actors if not each.done and each.name.partition("#")[0] != but and each.ready()]

    def end(self) -> None:
        """End all that still wait."""
        self._over = True
        for actor in self.actors:
            if not actor.done:
                actor.turn.release()
                assert actor.left.acquire(timeout=10)

    def _live(self, actor: Actor) -> None:
        actor.turn.acquire()
        try:
            if not self._over:
                actor.work()
        except Ended:
            pass
        except BaseException as error:
            self.failures.append(error)
        actor.done = True
        if self._over:
            actor.left.release()
        else:
            self._pass_on()

    def _pass_on(self) -> Actor | None:
        """Choose who goes on; None if nobody can."""
        able = sorted(self.can_go_on(), key=lambda actor: (actor is not self.now, actor.last))
        if not able or self.failures:
            self.now = None
            self._quiet.release()
            return None
        chosen = able[self._choose(len(able))]
        if chosen is not self.now:
            self.now = chosen
            chosen.turn.release()
        return chosen

    def _choose(self, options: int) -> int:
        if options == 1:
            return 0
        if isinstance(self.choices, random.Random):
            choice = self.choices.randrange(options) if self.choices.random() < 0.3 else 0
        else:
            choice = self.choices[len(self.trace)] if len(self.trace) < len(self.choices) else 0
        self.trace.append((choice, options))
        return choice


class SteppedLock:
    """A lock whose every operation is a step."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self.holder: Actor | None = None

    def acquire(self, blocking: bool = True) -> bool:
        if blocking:
            self._stepper.step("lock", lambda: self.holder is None)
        else:
            self._stepper.step("try lock")
            if self.holder is not None:
                return False
        self.holder = self._stepper.now
        return True

    def release(self) -> None:
        self._stepper.step("unlock")
        assert self.holder is not None
        self.holder = None

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *ignored: object) -> None:
        self.release()


class SteppedQueue(deque):
    """A queue whose every operation is a step."""

    stepper: Stepper

    def append(self, job):
        self.stepper.step("queue")
        super().append(job)

    def popleft(self):
        self.stepper.step("take from the queue")
        return super().popleft()

    def clear(self):
        self.stepper.step("clear the queue")
        super().clear()

    def __len__(self):
        self.stepper.step("look into the queue")
        return super().__len__()

    def really(self) -> int:
        """Count without a step: for the checks."""
        return super().__len__()


LOCK_FREE = {"_hot", "_leader", "_unled", "_leads"}
"""Attributes that are used without the lock."""
LOCKED = {"_written_off", "_awake", "_running", "_one_is_enough", "_mood", "_parked", "_count"}
"""Those that are written under it."""


class SteppedPool(ApplicationThreads):
    """The real pool; using an attribute that threads share is a step."""

    stepper: Stepper | None = None

    def _step(self, name: str) -> None:
        stepper = object.__getattribute__(self, "stepper")
        if stepper is None or stepper.now is None:
            return
        lock = object.__getattribute__(self, "_lock")
        if name in LOCK_FREE or (name in LOCKED and lock.holder is not stepper.now):
            stepper.step(name)

    def __getattribute__(self, name):
        if name in LOCK_FREE or name in LOCKED:
            self._step(name)
        return object.__getattribute__(self, name)

    def __setattr__(self, name, value):
        if name in LOCK_FREE or name in LOCKED:
            self._step(f"set {name} to {value}")
        object.__setattr__(self, name, value)


# --- What the pool needs ---


class FakeSet:
    """A nested set of connections: each event is a job that its connection submits when it is taken."""

    def __init__(self, stepper: Stepper) -> None:
        self._stepper = stepper
        self.watched = True
        self.moment = Moment()
        self.events: deque[Any] = deque()
        self.taken: Callable[[Any], object] = lambda job: None

    def take(self, timeout: float) -> int:
        # To wait is to be asleep for a while: in another order of steps the event comes before this one.
        self._stepper.step("take")
        events = list(self.events)
        self.events.clear()
        for event in events:
            if event is not None:
                self.taken(event)
        return len(events)

    def watch(self, on: bool) -> None:
        self._stepper.step(f"watch: {on}")
        self.watched = on

    def nudge(self) -> None:
        self._stepper.step("nudge")
        self.events.append(None)

    def fileno(self) -> int:
        return -1


class FakeReactor:
    """Calls, a clock that an actor of its own drives, and one reader."""

    def __init__(self, stepper: Stepper, led: FakeSet | None) -> None:
        self._stepper, self._led = stepper, led
        self.calls: deque[Callable[[], object]] = deque()
        self.clock = Clock()
        self.callLater = self.clock.callLater
        self.time_passes = False
        self.reader: Any = None

    def callFromThread(self, call: Callable[[], object]) -> None:
        self._stepper.step("call from thread")
        self.calls.append(call)

    def addReader(self, reader: Any) -> None:
        self.reader = reader

    def removeReader(self, reader: Any) -> None:
        self.reader = None

    def due(self) -> bool:
        return bool(self.clock.getDelayedCalls())

    def readable(self) -> bool:
        return bool(self.reader and self._led and self._led.watched and self._led.events)

    def turn(self) -> None:
        """Wait for something to do, and do it."""
        self._stepper.step("reactor", lambda: bool(self.calls) or self.readable() or self.time_passes)
        if self.time_passes:
            self.time_passes = False
            self.clock.advance(PERIOD)
        elif self.calls:
            self.calls.popleft()()
        else:
            self.reader.doRead()


class Moods:
    """Says whatever it was told to, for so many ticks; after that it is honest."""

    def __init__(self, script: Sequence[Mood]) -> None:
        self._script = list(script)
        self._finished = 0

    period = PERIOD
    helpers = 9

    def mood(self, *, leading: bool, unled: float, awake: int, finished: int, cpu: float, elapsed: float) -> Mood:
        done, self._finished = finished - self._finished, finished
        if self._script:
            return self._script.pop(0)
        return Mood.MOVING if leading or done else Mood.WAITING


@define(eq=False)
class Job:
    """Something to run, once."""

    scene: Scene
    name: str
    then: Callable[[], object] | None = None
    stuck: bool = False
    comes_back: Callable[[], bool] | None = None
    """When it goes on, if it is one that was interrupted."""
    thread: int = 0
    returned: bool = False
    raises: bool = False
    runs: int = 0
    accepted: bool | None = None

    def run(self) -> bool | None:
        self.runs += 1
        self.thread = get_ident()
        ready = (lambda: False) if self.stuck else self.comes_back or (lambda: True)
        try:
            self.scene.stepper.step(f"run {self.name}", ready)
        except Ended:
            return None
        if self.then is not None:
            self.then()
        if self.raises:
            raise RuntimeError(self.name)
        return self.comes_back is not None


class Scene:
    """A pool with everything around it, and actors that make things happen."""

    def __init__(
        self,
        choices: Sequence[int] | random.Random,
        script: Sequence[Mood],
        *,
        led: bool = True,
        least: int = 1,
        most: int = 2,
        ticks: int = 8,
        ends_with_pool: bool = False,
    ) -> None:
        self.stepper = Stepper(choices)
        self.set = FakeSet(self.stepper) if led else None
        self.reactor = FakeReactor(self.stepper, self.set)
        machine = Machine(self.stepper.spawn, lambda: SteppedLock(self.stepper), self.reactor.clock.seconds)
        self.pool = SteppedPool(self.reactor, self.set, least=least, most=most, longest_queue=10, machine=machine)
        queue = SteppedQueue()
        queue.stepper = self.stepper
        self.pool._queue = queue
        self.pool._tick = Moods(script)
        self.jobs: list[Job] = []
        self.most, self.ends_with_pool = most, ends_with_pool
        if self.set is not None:
            self.set.taken = self.submit
        self.pool.stepper = self.stepper
        self.stepper.spawn(self._be_reactor, "reactor")
        self._ticks = ticks

    def begin(self) -> None:
        """Add the clock: by default time passes only when nobody else can move."""
        self.stepper.spawn(self._be_clock, "clock", last=True)

    def job(self, name: str, **changes: Any) -> Job:
        self.jobs.append(Job(self, name, **changes))
        return self.jobs[-1]

    def submit(self, job: Job) -> None:
        job.accepted = self.pool.submit(job)

    def client(self, *jobs: Job) -> None:
        """Somebody whose requests arrive in the set, one after the other."""

        def arrive() -> None:
            for job in jobs:
                self.stepper.step(f"{job.name} arrives")
                self.set.events.append(job)

        self.stepper.spawn(arrive, "client")

    def stranger(self, *jobs: Job) -> None:
        """Somebody who submits from a thread of neither pool nor reactor, as a Twisted transport's ring does."""

        def hand_in() -> None:
            self.stepper.step("the pool has started", lambda: self.raw("_running"))
            for job in jobs:
                self.submit(job)

        self.stepper.spawn(hand_in, "stranger")

    def stopper(self) -> None:
        """The end of the server, at any moment."""

        def stop() -> None:
            self.stepper.step("the pool has started", lambda: self.raw("_running"))
            self.reactor.callFromThread(self.pool.stop)

        self.stepper.spawn(stop, "stopper")

    def watch(self, job: Job) -> None:
        """Somebody who has a thread written off that stays away too long."""

        def write_off() -> None:
            self.stepper.step("it takes too long", lambda: job.runs == 1)
            self.reactor.callFromThread(lambda: self.pool.write_off(job.thread, job))

        self.stepper.spawn(write_off, "watch")

    def raw(self, name: str) -> Any:
        """Look at an attribute without a step."""
        return object.__getattribute__(self.pool, name)

    def _be_reactor(self) -> None:
        self.pool.start()
        while not self.ends_with_pool or self.raw("_running"):
            self.reactor.turn()

    def _be_clock(self) -> None:
        for _ in range(self._ticks):
            self.stepper.step("time passes", self.reactor.due)
            if not self.stepper.can_go_on(but="clock"):
                self.check_quiet()
            self.reactor.time_passes = True
            self.stepper.step("and goes on", lambda: not self.reactor.time_passes)

    def check_quiet(self) -> None:
        """Nobody can move before the next tick."""
        awake, queue = self.raw("_awake"), self.raw("_queue").really()
        assert awake or not queue, "work is queued and nobody is awake"
        assert self.raw("_count") <= self.most
        if awake and self.raw("_running"):
            assert self.reactor.due(), "somebody is awake and no tick is due"
        hot = self.raw("_hot")
        assert hot not in self.raw("_parked"), "the hot thread sleeps"
        assert len(set(map(id, self.raw("_parked")))) == len(self.raw("_parked")), "parked twice"

    def check_end(self) -> None:
        """Nothing will ever happen again."""
        self.check_quiet()
        stuck = [job for job in self.jobs if job.stuck and job.runs]
        lost = self.raw("_written_off")
        assert lost <= len(stuck), "it has come back, and still counts as written off"
        assert self.raw("_awake") == len(stuck) - lost, "somebody stays awake for nothing"
        assert not self.raw("_queue").really()
        assert [job.runs for job in self.jobs] == [1] * len(self.jobs), "a job was lost, or ran twice"
        if self.set is not None:
            assert self.set.watched or self.raw("_awake"), "nobody leads and the reactor does not watch"
            assert not self.set.events
        assert self.raw("_count") == self.raw("_awake") + len(self.raw("_parked"))

    def check_stopped(self) -> None:
        """The pool was stopped at some moment."""
        stuck = sum(job.stuck and job.runs for job in self.jobs) - self.raw("_written_off")
        assert self.raw("_count") == stuck, "a thread that could have ended has not"
        assert self.raw("_awake") == stuck
        assert all(job.runs <= 1 for job in self.jobs)
        assert not any(job.runs for job in self.jobs if job.accepted is False), "refused, and run"
        assert not self.reactor.due(), "it ticks for ever"


# --- Every order ---

Staging = Callable[[Sequence[int], Sequence[Mood]], "Scene"]


def play(scene: Scene, check: Callable[[], None]) -> Stepper:
    """Run one order of steps to its end, and check."""
    stepper = scene.stepper
    scene.begin()
    try:
        stepper.run()
        check()
    except BaseException as error:
        error.add_note("\n".join(stepper.story[-120:]))
        raise
    finally:
        stepper.end()
    return stepper


def orders(staging: Staging, script: Sequence[Mood], departures: int) -> Iterator[Scene]:
    """Stage a scenario once for each order of steps with at most so many departures from the plain one."""
    waiting: list[tuple[int, ...]] = [()]
    while waiting:
        prefix = waiting.pop()
        scene = staging(prefix, script)
        yield scene
        trace = scene.stepper.trace
        taken = tuple(choice for choice, _ in trace)
        if sum(map(bool, prefix)) < departures:
            for place in range(len(prefix), len(trace)):
                waiting.extend((*taken[:place], choice) for choice in range(1, trace[place][1]))


def explore(staging: Staging, script: Sequence[Mood], departures: int, *, stopped: bool = False, limit: int = 0) -> int:
    """Play them all, or `limit` more at random; return how many."""
    count = 0
    for scene in orders(staging, script, departures):
        play(scene, scene.check_stopped if stopped else scene.check_end)
        count += 1
    for seed in range(limit):
        scene = staging(random.Random(seed), script)
        play(scene, scene.check_stopped if stopped else scene.check_end)
        count += 1
    return count


def two_requests(choices, script):
    """Two requests arrive in the set."""
    scene = Scene(choices, script)
    scene.client(scene.job("a"), scene.job("b"))
    return scene


def two_strangers(choices, script):
    """Jobs from elsewhere."""
    scene = Scene(choices, script)
    scene.stranger(scene.job("a"), scene.job("b"))
    return scene


def request_and_stranger(choices, script):
    """One of each."""
    scene = Scene(choices, script)
    scene.client(scene.job("a"))
    scene.stranger(scene.job("b"))
    return scene


def no_set(choices, script):
    """Connections live on Twisted transports: there is nothing to lead."""
    scene = Scene(choices, script, led=False)
    scene.stranger(scene.job("a"), scene.job("b"))
    return scene


def pipelined(choices, script):
    """A job submits the next, as a pipelining connection does."""
    scene = Scene(choices, script)
    second = scene.job("b")
    scene.client(scene.job("a", then=lambda: scene.submit(second)), scene.job("c"))
    return scene


def stuck_leader(choices, script):
    """The thread that has read three requests never comes back from the first."""
    scene = Scene(choices, script, most=2)
    scene.client(scene.job("stuck", stuck=True), scene.job("b"), scene.job("c"))
    return scene


def written_off(choices, script):
    """The only thread never comes back from the first request; another does the others."""
    scene = Scene(choices, script, most=1)
    stuck = scene.job("stuck", stuck=True)
    scene.client(stuck, scene.job("b"), scene.job("c"))
    scene.watch(stuck)
    return scene


def written_off_without_a_set(choices, script):
    """The same with jobs from elsewhere."""
    scene = Scene(choices, script, most=1, led=False)
    stuck = scene.job("stuck", stuck=True)
    scene.stranger(stuck, scene.job("b"))
    scene.watch(stuck)
    return scene


def comes_back(choices, script):
    """A thread comes back at the moment when it is written off, before or after that."""
    scene = Scene(choices, script, most=1)
    away = scene.job("away", comes_back=lambda: back == [1])
    back: list[int] = []
    scene.client(away, scene.job("b"))
    scene.watch(away)

    def let_go() -> None:
        scene.stepper.step("it may come back", lambda: away.runs)
        back.append(1)

    scene.stepper.spawn(let_go, "fate", last=True)
    return scene


def raising(choices, script):
    """A job breaks its promise never to raise."""
    scene = Scene(choices, script)
    scene.client(scene.job("a", raises=True), scene.job("b"))
    return scene


def stop_amid_requests(choices, script):
    """The server ends while requests arrive; the reactor still turns."""
    scene = Scene(choices, script)
    scene.client(scene.job("a"), scene.job("b"))
    scene.stopper()
    return scene


def stop_amid_strangers(choices, script):
    """The same with jobs from elsewhere, and no thread to begin with."""
    scene = Scene(choices, script, least=0, led=False)
    scene.stranger(scene.job("a"), scene.job("b"))
    scene.stopper()
    return scene


def stop_with_the_reactor(choices, script):
    """The reactor makes its last turn with the pool's end: what is called from a thread after that is never run."""
    scene = Scene(choices, script, ends_with_pool=True)
    scene.client(scene.job("a"))
    scene.stranger(scene.job("b"))
    scene.stopper()
    return scene


def stop_beside_a_stuck_thread(choices, script):
    """One thread never comes back; all others end."""
    scene = Scene(choices, script)
    scene.client(scene.job("stuck", stuck=True), scene.job("b"))
    scene.stopper()
    return scene


def stop_beside_one_that_was_written_off(choices, script):
    """That one is not waited for, and the end of the pool starts no other."""
    scene = written_off(choices, script)
    scene.stopper()
    return scene


RUNNING = [two_requests, two_strangers, request_and_stranger, no_set, pipelined, stuck_leader, raising]
REPLACING = [written_off, written_off_without_a_set, comes_back]
STOPPING = [
    stop_amid_requests,
    stop_amid_strangers,
    stop_with_the_reactor,
    stop_beside_a_stuck_thread,
    stop_beside_one_that_was_written_off,
]
TOLD = {
    "honest": [],
    "alone": [Mood.ALONE] * 3,
    "moving": [Mood.MOVING] * 2,
    "waiting": [Mood.WAITING] * 2,
    "computing": [Mood.COMPUTING] * 3,
    "sharing": [Mood.SHARING] * 2,
}
"""What the tick says at first, right or wrong: the mood may cost time, never a wake-up."""
SEEDS = 60


@pytest.fixture(autouse=True, scope="module")
def one_core():
    """To pass the turn on one core is four times as fast as across two."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    yield
    os.sched_setaffinity(0, before)


def named(staging: Staging) -> str:
    return staging.__name__


@pytest.mark.parametrize("script", TOLD.values(), ids=TOLD)
@pytest.mark.parametrize("staging", RUNNING + REPLACING, ids=named)
def test_no_wake_up_is_lost(staging, script):
    """Whatever the order: each job runs once, and in the end nobody is awake, nothing is queued, the set is watched."""
    explore(staging, script, 0 if script else 1, limit=SEEDS)


@pytest.mark.parametrize("staging", STOPPING, ids=named)
def test_stop_ends_every_thread_that_can_end(staging):
    """At whatever moment the pool is stopped: threads end, no tick goes on, nothing runs twice."""
    explore(staging, [], 1, stopped=True, limit=SEEDS)


class LosesWord(SteppedPool):
    """A pool with the mistake that was once in it: whom it wakes may have lain down when it stops the watching."""

    def _wake_for_queue(self, at_least: int) -> None:
        with self._lock:
            woken = self._wake(1)
        if woken:
            self._watch(False)
        if self._awake:
            self._see_to_a_tick()


def test_the_search_finds_a_lost_wake_up(monkeypatch):
    """A test that can't fail is a defect."""
    monkeypatch.setitem(Scene.__init__.__globals__, "SteppedPool", LosesWord)
    with pytest.raises(AssertionError, match="nobody leads and the reactor does not watch"):
        explore(two_requests, [], 1, limit=1000)


# --- Without steps: threads that are run by hand ---


class ByHand:
    """A pool whose threads' work is called by the test, in its own thread; jobs and the set's events are functions."""

    def __init__(
        self, *, least: int = 1, most: int = 2, longest: int = 10, mood: Mood = Mood.ALONE, threads_allowed: int = 99
    ) -> None:
        self.clock = Clock()
        self.clock.callFromThread = lambda call: self.clock.callLater(0, call)
        self.clock.addReader = self.clock.removeReader = lambda reader: None
        self.works: list[Callable[[], None]] = []
        self.takes: list[float] = []
        self.watched = True
        self.moment = Moment()
        self.arriving: deque[Callable[[], object]] = deque()
        self._allowed = threads_allowed
        machine = Machine(spawn=self._spawn, clock=self.clock.seconds)
        self.pool = ApplicationThreads(self.clock, self, least=least, most=most, longest_queue=longest, machine=machine)
        self.pool._tick = Moods([mood] * 1000)

    def _spawn(self, work: Callable[[], None], name: str) -> None:
        if len(self.works) == self._allowed:
            raise RuntimeError("can't start new thread")
        self.works.append(work)

    def take(self, timeout: float) -> int:
        self.takes.append(timeout)
        if not self.arriving:
            return 0
        self.arriving.popleft()()
        return 1

    def watch(self, on: bool) -> None:
        self.watched = on

    def nudge(self) -> None:
        raise AssertionError("nobody lingers")

    def fileno(self) -> int:
        return -1


class Call:
    """A job that is a function."""

    def __init__(self, run: Callable[[], object]) -> None:
        self.run = run


def test_a_pipelining_client_starves_nobody():
    """While the queue never runs empty, the set is still read at every tick."""
    hand = ByHand()
    heard: list[str] = []

    def again() -> None:
        heard.append("pipelined")
        hand.clock.advance(PERIOD)
        if len(heard) < 100:
            hand.pool.submit(Call(again))
        else:
            hand.pool.stop()

    hand.arriving.extend(
        [lambda: hand.pool.submit(Call(again)), lambda: hand.pool.submit(Call(lambda: heard.append("other")))]
    )
    hand.pool.start()
    hand.works[0]()
    assert "other" in heard[:5]


def test_the_leader_lingers_for_a_busy_clients_pause_and_no_longer():
    hand = ByHand()
    hand.arriving.append(hand.pool.stop)
    hand.pool.start()
    hand.works[0]()
    assert hand.takes == [LINGER]


def test_a_full_queue_refuses():
    """The queue is bounded: what is too much is told at once."""
    hand = ByHand(longest=2)
    hand.pool.start()
    assert [hand.pool.submit(Call(int)) for _ in range(3)] == [True, True, False]


def test_a_pool_that_has_not_started_or_has_ended_refuses():
    hand = ByHand()
    assert not hand.pool.submit(Call(int))
    hand.pool.start()
    hand.pool.stop()
    assert not hand.pool.submit(Call(int))


@pytest.mark.parametrize("mood", Mood, ids=lambda mood: mood.name)
def test_never_more_threads_than_allowed(mood):
    """Whatever the tick says and however long the queue is."""
    hand = ByHand(most=3, longest=100, mood=mood)
    hand.pool.start()
    for _ in range(50):
        hand.pool.submit(Call(int))
        hand.clock.advance(PERIOD)
    assert len(hand.works) == (3 if mood in {Mood.WAITING, Mood.SHARING} else 1)
    assert hand.pool.left() == len(hand.works)


def test_a_machine_that_lets_no_more_threads_start():
    """The pool goes on with those it has."""
    hand = ByHand(most=3, mood=Mood.WAITING, threads_allowed=1)
    hand.pool.start()
    for _ in range(5):
        hand.pool.submit(Call(int))
        hand.clock.advance(PERIOD)
    assert hand.pool.left() == 1
    assert hand.clock.getDelayedCalls(), "it must go on looking after the one"


def test_a_machine_that_lets_no_thread_start():
    """That is told before anything is served."""
    hand = ByHand(threads_allowed=0)
    with pytest.raises(BootError, match="ulimit -u"):
        hand.pool.start()


def test_a_job_that_was_run_is_forgotten():
    """A sleeping thread keeps nothing of the last request alive."""
    hand = ByHand()
    gone: list[bool] = []

    def first() -> None:
        pass

    job = Call(first)
    seen = weakref.ref(job)
    hand.arriving.append(lambda: hand.pool.submit(held.pop()))
    hand.arriving.append(lambda: (gone.append(seen() is None), hand.pool.stop()))
    held = [job]
    del job
    hand.pool.start()
    hand.works[0]()
    assert gone == [True]


def test_it_is_what_others_expect():
    verifyObject(IApplicationThreads, ByHand().pool)
    verifyObject(IReplacedThreads, ByHand().pool)


# --- With real threads and the real tick ---


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.001)


class Real:
    """A pool with real threads; the test is the reactor and says when time passes."""

    def __init__(self, most: int) -> None:
        self.clock = Clock()
        self.calls: deque[Callable[[], object]] = deque()
        self.clock.callFromThread = self.calls.append
        self.pool = ApplicationThreads(
            self.clock, None, least=0, most=most, longest_queue=100, machine=Machine(clock=self.clock.seconds)
        )
        self.pool.start()

    def turn(self) -> None:
        while self.calls:
            self.calls.popleft()()

    def tick(self) -> None:
        self.turn()
        self.clock.advance(PERIOD)


def test_threads_that_wait_are_joined_by_as_many_as_the_queue_needs():
    """Jobs that wait run side by side after one tick, up to `most`."""
    real = Real(most=5)
    inside = []
    gate = threading.Event()
    for _ in range(8):
        real.pool.submit(Call(lambda: (inside.append(1), gate.wait())))
    real.turn()
    until(lambda: len(inside) == 1)
    for _ in range(3):
        real.clock.advance(1.0)
    until(lambda: len(inside) == 5)
    assert real.pool.left() == 5
    gate.set()
    until(lambda: len(inside) == 8)
    real.pool.stop()
    until(lambda: not real.pool.left())


def test_threads_that_compute_are_joined_one_by_one():
    """Beside a thread that computes, one more is woken now and then, for fairness."""
    real = Real(most=3)
    spinning, stop = [], []

    def spin() -> None:
        spinning.append(1)
        while not stop:
            pass

    for _ in range(3):
        real.pool.submit(Call(spin))
    real.turn()
    until(lambda: spinning)
    ticks = 0
    while len(spinning) < 2:
        time.sleep(0.005)  # the spinning thread uses more CPU than a tick of the fake clock is long
        real.tick()
        ticks += 1
        assert ticks < 100
    assert ticks >= FAIRNESS
    stop.append(1)
    real.pool.stop()
    until(lambda: not real.pool.left())
