"""What all wires need for what goes out: a piece of a file that waits, and how much the peer has not taken yet."""

from __future__ import annotations

import os
import socket
import sys
from collections import deque
from contextlib import suppress
from typing import Any

from attrs import define

with suppress(ImportError):  # neither is on Windows
    import fcntl
    import termios


@define(eq=False)
class FilePiece:
    """A piece of a regular file that waits to be sent; it owns its descriptor."""

    descriptor: int
    offset: int
    count: int

    def close(self) -> None:
        """Give the descriptor back."""
        os.close(self.descriptor)


def read_first(waiting: deque[Any], most: int) -> bytes:
    """Read on in the file whose piece is the first that waits; its piece stays there, and open, till its end.

    Returns up to `most` octets. Raises OSError, also if the file became shorter.
    """
    piece: FilePiece = waiting[0]
    block = os.pread(piece.descriptor, min(piece.count, most), piece.offset)
    if not block and piece.count:
        raise OSError("the file became shorter while it was sent")
    piece.offset += len(block)
    piece.count -= len(block)
    if not piece.count:
        waiting.popleft()
        piece.close()
    return block


def drop(waiting: deque[Any]) -> None:
    """Drop all that waits, and give files back."""
    while waiting:
        piece = waiting.popleft()
        if isinstance(piece, FilePiece):
            with suppress(OSError):  # nobody reads it any more
                piece.close()


def untaken(descriptor: int) -> int:
    """Return how many octets the kernel holds for a peer; 0 where it can't tell. It shrinks when the peer takes some.

    That a socket has room again is no measure: the kernel says so only when a third of a buffer of megabytes is free,
    and a peer on a slow line may need minutes for that.
    """
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    except (NameError, OSError, ValueError):
        return 0


def acknowledged(sock: socket.socket) -> int | None:
    """Return how many octets the peer's kernel has told to have; None where ours doesn't say, as with unix sockets.

    `tcpi_bytes_acked` of Linux's `struct tcp_info` (since 4.1).
    """
    try:
        return int.from_bytes(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)[120:], sys.byteorder) or None
    except (AttributeError, OSError):
        return None
