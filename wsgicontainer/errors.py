"""Everything that can go wrong, sorted by who has to mend it.

The operator (`ConfigurationError` and its kinds), the peer (`PeerError`) or the application (`ApplicationError`).
Blame and answer travel inside the exception: an exit status for operators, an HTTP status code for peers.
"""

from __future__ import annotations

import errno


class ContainerError(Exception):
    """The base of every error that this server raises on purpose."""


class ConfigurationError(ContainerError):
    """The operator asked for something that can't be: usage, exit status 2.

    `str()` of it is the one sentence that the operator reads: it names the option and the mend.
    """

    exit_status = 2


class BootError(ConfigurationError):
    """The settings are sound, but the machine refuses: a taken port, an unwritable log. Exit status 3."""

    exit_status = 3


class PortError(BootError):
    """The system does not let us listen somewhere."""

    def __init__(self, description: str, reason: object) -> None:
        """Say why, and what mends it, of a `--port` as the operator wrote it; `reason` is an OSError, or any text."""
        text, code = getattr(reason, "strerror", None) or reason, getattr(reason, "errno", None)
        mend = "choose another port, or stop what listens there"
        if code in (errno.ENOENT, errno.ENOTDIR):
            mend = "make the folder of this socket first, or name another"
        elif code in (errno.EACCES, errno.EPERM):
            mend = "choose a folder that this user may write"
            if "unix:" not in description:
                mend = "start as root with --user NAME, have systemd open it, or choose a port from 1024 on"
        elif code == errno.EADDRNOTAVAIL:
            mend = "write an address of this machine behind interface=, or none"
        elif "too long" in str(text):  # Python's own, without a number
            mend = "write a shorter path: a socket's has at most 107 octets"
        elif code == errno.EADDRINUSE and "unix:" in description:
            mend = "remove what is there if no server uses it, or name another path"
        super().__init__(f"--port {description} can't be opened ({text}); {mend}")


class LoadError(ConfigurationError):
    """The application did not import. Exit status 4.

    `details` is the application's own traceback, without our frames, or empty.
    """

    exit_status = 4

    def __init__(self, sentence: str, details: str = "") -> None:
        """Keep the operator's sentence and the traceback that explains it."""
        super().__init__(sentence)
        self.details = details


class PeerError(ContainerError):
    """The peer sent what RFC 9110 or 9112 forbids, or more than a limit allows: it is answered with `status`."""

    def __init__(self, status: str, reason: str) -> None:
        """Take the reply's status (`"400 Bad Request"`) and a reason for the log and for the peer."""
        super().__init__(reason)
        self.status = status
        self.reason = reason


class PeerGone(ContainerError):
    """The peer has left, or was cut for making no progress: nobody reads this reply."""


class RequestTimeout(BaseException):
    """The request's deadline (`--timeout`) is over and 504 is sent: raised in the application, wherever it is.

    No Exception, so that `except Exception` in the application does not swallow it. Let it pass: clean up in `finally`.
    """


class ApplicationError(ContainerError):
    """The application broke PEP 3333 or RFC 9110: the sentence says which rule."""
