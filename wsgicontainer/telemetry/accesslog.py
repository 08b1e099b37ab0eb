"""The access log: lines from any thread, to a file in batches, by the reactor.

`record` renders the line in the thread that ran the request, after its reply, and appends it to a list (atomic in
CPython): no lock, no clock and no system call on a request's path, and nothing of the request is kept. `flush` writes
whatever has come, in the reactor thread; assembly calls it every half second, and `record` asks for it when EARLY lines
wait. It never makes the reactor wait for a reader: a pipe or terminal gets at most PIPE_BUF octets of whole lines at a
time, and only when poll() says that it takes them (so lines of several processes don't mix either); what it does not
take is kept, up to BOUND lines. Trouble is told once when it begins, and once more when it is over, with a count of
what was lost.

It has no timer of its own and does not rotate: `reopen` does what logrotate asks for.
"""

from __future__ import annotations

import os
import select
import stat
import threading
from collections.abc import Callable

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import BootError
from wsgicontainer.interfaces import IAccessEntry, IAccessLog
from wsgicontainer.telemetry.accessline import compile_format
from wsgicontainer.telemetry.seconds import Seconds, WallClock

BOUND = 50_000
"""Lines kept while nothing can be written: about 10 MB, and never more than 50 MB, see LONG."""
EARLY = 4_000
"""Lines that are worth a flush before its time: 1 MB or so, which the reactor writes in 1 ms."""
LONG = 1024
"""Octets that a line may have to count as one: it counts once more for each time that it has as many."""
PIPE_BUF = 4096
"""What Linux writes to a pipe in one piece, without waiting once poll() has said that there is room (pipe(7))."""
_HANDFUL = 256
"""Lines taken at a time for such pieces."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


def refused(path: str, error: OSError) -> BootError:
    """Return what to say of a file that can't be written."""
    return BootError(
        f"--access-log {path} can't be written ({error.strerror}): choose a file in a directory that this user may "
        "write, or - for standard output."
    )


@implementer(IAccessLog)
class AccessLog:
    """Finished requests, one line each, in a file or on standard output."""

    log = Logger()

    def __init__(
        self,
        path: str,
        form: str,
        soon: Callable[[Callable[[], None]], object],
        clock: WallClock | None = None,
        stdout: int = 1,
    ) -> None:
        """Compile the format; nothing is opened yet.

        `path` is a file, or `-` for the descriptor `stdout`; `form` see `accessline.compile_format`; `soon` has a
        callable run by the reactor, from any thread (`reactor.callFromThread`); `clock` is the machine's if None.
        Raises ConfigurationError for a bad format.
        """
        self._path = path
        written = compile_format(form)
        self._line, self.timed, self._repeats = written.line, written.timed, written.repeats
        self._seconds = Seconds(clock or WallClock(), written.moment)
        self._soon = soon
        self._stdout = stdout
        self._pending: list[str] = []
        self._asked = False
        self._descriptor = -1
        self._regular = True
        self._torn = False
        self._rest = b""
        self._lost = 0
        self._failing = False
        self._lost_lock = threading.Lock()

    def record(self, entry: IAccessEntry) -> None:
        """Keep the entry's line for the next flush, or count it as lost when BOUND are kept. Runs in: any."""
        pending = self._pending
        if len(pending) >= EARLY and not self._has_room(len(pending)):
            return
        second, end, written = self._seconds.last
        if not second <= entry.began < end:
            second, end, written = self._seconds.at(entry.began)
        request = entry.request
        told = request.told
        if told is not None and told[0] is written and told[1] == entry.code and told[2] == entry.sent:
            pending.append(told[3])
            return
        line = self._line(entry, written, second)
        if len(line) < LONG:
            if self._repeats and request.line:  # a head that comes again, and this second probably with the same reply
                request.told = written, entry.code, entry.sent, line
            pending.append(line)
        else:
            pending.extend((line, *[""] * (len(line) // LONG)))

    def _has_room(self, waiting: int) -> bool:
        """Ask for an early flush, unless so many lines wait that one more is lost."""
        if waiting >= BOUND:
            self._lose(1)
            return False
        if not self._asked:
            # Two threads may both get here: then there is one flush too many, and it finds nothing.
            self._asked = True
            self._soon(self.flush)
        return True

    def open(self) -> None:
        """Open the file for appending. Raises BootError. Runs in: reactor thread."""
        try:
            self._adopt(self._opened())
        except OSError as error:
            raise refused(self._path, error) from error

    def flush(self) -> None:
        """Write the lines of all that has come so far. Never raises for the disk's sake. Runs in: reactor thread."""
        self._asked = False
        self._seconds.follow()
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
        self._lose(sum(map(bool, self._pending)) + self._rest.count(b"\n"))
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
        text = self._take(len(self._pending))
        try:
            self._write(text)
        except OSError:
            self._lose(text.count(b"\n"))
            raise

    def _take(self, count: int) -> bytes:
        """Take the oldest lines of what waits; more may be appended meanwhile."""
        pending = self._pending
        text = "".join(pending[:count]).encode("ascii")
        del pending[:count]
        return text

    def _write_pieces(self) -> None:
        """Write PIPE_BUF octets at most in one go, for as long as there is room; keep the rest."""
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        try:
            while (self._rest or self._pending) and room.poll(0):
                self._rest = rest = self._rest or self._take(_HANDFUL)
                end = rest.rfind(b"\n", 0, PIPE_BUF) + 1  # 0: a line that is longer goes in pieces
                self._rest = rest[os.write(self._descriptor, rest[: end or PIPE_BUF]) :]
        except BlockingIOError:
            return
        except OSError:
            self._lose(self._rest.count(b"\n"))
            self._rest = b""
            raise

    def _write(self, text: bytes) -> None:
        """Write it all, or raise; a line that was cut is ended before the next one begins."""
        rest = memoryview(b"\n" + text if self._torn else text)
        while rest:
            sent = os.write(self._descriptor, rest)
            self._torn = rest[sent - 1] != 0x0A
            rest = rest[sent:]

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
