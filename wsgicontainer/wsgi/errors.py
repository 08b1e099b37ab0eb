"""`wsgi.errors`: a text stream whose lines become log events.

Lines are gathered for each thread apart: frameworks write a line in pieces, and two requests must not mix theirs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from twisted.logger import Logger


class ErrorsStream:
    """Write, writelines, flush, as PEP 3333 asks. Runs in: any."""

    log = Logger("wsgi.errors")

    def __init__(self) -> None:
        """Start with nothing written."""
        self._local = threading.local()

    def write(self, text: str) -> int:
        """Log what is complete, keep the rest of the line."""
        *lines, self._local.rest = (getattr(self._local, "rest", "") + text).split("\n")
        for line in lines:
            self.log.error("{line}", line=line)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Write each."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Log an unfinished line."""
        rest = getattr(self._local, "rest", "")
        if rest:
            self._local.rest = ""
            self.log.error("{line}", line=rest)
