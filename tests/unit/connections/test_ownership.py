"""The law of ownership, stepped through every interleaving: the real code, no threads, nothing left to luck.

A party is a function of the real `Ownership`. Each of its operations on what is shared (try for the token, give it
back, read or write `word`, look at the connection) is one step. To take a party's next step, it is run again from its
beginning, is told what its earlier steps have brought, and is stopped at the first new one. So a whole state is a
value: what each party has seen so far, and what is shared. The search visits every state that any order of steps can
reach.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve, field, frozen

from wsgicontainer.connections.ownership import Ownership

NOBODY = -1


@frozen
class Shared:
    """What all parties see: the token, the word, and the connection as a set of events that somebody should look at."""

    holder: int = NOBODY
    word: bool = False
    unseen: frozenset[int] = frozenset()
    within: frozenset[int] = frozenset()
    """Who touches the connection now."""


@frozen
class State:
    shared: Shared
    histories: tuple[tuple[Any, ...], ...] = field()
    """For each party, what each of its steps has brought."""


class Stopped(BaseException):
    """A party has come to its next step."""


class Party:
    """The view that one party has of what is shared; replays its history, then takes one step."""

    def __init__(self, number: int, shared: Shared, history: tuple[Any, ...]) -> None:
        self.number, self.shared, self.history = number, shared, history
        self.done = 0
        self.moved = False

    def act(self, step: Callable[[], Any]) -> Any:
        """Take a step, or recall what it has brought."""
        if self.done == len(self.history):
            if self.moved:
                raise Stopped
            self.moved = True
            self.history = (*self.history, step())
        self.done += 1
        return self.history[self.done - 1]

    def change(self, **changes: Any) -> None:
        self.shared = evolve(self.shared, **changes)

    # The token

    def pop(self) -> None:
        if not self.act(self._acquire):
            raise IndexError

    def _acquire(self) -> bool:
        if self.shared.holder != NOBODY:
            return False
        self.change(holder=self.number)
        return True

    def append(self, token: None) -> None:
        self.act(self._release)

    def _release(self) -> None:
        assert self.shared.holder == self.number, "only the owner lets go"
        self.change(holder=NOBODY)

    # The connection

    def arrive(self) -> None:
        """Something happens that an owner has to look at."""
        self.act(lambda: self.change(unseen=self.shared.unseen | {self.number}))

    def look(self) -> None:
        """Look at the connection, as its owner, in three steps: others may come in between."""
        self.act(self._enter)
        self.act(lambda: self.change(unseen=frozenset()))
        self.act(lambda: self.change(within=self.shared.within - {self.number}))

    def _enter(self) -> None:
        assert not self.shared.within, "two owners"
        assert self.shared.holder == self.number, "touched without owning"
        self.change(within=frozenset({self.number}))


class Stepped(Ownership):
    """The real thing, on a party's view of token and word."""

    __slots__ = ("_party",)

    def __init__(self, party: Party) -> None:
        self._party = party
        self._token = party

    @property
    def word(self) -> bool:
        return self._party.act(lambda: self._party.shared.word)

    @word.setter
    def word(self, value: bool) -> None:
        self._party.act(lambda: self._party.change(word=value))


def be_owner(party: Party, own: Ownership) -> None:
    """Do as a connection does: look, let go, look anew if word was left."""
    party.look()
    while own.release():
        party.look()


def owner(party: Party, own: Ownership) -> None:
    """Begin as the owner."""
    be_owner(party, own)


def newcomer(party: Party, own: Ownership) -> None:
    """Learn of an event, then claim."""
    party.arrive()
    if own.claim():
        be_owner(party, own)


def seizer(party: Party, own: Ownership) -> None:
    """Come for what can wait; there is no event of its own to look at."""
    if own.seize():
        party.act(party._enter)
        party.act(lambda: party.change(within=party.shared.within - {party.number}))
        if own.release():
            be_owner(party, own)


def closer(party: Party, own: Ownership) -> None:
    """Begin as the owner; close at the second look, and never let go: whoever entered after that would be told off."""
    party.look()
    if own.release():
        party.act(party._enter)
        party.act(lambda: party.change(unseen=frozenset()))


Parties = tuple[Callable[[Party, Ownership], None], ...]


def step(parties: Parties, state: State, number: int) -> State | None:
    """Let one party take its next step; None if it is at its end."""
    party = Party(number, state.shared, state.histories[number])
    try:
        parties[number](party, Stepped(party))
    except Stopped:
        pass
    if not party.moved:
        return None
    histories = (*state.histories[:number], party.history, *state.histories[number + 1 :])
    return State(party.shared, histories)


def ends(parties: Parties) -> set[Shared]:
    """Visit every state; return what is shared in all states in which everybody is at the end."""
    first = Shared(holder=0) if parties[0] in (owner, closer) else Shared()
    start = State(first, ((),) * len(parties))
    seen, waiting, last = {start}, [start], set()
    while waiting:
        state = waiting.pop()
        following = [new for number in range(len(parties)) if (new := step(parties, state, number)) is not None]
        if not following:
            last.add(state.shared)
        for new in following:
            if new not in seen:
                seen.add(new)
                waiting.append(new)
    assert len(seen) > len(parties) * 5, "nothing was explored"
    return last


CASTS: dict[str, Parties] = {
    "a newcomer against the owner": (owner, newcomer),
    "two newcomers, no owner": (newcomer, newcomer),
    "two newcomers against the owner": (owner, newcomer, newcomer),
    "three newcomers, no owner": (newcomer, newcomer, newcomer),
    "a deadline against a newcomer": (seizer, newcomer),
    "a deadline and a newcomer against the owner": (owner, newcomer, seizer),
    "two deadlines and a newcomer": (seizer, seizer, newcomer),
}


@pytest.mark.parametrize("parties", CASTS.values(), ids=CASTS)
def test_word_is_never_lost_and_nobody_owns_beside_another(parties):
    """Whatever the order: one owner at a time, and what a newcomer came for is looked at in the end."""
    for end in ends(parties):
        assert end == Shared(), "an event that nobody looked at, a word without an owner, or a lock that is still held"


def test_what_is_closed_is_never_owned_again():
    """The owner that closes keeps the ownership: no order of steps lets anybody else in."""
    found = ends((closer, newcomer, newcomer))
    assert {end.holder for end in found} == {0, NOBODY}, "it was never closed, or somebody else has kept it"
    assert all(end.within == ({0} if end.holder == 0 else set()) for end in found)


def careless_claim(own: Ownership) -> bool:
    """Claim without trying again after leaving word: the mistake that the law exists for."""
    if own.seize():
        own.word = False
        return True
    own.word = True
    return False


def test_the_search_finds_a_lost_word():
    """A test that can't fail is a defect: without the second try, an order is found that loses the word."""

    def careless(party: Party, own: Ownership) -> None:
        party.arrive()
        if careless_claim(own):
            be_owner(party, own)

    assert any(end.unseen for end in ends((owner, careless)))
