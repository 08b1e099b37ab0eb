"""The files of one directory under a prefix: GET and HEAD, validators, 304, one range, an index file.

What may be asked for is decided on the percent-decoded path, before the disk is touched: no empty name, none that
begins with a dot (so neither `..` nor `.git`), no backslash, no NUL. `beneath` keeps links inside. What is opened is
judged by its descriptor, so nothing can change in between; anything but a regular file is 404, as is what we may not
read. Small files go out with their head in one piece, others by `reply_file`, which does not hold the thread.

No listing of directories, no compression, no content coding. Runs in: application thread.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from attrs import frozen
from zope.interface import implementer

from wsgicontainer.errors import BootError
from wsgicontainer.interfaces import IExchange, IResponder
from wsgicontainer.messages import Fields
from wsgicontainer.static.beneath import open_beneath
from wsgicontainer.static.conditional import Validators, precondition, range_applies, validators_of
from wsgicontainer.static.kinds import content_type
from wsgicontainer.static.ranges import Span, requested_span

SMALL = 32 * 1024
"""Octets up to which a file is read here and sent with its head: one system call less, and nobody else is involved."""
_NOSNIFF = ("X-Content-Type-Options", "nosniff")
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ENXIO, errno.EINVAL}
)
"""What the path is to blame for: 404. Anything else (EMFILE, EIO) is raised, and ends as 500."""


@frozen
class _File:
    """An open regular file."""

    descriptor: int
    name: str
    size: int
    validators: Validators


@implementer(IResponder)
class StaticMount:
    """Serves the files of one directory."""

    def __init__(
        self, directory: str, index: str | None, max_age: int | None, clock: Callable[[], float] = time.time
    ) -> None:
        """Look whether the directory is there.

        `index` is the file that stands for a directory (`"index.html"`), or None: directories are 404 then. `max_age`
        is for how many seconds clients need not ask again, or None to leave that to them. Raises BootError.
        """
        self._root = str(Path(directory).absolute())
        self._index = index
        self._caching: Fields = [] if max_age is None else [("Cache-Control", f"max-age={max_age}")]
        self._clock = clock
        if not Path(self._root).is_dir():
            raise BootError(
                f"--static: {self._root} is not a directory; create it (collectstatic does) or mend the path."
            )

    def respond(self, exchange: IExchange) -> None:
        """Answer with the file that the rest of the path names."""
        request = exchange.request
        if request.method not in ("GET", "HEAD"):
            _say(exchange, "405 Method Not Allowed", ("Allow", "GET, HEAD"))
            return
        names = _names(request.path[len(exchange.prefix) :] or ("" if exchange.prefix else "/"))
        if names is None:
            _say(exchange, "404 Not Found")
            return
        try:
            self._serve(exchange, names)
        except OSError as error:
            if exchange.started or error.errno not in _ABSENT:
                raise
            _say(exchange, "404 Not Found")

    def _serve(self, exchange: IExchange, names: list[str]) -> None:
        """Open what the names lead to; a slash at the end stands for the index in there."""
        as_folder = names[-1:] == [""]
        if as_folder:
            if self._index is None:
                _say(exchange, "404 Not Found")
                return
            names = [*names[:-1], *self._index.split("/")]
        descriptor = open_beneath(self._root, [os.fsdecode(name.encode("latin-1")) for name in names])
        try:
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                validators = validators_of(status.st_size, status.st_mtime_ns, self._clock())
                self._send(exchange, _File(descriptor, names[-1], status.st_size, validators))
            elif stat.S_ISDIR(status.st_mode) and self._index is not None and not as_folder:
                _redirect(exchange)
            else:
                _say(exchange, "404 Not Found")
        finally:
            os.close(descriptor)

    def _send(self, exchange: IExchange, file: _File) -> None:
        """Answer with an open file, or with why not."""
        request, validators = exchange.request, file.validators
        verdict = precondition(request.fields, validators)
        if verdict == 412:
            _say(exchange, "412 Precondition Failed")
            return
        fields = [("ETag", validators.etag), ("Last-Modified", validators.last_modified), *self._caching, _NOSNIFF]
        if verdict == 304:
            exchange.reply(exchange.prepare("304 Not Modified", fields), b"")
            return
        fields += [("Content-Type", content_type(file.name)), ("Accept-Ranges", "bytes")]
        span = _span(exchange, file)
        if span is None:
            _content(exchange, "200 OK", fields, file, Span(0, file.size))
        elif span.count:
            fields.append(("Content-Range", span.content_range(file.size)))
            _content(exchange, "206 Partial Content", fields, file, span)
        else:
            _say(exchange, "416 Range Not Satisfiable", ("Content-Range", span.content_range(file.size)))


def _span(exchange: IExchange, file: _File) -> Span | None:
    """Tell which part of the file is asked for; None is all of it. Only GET has ranges (RFC 9110 section 14.2)."""
    request = exchange.request
    value = request.fields.get("HTTP_RANGE")
    if value is None or request.method != "GET" or not range_applies(request.fields, file.validators):
        return None
    return requested_span(value, file.size)


def _content(exchange: IExchange, status: str, fields: Fields, file: _File, span: Span) -> None:
    """Send a span of the file."""
    head = exchange.prepare(status, [*fields, ("Content-Length", str(span.count))])
    if exchange.request.method == "HEAD":
        exchange.reply(head, b"")
    elif span.count <= SMALL:
        content = os.pread(file.descriptor, span.count, span.offset)
        if len(content) != span.count:
            raise OSError(errno.EIO, f"{file.name} has shrunk while it was served")
        exchange.reply(head, content)
    else:
        # A duplicate: whatever reply_file raises, each party closes its own, and nothing is closed twice.
        exchange.reply_file(head, os.dup(file.descriptor), span.offset, span.count)


def _names(rest: str) -> list[str] | None:
    """Split the path after the prefix; None if it may not be asked for. A slash at the end makes a last name of ""."""
    if "\0" in rest or "\\" in rest:
        return None
    if rest and not rest.startswith("/"):
        return None
    names = rest.split("/")[1:]
    if any(name.startswith(".") for name in names) or "" in names[:-1]:
        return None
    return names


def _redirect(exchange: IExchange) -> None:
    """Send the client to the same path with a slash after it.

    Relative to the request (`./css/`): right behind a proxy that strips a prefix, and it can't lead to another host.
    """
    request = exchange.request
    name = request.path.rpartition("/")[2].encode("latin-1")
    query = "?" + request.query if request.query else ""
    _say(exchange, "301 Moved Permanently", ("Location", f"./{quote(name, safe='')}/{query}"))


def _say(exchange: IExchange, status: str, *fields: tuple[str, str]) -> None:
    exchange.error(status, [*fields, _NOSNIFF])
