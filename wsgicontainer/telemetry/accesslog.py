"""The access log: entries from any thread, lines to a file in batches, by the reactor.

`record` only appends to a deque (atomic in CPython): no lock and no system call on a request's path. `flush` renders
and writes whatever has come, in the reactor thread; assembly calls it every half second, and `record` asks for it when
EARLY entries wait. It never makes the reactor wait for a reader: a pipe or terminal gets at most PIPE_BUF octets of
whole lines at a time, and only when poll() says that it takes them (so lines of several processes don't mix either);
what it does not take is kept, up to BOUND entries. Trouble is told once when it begins, and once more when it is over,
with a count of what was lost.

It has no timer of its own and does not rotate: `reopen` does what logrotate asks for.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, tzinfo

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import BootError
from wsgicontainer.interfaces import IAccessLog
from wsgicontainer.messages import AccessEntry
from wsgicontainer.telemetry.accessline import compile_format, moment_of

BOUND = 50_000
"""Entries kept while nothing can be written: about 50 MB at 1 KB for an entry and its fields."""
EARLY = 1_000
"""Entries that are worth a flush before its time: 3 ms of rendering."""
PIPE_BUF = 4096
"""What Linux writes to a pipe in one piece, without waiting once poll() has said that there is room (pipe(7))."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


@implementer(IAccessLog)
class AccessLog:
    """Finished requests, one line each, in a file or on standard output."""

    log = Logger()

    def __init__(
        self,
        path: str,
        form: str,
        soon: Callable[[Callable[[], None]], object],
        zone: tzinfo | None = None,
        stdout: int = 1,
    ) -> None:
        """Compile the format; nothing is opened yet.

        `path` is a file, or `-` for the descriptor `stdout`; `form` see `accessline.compile_format`; `soon` has a
        callable run by the reactor, from any thread (`reactor.callFromThread`); `zone` is the machine's if None.
        Raises ConfigurationError for a bad format.
        """
        self._path = path
        self._line = compile_format(form)
        self._moment_of = moment_of(form)
        self._soon = soon
        self._zone = zone
        self._stdout = stdout
        self._pending: deque[AccessEntry] = deque()
        self._asked = False
        self._descriptor = -1
        self._regular = True
        self._torn = False
        self._rest = b""
        self._lost = 0
        self._failing = False
        self._lost_lock = threading.Lock()
        self._second = -1
        self._moment = ""

    def record(self, entry: AccessEntry) -> None:
        """Keep the entry for the next flush, or count it as lost when BOUND are kept. Runs in: any."""
        pending = self._pending
        waiting = len(pending)
        if waiting >= EARLY:
            if waiting >= BOUND:
                self._lose(1)
                return
            if not self._asked:
                # Two threads may both get here: then there is one flush too many, and it finds nothing.
                self._asked = True
                self._soon(self.flush)
        pending.append(entry)

    def open(self) -> None:
        """Open the file for appending. Raises BootError. Runs in: reactor thread."""
        try:
            self._adopt(self._opened())
        except OSError as error:
            raise BootError(
                f"--access-log {self._path} can't be written ({error.strerror}): choose a file in a directory that"
                " this user may write, or - for standard output."
            ) from error

    def flush(self) -> None:
        """Write the lines of all that has come so far. Never raises for the disk's sake. Runs in: reactor thread."""
        self._asked = False
        if self._descriptor < 0 or not (self._pending or self._rest):
            return
        try:
            if self._regular:
                self._write_all()
            else:
                self._write_pieces()
        except OSError as error:
            self._fail(error)
            return
        if self._lost:
            self._recover()

    def reopen(self) -> None:
        """Write what is kept and open the file anew; if that fails, go on with the old one. Runs in: reactor thread."""
        self.flush()
        if self._path == "-" or self._descriptor < 0:
            return
        try:
            descriptor = self._opened()
        except OSError as error:
            self.log.error(  # noqa: TRY400 (the reason is enough)
                "The access log {path} can't be opened again ({reason}); lines still go to the file as it was before.",
                path=self._path,
                reason=error.strerror,
            )
            return
        self._close()
        self._adopt(descriptor)

    def close(self) -> None:
        """Write what is kept and close. Runs in: reactor thread, when nobody records any more."""
        self.flush()
        self._lose(len(self._pending) + self._rest.count(b"\n"))
        self._pending.clear()
        if self._lost:
            self.log.warn(  # noqa: G010 (Twisted's name)
                "The access log {path} lost {count} entries.", path=self._path, count=self._lost
            )
        self._close()
        self._descriptor = -1

    # -- the file --

    def _opened(self) -> int:
        # O_NONBLOCK: a FIFO without a reader is an error at once, not a start that hangs.
        return self._stdout if self._path == "-" else os.open(self._path, _FLAGS, 0o640)

    def _adopt(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._torn = False

    def _close(self) -> None:
        if self._path != "-" and self._descriptor >= 0:
            os.close(self._descriptor)

    def _write_all(self) -> None:
        """Write everything at once: a regular file takes it."""
        take = self._pending.popleft
        lines = [self._render(take()) for _ in range(len(self._pending))]
        lines.append("")
        text = "\n".join(lines).encode("ascii", "backslashreplace")
        try:
            self._write(text)
        except OSError:
            self._lose(len(lines) - 1)
            raise

    def _write_pieces(self) -> None:
        """Write PIPE_BUF octets at most in one go, for as long as there is room; keep the rest."""
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        try:
            while (self._rest or self._pending) and room.poll(0):
                if not self._rest:
                    self._rest = self._next_lines()
                self._rest = self._rest[os.write(self._descriptor, self._rest[:PIPE_BUF]) :]
        except BlockingIOError:
            return
        except OSError:
            self._lose(self._rest.count(b"\n"))
            self._rest = b""
            raise

    def _next_lines(self) -> bytes:
        """Render as many lines as fit into one piece, at least one."""
        lines: list[bytes] = []
        size = 0
        while self._pending and size < PIPE_BUF:
            line = self._render(self._pending[0]).encode("ascii", "backslashreplace") + b"\n"
            size += len(line)
            if lines and size > PIPE_BUF:
                break
            lines.append(line)
            self._pending.popleft()
        return b"".join(lines)

    def _write(self, text: bytes) -> None:
        """Write it all, or raise; a line that was cut is ended before the next one begins."""
        rest = memoryview(b"\n" + text if self._torn else text)
        while rest:
            sent = os.write(self._descriptor, rest)
            self._torn = rest[sent - 1] != 0x0A
            rest = rest[sent:]

    def _render(self, entry: AccessEntry) -> str:
        second = int(entry.at)
        if second != self._second:
            when = datetime.fromtimestamp(second, self._zone)
            self._moment = self._moment_of(when if self._zone else when.astimezone())
            self._second = second
        return self._line(entry, self._moment)

    # -- trouble --

    def _lose(self, count: int) -> None:
        with self._lost_lock:
            self._lost += count

    def _fail(self, error: OSError) -> None:
        if not self._failing:
            self._failing = True
            self.log.error(
                "The access log {path} can't be written ({reason}); its entries are dropped until it can.",
                path=self._path,
                reason=error.strerror,
            )

    def _recover(self) -> None:
        with self._lost_lock:
            lost, self._lost = self._lost, 0
        self._failing = False
        self.log.warn(  # noqa: G010 (Twisted's name)
            "The access log {path} is written again; {count} entries were lost.", path=self._path, count=lost
        )
