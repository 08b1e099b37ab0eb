"""Do the application threads move? What looks at the pool, now and then, conclude: requests never pass here. Pure.

Frozen means that a job waits and no thread takes or ends one. What the sweep takes out of the queue because it waited
too long was taken by no thread; until one ends a job after that, the pool counts as frozen, though the queue is empty.
"""

from __future__ import annotations

from attrs import define


@define
class Progress:
    """What was seen at the last look."""

    finished: int = 0
    dropped: int = 0
    head: int = 0
    frozen: bool = False

    def look(self, finished: int, dropped: int, head: int) -> bool:
        """Tell whether there was progress since the last look, or nothing to do.

        `finished` jobs were ended by threads, `dropped` by the sweep; `head` identifies the job that waits at the head
        of the queue, 0 if none does.
        """
        taken = self.head and head != self.head and dropped == self.dropped
        if finished != self.finished or taken:
            self.frozen = False
        elif dropped != self.dropped or (head and head == self.head):
            self.frozen = True
        self.finished, self.dropped, self.head = finished, dropped, head
        return not self.frozen
