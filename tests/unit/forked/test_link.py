"""A worker's side of its link: what it is told it does, and what the supervisor has to know it tells."""

from __future__ import annotations

import os

import pytest
from twisted.internet.testing import MemoryReactorClock

from wsgicontainer.errors import BootError
from wsgicontainer.forked.link import Duties, WorkerLink
from wsgicontainer.links import pair


class Worker:
    """A worker that only notes what it should do."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.supervisor, channel = pair()
        self.did: list[object] = []
        self.pool = (True, 0)
        self.refused: BootError | None = None
        did = self.did.append
        duties = Duties(
            listen=self.listen,
            adopt=lambda slot, ports: (did((slot, sorted(ports))), [os.close(each) for each in ports.values()]),
            release=lambda slot: did(("release", slot)),
            tick=lambda timer: did(("tick", timer)),
            reopen=lambda: did("reopen"),
            drain=lambda empty: did(("drain", empty)),
            hurry=lambda: did("hurry"),
            fail=lambda status: did(("fail", status)),
            pool=lambda: self.pool,
        )
        self.link = WorkerLink(self.reactor, channel, duties, did)
        self.link.startService()
        for call, words, _ in self.reactor.whenRunningHooks:
            call(*words)

    def listen(self) -> None:
        if self.refused is not None:
            raise self.refused
        self.did.append("listen")

    def turn(self) -> None:
        for reader in list(self.reactor.getReaders()):
            reader.doRead()

    def told(self) -> list[dict[str, object]]:
        found = []
        while (message := self.supervisor.receive()) is not None:
            found.append(message.words)
        return found


@pytest.fixture
def worker():
    made = Worker()
    yield made
    made.link.stopService()
    made.supervisor.close()
    for reader in made.reactor.getReaders():
        reader.stop()


def test_it_does_what_it_is_told(worker) -> None:
    (warmed,) = worker.did
    worker.did.clear()
    warmed("")
    with open(os.devnull, "rb") as file:
        worker.supervisor.send({"do": "listen"})
        worker.supervisor.send({"do": "adopt", "slot": 3, "ports": [1]}, [file.fileno()])
    for words in ({"do": "release", "slot": 3}, {"do": "tick", "timer": 0}, {"do": "reopen"}, {"do": "unheard of"}):
        worker.supervisor.send(words)
    worker.supervisor.send({"do": "drain", "empty": True})
    worker.supervisor.send({"do": "hurry"})
    worker.turn()
    assert worker.did == ["listen", (3, [1]), ("release", 3), ("tick", 0), "reopen", ("drain", True), "hurry"]
    told = [words["tell"] for words in worker.told()]
    assert told == ["beat", "warm", "listening", "adopted"]


def test_it_drains_when_its_supervisor_has_gone(worker) -> None:
    worker.supervisor.close()
    worker.turn()
    assert worker.did[-1] == ("drain", True)


def test_it_tells_for_how_long_its_threads_have_not_moved(worker) -> None:
    worker.told()
    stalled = []
    for pool in [(True, 5), (False, 5), (False, 5), (True, 6), (False, 6), (True, 6)]:
        worker.pool = pool
        worker.reactor.advance(1)
        stalled += [words["stalled"] for words in worker.told()]
    assert stalled == [0, 1, 2, 0, 1, 0]


def test_it_says_that_it_leaves_by_itself(worker) -> None:
    worker.told()
    worker.link.leave()
    worker.link.recycle("has lost threads")
    assert [words["tell"] for words in worker.told()] == ["leaving", "recycle"]
    assert worker.did[-1] == ("drain", True)


def test_a_worker_that_can_not_listen_says_why_and_ends(worker) -> None:
    """Another one takes its place at once; clients would wait at its socket until somebody missed its beats."""
    worker.refused = BootError("--port tcp:80 can't be opened")
    worker.supervisor.send({"do": "listen"})
    worker.turn()
    (told,) = [words for words in worker.told() if words["tell"] in ("failed", "listening")]
    assert (told["tell"], told["status"], told["sentence"]) == ("failed", 3, "--port tcp:80 can't be opened")
    assert worker.did[-1] == ("fail", 3)
