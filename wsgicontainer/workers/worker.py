"""What the supervisor knows of one worker. Runs in: supervisor, reactor thread."""

from __future__ import annotations

import os
from typing import Any

from attrs import define, field

from wsgicontainer.links import Channel, ChannelReader
from wsgicontainer.workers.lifetime import Lifetime
from wsgicontainer.workers.plan import Phase, Seen

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

    def take_stacks(self) -> str:
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
