"""What the supervisor knows of one worker, and the orders it gives to it. Runs in: supervisor, reactor thread."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

from attrs import define, field
from twisted.logger import Logger

from wsgicontainer.links import Channel, ChannelReader
from wsgicontainer.workers.lifetime import Lifetime
from wsgicontainer.workers.plan import Phase, Seen
from wsgicontainer.workers.zygote import Zygote

_log = Logger()
STACKS_WITHIN = 1.0
"""Seconds that a frozen worker has to write its threads' stacks."""
KILL_AGAIN = 1.0
"""Seconds before a worker is killed again: the first time it may have had no name yet."""
_LONGEST_STACKS = 60_000


@define(eq=False)
class Worker:
    """One process that serves, from the order to fork to its end."""

    number: int
    slot: int
    born: float
    channel: Channel
    stacks: int
    """A file in memory for its threads' stacks."""
    zygote: Zygote
    """Who forks it."""
    lifetime: Lifetime = field(factory=Lifetime)
    pid: int = 0
    phase: Phase = Phase.BOOTING
    fault: str | None = None
    """What was wrong with its warm-up: "" for nothing; None before."""
    failure: dict[str, Any] | None = None
    """Its own words why it can't boot."""
    serving_since: float = 0.0
    warm_since: float = 0.0
    leaves_at: float = 0.0
    """When it is killed, once it drains or was found frozen."""
    beat_at: float = 0.0
    done: int = 0
    stalled: float = 0.0
    rss: int = 0
    due: str = ""
    """Why it is to be replaced."""
    adopted: set[int] = field(factory=set)
    """Further slots that it was told to accept from."""
    orphan: bool = False
    """Whether its zygote has died: nobody else tells its end then."""
    reader: ChannelReader | None = None
    kept: list[dict[str, Any]] = field(factory=list)
    """Orders for which its link had no room, in order."""

    @property
    def name(self) -> str:
        """As the log calls it."""
        return f"worker {self.number} (pid {self.pid})" if self.pid else f"worker {self.number}"

    def seen(self) -> Seen:
        """Return what the plan goes by."""
        return Seen(self.number, self.slot, self.phase, bool(self.due))

    def listens(self) -> bool:
        """Say whether it accepts."""
        return self.phase is Phase.SERVING

    def is_lost(self) -> bool:
        """Say whether a zygote that has died has not named it: it was never made, or has ended."""
        return self.orphan and not self.pid and self.channel.fileno() < 0

    # Orders

    def order(self, words: dict[str, Any]) -> None:
        """Give it an order; one for which there is no room is kept until there is, but each only once."""
        if not self._send(words) and words not in self.kept:
            self.kept.append(words)

    def _send(self, words: dict[str, Any], descriptors: Sequence[int] = ()) -> bool:
        self.send_kept()
        return not self.kept and self.channel.send(words, descriptors)

    def send_kept(self) -> None:
        """Give it the orders that were kept, as far as there is room."""
        while self.kept and self.channel.send(self.kept[0]):
            del self.kept[0]

    def listen(self) -> None:
        """Have it accept connections, once it is warm."""
        self.phase = Phase.OPENING
        self.order({"do": "listen"})

    def drain(self, seconds: float, *, empty: bool) -> None:
        """Have it drain within so many seconds; one that does not listen yet has nothing to drain."""
        if self.phase in (Phase.BOOTING, Phase.WARM):
            self.kill()
        elif self.phase in (Phase.OPENING, Phase.SERVING):  # what it does on our order may not be told yet
            self.leave_within(seconds)
            self.order({"do": "drain", "empty": empty})
        elif self.phase is Phase.DRAINING and empty:  # nobody serves beside it any more
            self.order({"do": "drain", "empty": True})

    def leave_within(self, seconds: float) -> None:
        """Take note that it drains, and kill it after so many seconds."""
        self.phase = Phase.DRAINING
        self.leaves_at = self._now() + seconds
        self.adopted.clear()

    def adopt(self, slot: int, sockets: dict[int, int]) -> None:
        """Have it accept from a slot's sockets, too, if its link has room: number of the port -> descriptor."""
        if self._send({"do": "adopt", "slot": slot, "ports": list(sockets)}, list(sockets.values())):
            self.adopted.add(slot)

    def release(self, slot: int) -> None:
        """Have it accept from a slot's sockets no more."""
        self.adopted.discard(slot)
        self.order({"do": "release", "slot": slot})

    # Ends

    def signal(self, number: int) -> None:
        """Signal it, if it is ours: who told its process id may have lied, and another may have it by now."""
        machine = self.zygote.machine
        ours = {self.zygote.pid, machine.getpid()} - {0}  # the parent of some, and a zygote that is not there
        if self.pid and machine.parent(self.pid) in ours:
            machine.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.phase = Phase.KILLED
        self.leaves_at = self.leaves_at or self._now() + KILL_AGAIN
        self.signal(signal.SIGKILL)

    def show_stacks(self, reason: str) -> None:
        """Log where a frozen worker's threads are, and kill it."""
        _log.error("{name} {reason}: it is killed", name=self.name, reason=reason)
        self.signal(self.zygote.machine.stacks_signal)
        if not self.pid and self.zygote.pid and not self.orphan:
            _log.error("The process that forks workers (pid {pid}) does not answer: it is killed", pid=self.zygote.pid)
            self.zygote.kill()
        self.leaves_at = self._now() + STACKS_WITHIN
        self.zygote.machine.reactor.callLater(STACKS_WITHIN, self._shown)

    def _shown(self) -> None:
        if self.stacks >= 0:
            _log.error("{name}: its threads' stacks\n{stacks}", name=self.name, stacks=self._take_stacks() or "none")
            self.signal(signal.SIGKILL)

    def _take_stacks(self) -> str:
        """Return what its threads have written of their stacks, and forget it."""
        octets = os.pread(self.stacks, _LONGEST_STACKS, 0)
        os.ftruncate(self.stacks, 0)
        return octets.decode(errors="replace").replace("\0", "")

    def close(self) -> None:
        """Let go of what belongs to it."""
        if self.reader is not None:
            self.reader.stop()
        self.channel.close()
        if self.stacks >= 0:
            os.close(self.stacks)
            self.stacks = -1

    def _now(self) -> float:
        return float(self.zygote.machine.reactor.seconds())
