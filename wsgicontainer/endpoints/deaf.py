"""Has a listening socket begin no more connections, while those that it has begun are still finished and accepted.

Whoever connects between the last accept and the close is connected as far as it can tell, may have sent a request, and
gets a reset. So the kernel is told before the last accept to drop what begins a connection (SYN, a filter of four
instructions): such a client asks again in a second, and finds the port closed, or served by somebody else.
Only for a socket that nobody else holds, or whose holders all leave, as it is deaf for all. Linux; elsewhere the gap
stays. Runs in: reactor thread.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from typing import Any

from twisted.logger import Logger

_log = Logger()
_ATTACH_FILTER = 26
"""SO_ATTACH_FILTER of <asm-generic/socket.h>, which Python does not name."""
_INSTRUCTION = struct.Struct("HBBI")
"""struct sock_filter of <linux/filter.h>: code, jump if true, jump if false, operand."""
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # SYN alone?
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # take it
)


def deafen(port: Any) -> None:
    """Have a port begin no more connections, if its socket is TCP and all ours."""
    sock = getattr(port, "socket", None)
    # Twisted's word for a socket that it has not adopted from somebody who may hold it, too.
    ours = getattr(port, "ours", getattr(port, "_shouldShutdown", False))
    if sock is not None and ours and sock.family in (socket.AF_INET, socket.AF_INET6):
        begin_no_more(sock)


def begin_no_more(sock: socket.socket) -> None:
    """Drop what begins a connection; where the system does not have it, the old gap stays."""
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(_INSTRUCTION.pack(*each) for each in _DROP_SYN))
    try:
        sock.setsockopt(socket.SOL_SOCKET, _ATTACH_FILTER, struct.pack("HP", len(_DROP_SYN), ctypes.addressof(program)))
    except OSError as error:
        _log.debug("The socket goes on to begin connections ({reason})", reason=error.strerror)
