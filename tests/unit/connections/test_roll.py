"""The roll: how many connections there may be, and whose clock has run out."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from math import inf

import pytest
from zope.interface import implementer
from zope.interface.verify import verifyObject

from wsgicontainer.connections.roll import Roll
from wsgicontainer.interfaces import IOpenConnection, IRoll


@implementer(IOpenConnection)
class Open:
    """A connection that notes what it is told."""

    def __init__(self, deadline: float = inf) -> None:
        self.deadline = deadline
        self.expired: list[float] = []
        self.asked, self.idle = False, False

    def expire(self, now: float) -> None:
        self.expired.append(now)

    def leave(self, over: bool) -> None: ...

    def make_room(self) -> bool:
        self.asked = True
        return self.idle

    def cut(self) -> None: ...


class Reactor:
    """Runs what it was given when the test says so; notes whether connections are accepted."""

    def __init__(self, roll: Roll) -> None:
        self.calls: deque[Callable[[], None]] = deque()
        self.accepting = True
        self.thread = threading.get_ident()
        roll.watch(self._pause, self._resume, self.calls.append)

    def _pause(self) -> None:
        assert threading.get_ident() == self.thread
        assert self.accepting, "paused twice"
        self.accepting = False

    def _resume(self) -> None:
        assert threading.get_ident() == self.thread
        assert not self.accepting, "resumed twice"
        self.accepting = True

    def turn(self) -> None:
        while self.calls:
            self.calls.popleft()()


def test_it_is_what_others_expect():
    verifyObject(IRoll, Roll(1))
    verifyObject(IOpenConnection, Open())


def test_a_connection_that_takes_anothers_place_is_not_counted_twice():
    """The last that may be open becomes HTTP/2: there is nobody more, and accepting goes on."""
    roll = Roll(2)
    reactor = Reactor(roll)
    before, after, other = Open(), Open(), Open()
    roll.enter(before)
    roll.replace(before, after)
    assert len(roll) == 1 and list(roll) == [after]
    roll.enter(other)  # two: now it is full
    reactor.turn()
    assert not reactor.accepting
    roll.strike(before)  # it is nobody's place any more
    assert len(roll) == 2
    roll.strike(after)
    reactor.turn()
    assert list(roll) == [other] and reactor.accepting


def test_accepting_pauses_at_the_limit_and_goes_on_below_it():
    roll = Roll(2)
    reactor = Reactor(roll)
    first, second = Open(), Open()
    roll.enter(first)
    assert reactor.accepting
    roll.enter(second)
    reactor.turn()
    assert not reactor.accepting
    roll.strike(first)
    reactor.turn()
    assert reactor.accepting
    assert list(roll) == [second] and len(roll) == 1


def test_newcomers_take_the_place_of_who_waits():
    """At the limit those with the least time left are asked to go; the busy ones and the newest stay."""
    roll = Roll(5)
    reactor = Reactor(roll)
    busy, late, early, served, newest = Open(1), Open(30), Open(20), Open(0), Open(10)
    late.idle = early.idle = served.idle = newest.idle = True
    for each in (busy, late, early, served):
        roll.enter(each)
    reactor.turn()
    assert not (busy.asked or late.asked or early.asked or served.asked)
    roll.enter(newest)
    reactor.turn()
    assert busy.asked and early.asked and not (late.asked or served.asked or newest.asked)
    assert not reactor.accepting  # the idle one has not gone yet
    roll.strike(early)
    reactor.turn()
    assert reactor.accepting and roll.room() == 1


def test_a_crowd_makes_room_for_more_than_one():
    """A batch that was accepted at once exceeds the limit: all of the excess is asked to go."""
    roll = Roll(2)
    Reactor(roll)
    crowd = [Open(each + 1) for each in range(10)]
    for each in crowd:
        each.idle = True
        roll.enter(each)
    roll.make_room()
    assert [each.asked for each in crowd] == [True] * 9 + [False]


def test_no_room_until_enough_have_left():
    """A batch that was accepted at once may exceed the limit; each that leaves is not yet room."""
    roll = Roll(2)
    reactor = Reactor(roll)
    crowd = [Open() for _ in range(4)]
    for each in crowd:
        roll.enter(each)
    for each in crowd[:2]:
        roll.strike(each)
        reactor.turn()
    assert not reactor.accepting
    roll.strike(crowd[2])
    reactor.turn()
    assert reactor.accepting


def test_room_that_was_taken_before_the_reactor_heard_of_it():
    """One leaves and another comes before the reactor's turn: it is still full, and stays paused."""
    roll = Roll(2)
    reactor = Reactor(roll)
    first, second, third = Open(), Open(), Open()
    roll.enter(first)
    roll.enter(second)
    roll.strike(first)
    roll.enter(third)
    reactor.turn()
    assert not reactor.accepting
    roll.strike(second)
    reactor.turn()
    assert reactor.accepting


