"""A socket pair that carries whole messages, with descriptors beside them: one JSON object each, bounded.

SOCK_SEQPACKET keeps their limits: nothing is ever half read, so a process that takes a channel over by exec() goes on
where the last one stopped, and a zygote without a reactor can use it as well. The end of the other side is seen as an
end. Nothing here waits, but for `send(patience=…)`. Runs in: any process; each message goes out in one system call.
"""

from __future__ import annotations

import array
import json
import select
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from attrs import frozen

MOST = 1 << 17
"""Octets of a message; the kernel takes 200 KiB by default."""
MOST_DESCRIPTORS = 250
"""Of one message; the kernel takes 253."""


class Closed(Exception):
    """The other side has ended."""


@frozen
class Message:
    """What has come."""

    words: dict[str, Any]
    descriptors: tuple[int, ...] = ()
    """The receiver's own now, not inherited by programs that it starts."""


class Channel:
    """One end."""

    def __init__(self, sock: socket.socket, takes_descriptors: bool = True) -> None:
        """Take over a socket of a pair; where none are taken the kernel closes descriptors that come all the same."""
        self._socket, self._takes_descriptors = sock, takes_descriptors
        sock.setblocking(False)

    def fileno(self) -> int:
        """Return its descriptor, -1 once it is closed."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, words: dict[str, Any], descriptors: Sequence[int] = (), patience: float = 0.0) -> bool:
        """Send a message; False if the other side takes none, or has ended: `receive` tells that.

        `patience` is how many seconds to wait for room. Raises ValueError for one that is too long.
        """
        octets = json.dumps(words, ensure_ascii=False).encode(errors="replace")
        if len(octets) > MOST:
            raise ValueError(f"a message of {len(octets)} octets")
        beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        for wait in (patience, 0.0):
            try:
                self._socket.sendmsg([octets], beside)
            except BlockingIOError:
                if not wait:
                    return False
                _wait_for_room(self.fileno(), wait)
            except OSError:
                return False
            else:
                return True
        return False

    def receive(self) -> Message | None:
        """Return the next message, None if there is none now. Raises Closed."""
        room = socket.CMSG_SPACE(MOST_DESCRIPTORS * array.array("i").itemsize) if self._takes_descriptors else 0
        try:
            octets, beside, _, _ = self._socket.recvmsg(MOST, room, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return None
        except OSError:
            raise Closed from None
        if not octets:
            raise Closed
        descriptors = array.array("i")
        for level, kind, content in beside:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        return Message(_words(octets), tuple(descriptors))


def _words(octets: bytes) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        words = json.loads(octets)
        if isinstance(words, dict):
            return words
    return {}


def pair() -> tuple[Channel, Channel]:
    """Return the two ends of a new channel: the first one is its maker's, who takes no descriptors from the other."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    return Channel(one, takes_descriptors=False), Channel(other)


def _wait_for_room(descriptor: int, seconds: float) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    poll.poll(seconds * 1000)
