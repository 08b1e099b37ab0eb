"""A file that holds the process id while the server runs."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path

from twisted.application.service import Service

from wsgicontainer.errors import BootError


def refused(path: Path | str, error: OSError) -> BootError:
    """Return what to say of a file that can't be written."""
    return BootError(
        f"--pid-file {path} can't be written ({error.strerror}); choose a folder that this user may write"
    )


class PidFile(Service):
    """Written at the start, after a daemon's fork; removed at the end, if it is still ours."""

    name = "pid-file"

    def __init__(
        self, path: str, early: bool = True, acting: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        """Remember where; if it is not `early`, it is written as the user that the server becomes.

        A server that stays who it was writes and removes it `acting` as that user: its folder may be the user's.
        """
        self._path, self._early, self._acting = Path(path).absolute(), early, acting

    def privilegedStartService(self) -> None:
        """Write it before privileges are shed."""
        super().privilegedStartService()
        if self._early:
            self._write()

    def startService(self) -> None:
        """Write it, unless that is done."""
        super().startService()
        if self._content() != str(os.getpid()):
            self._write()

    def stopService(self) -> None:
        """Remove it."""
        super().stopService()
        if self._content() == str(os.getpid()):
            with suppress(OSError), self._acting():
                self._path.unlink()

    def _content(self) -> str:
        try:
            return self._path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _write(self) -> None:
        try:
            with self._acting():
                self._path.write_text(f"{os.getpid()}\n")
        except OSError as error:
            raise refused(self._path, error) from None