def test_one_that_leaves_while_the_last_enters():
    """From another thread, between the look at the limit and the word that it is reached: nobody waits for ever."""
    roll = Roll(1)
    calls: list[Callable[[], None]] = []
    told: list[str] = []
    only = Open()

    def crowded() -> None:
        told.append("crowded")
        roll._open.clear()  # it left just before anybody could know that this matters

    roll.watch(crowded, lambda: told.append("relieved"), calls.append)
    roll.enter(only)
    calls.pop()()
    assert told == ["crowded", "relieved"]


def test_one_that_enters_while_others_hear_of_room():
    """From another thread, between the look for room and the word that there is some: that it is full is known."""
    roll = Roll(1)
    reactor = Reactor(roll)
    first, second = Open(), Open()

    class Entering(dict):
        looks = 0

        def __len__(self) -> int:
            count = super().__len__()
            self.looks += 1
            if self.looks == 2:  # the reactor's: the first is that of `strike`
                roll.enter(second)
            return count

    roll.enter(first)
    reactor.turn()
    roll._open = Entering(roll._open)
    roll.strike(first)
    reactor.turn()
    assert len(roll) == 1 and not reactor.accepting


def test_striking_twice_is_harmless():
    roll = Roll(1)
    reactor = Reactor(roll)
    only = Open()
    roll.enter(only)
    roll.strike(only)
    roll.strike(only)
    reactor.turn()
    assert reactor.accepting and len(roll) == 0


def test_from_many_threads_it_ends_empty_and_accepting():
    """Reactor and threads race; whoever is last leaves an open door behind."""
    roll = Roll(5)
    reactor = Reactor(roll)
    entered: deque[Open] = deque()
    over = threading.Event()

    def strike() -> None:
        while not over.is_set() or entered:
            try:
                roll.strike(entered.popleft())
            except IndexError:
                pass

    threads = [threading.Thread(target=strike) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(3000):
        connection = Open()
        roll.enter(connection)
        entered.append(connection)
        reactor.turn()
    over.set()
    for thread in threads:
        thread.join()
    reactor.turn()
    assert reactor.accepting and len(roll) == 0


@pytest.mark.parametrize(("deadline", "expired"), [(9.0, [10.0]), (10.0, []), (11.0, []), (inf, [])])
def test_whose_time_has_passed(deadline, expired):
    roll = Roll(10)
    connection = Open(deadline)
    roll.enter(connection)
    roll.sweep(10.0)
    assert connection.expired == expired


def test_connections_may_leave_while_they_are_swept():
    """Each expiry strikes a connection off the roll that is being gone through."""
    roll = Roll(10)

    class Leaving(Open):
        def expire(self, now: float) -> None:
            super().expire(now)
            roll.strike(self)

    all_of_them = [Leaving(0.0) for _ in range(5)]
    for each in all_of_them:
        roll.enter(each)
    roll.sweep(1.0)
    assert len(roll) == 0
    assert all(each.expired == [1.0] for each in all_of_them)


def test_one_that_fails_does_not_stop_the_clocks():
    """A mistake at one connection must not keep all the others alive."""
    roll = Roll(10)

    class Failing(Open):
        def expire(self, now: float) -> None:
            raise ZeroDivisionError

    other = Open(0.0)
    for each in (Failing(0.0), other):
        roll.enter(each)
    roll.sweep(1.0)
    assert other.expired == [1.0]
