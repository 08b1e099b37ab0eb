"""Open a file beneath a directory, and never one outside of it.

We walk: each name is opened relative to the directory before it with O_NOFOLLOW, so the kernel never follows a link nor
`..` for us, and whoever renames or links directories meanwhile can't lead us out. Links are read and walked by the same
rules, which makes what stays inside work (Kubernetes' ConfigMaps: `x -> ..data/x`, `..data -> ..2026_07_01`) and what
leaves not, even links that would come back. An absolute link is walked from the top if it names the directory itself.
`openat2(RESOLVE_BENEATH)` would do this in one call, but Python does not offer it, and it refuses absolute links;
checking `/proc/self/fd` after the open needs /proc, and has opened the thing by then. The price: 2 µs for each folder.

Devices and FIFOs may be opened (without waiting): the caller looks at the descriptor. Runs in: any.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

_LINKS = 40
"""Links in one path before we call it a loop: Linux's own bound."""
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


def open_beneath(root: str, names: Sequence[str]) -> int:
    """Open what `names` lead to from the directory `root` (an absolute path) for reading; return the descriptor.

    `names` are file names; `""` and `.` stay where they are. Raises OSError: ENOENT also for what lies outside.
    """
    walk = _Walk(root, names)
    try:
        return walk.to_end()
    finally:
        walk.close()


class _Walk:
    """The folders that are open, from the root to where we stand, and the names still to go, last one first."""

    def __init__(self, root: str, names: Sequence[str]) -> None:
        self._root = root
        self._folders = [os.open(root, _FOLDER & ~os.O_NOFOLLOW)]
        self._names = list(reversed(names))
        self._links = 0

    def close(self) -> None:
        for folder in self._folders:
            os.close(folder)

    def to_end(self) -> int:
        while self._names:
            name = self._names.pop()
            if name == "..":
                self._up()
            elif name not in ("", "."):
                found = self._step(name, last=not self._names)
                if found is not None:
                    return found
        return os.open(".", _FILE, dir_fd=self._folders[-1])

    def _step(self, name: str, last: bool) -> int | None:
        """Open one name; return the descriptor if it was the last one and no link."""
        here = self._folders[-1]
        try:
            opened = os.open(name, _FILE if last else _FOLDER, dir_fd=here)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise
            self._follow(name)
            return None
        if last:
            return opened
        self._folders.append(opened)
        return None

    def _up(self) -> None:
        if len(self._folders) == 1:
            raise _outside()
        os.close(self._folders.pop())

    def _follow(self, name: str) -> None:
        """Put a link's names before the rest. A plain file in the middle of the path is an OSError (EINVAL) here."""
        target = os.readlink(name, dir_fd=self._folders[-1])
        self._links += 1
        if self._links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            target = self._within_root(target)
            while len(self._folders) > 1:
                os.close(self._folders.pop())
        self._names.extend(reversed(target.split("/")))

    def _within_root(self, target: str) -> str:
        for root in (self._root, str(Path(self._root).resolve())):
            if target == root or target.startswith(root.rstrip("/") + "/"):
                return target[len(root) :]
        raise _outside()


def _outside() -> OSError:
    return FileNotFoundError(errno.ENOENT, "outside of the directory")
