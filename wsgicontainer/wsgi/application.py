"""One WSGI application as a responder: calls it, sends what it returns, closes it whatever happens.

Runs in: application thread. The application's exceptions are told once, with its traceback and the request's id.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import PeerGone, RequestTimeout
from wsgicontainer.interfaces import IExchange, IResponder
from wsgicontainer.wsgi.environ import environ_for
from wsgicontainer.wsgi.response import Response

_log = Logger()
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class FileWrapper:
    """`wsgi.file_wrapper` (PEP 3333): an iterable over a file, sent by the kernel where the file allows it."""

    def __init__(self, file: BinaryIO, block_size: int = 65536) -> None:
        """Wrap a file from its present position on."""
        self.file, self.block_size = file, block_size
        close = getattr(file, "close", None)
        if close is not None:
            self.close = close

    def __iter__(self) -> FileWrapper:
        """Iterate over blocks."""
        return self

    def __next__(self) -> bytes:
        """Return the next block."""
        block = self.file.read(self.block_size)
        if not block:
            raise StopIteration
        return block

    def rest(self) -> tuple[int, int, int] | None:
        """Return a new descriptor, the position and the octets left, if this is a regular file; otherwise None."""
        if not _reads_its_descriptor(self.file):
            return None
        try:
            descriptor, offset = self.file.fileno(), self.file.tell()
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size <= offset:
                return None
            return os.dup(descriptor), offset, status.st_size - offset
        except (OSError, ValueError):
            return None


@implementer(IResponder)
class WSGIApplication:
    """Answers exchanges by calling a WSGI application."""

    def __init__(self, application: Application) -> None:
        """Take the application as loaded."""
        self._application = application

    def respond(self, exchange: IExchange) -> None:
        """Call the application and send its response."""
        response = Response()
        response.exchange = exchange
        result: Any = None
        try:
            result = self._application(environ_for(exchange), response.start_response)
            head = response.head
            if type(result) is list and len(result) == 1 and head is not None and not response.begun:
                exchange.reply(head, result[0])  # what most applications return
            else:
                _send(exchange, response, result)
        except (PeerGone, RequestTimeout):
            raise
        except BaseException:
            # SystemExit too: an application must not end the server, and close() must still be called.
            _log.failure(
                "The application failed at {method} {target} [request {id}]",
                method=exchange.request.method,
                target=exchange.request.target,
                id=exchange.request_id,
            )
            exchange.fail("the application raised")
        finally:
            if type(result) is not list:
                self._close(result, exchange)

    def _close(self, result: Any, exchange: IExchange) -> None:
        close = getattr(result, "close", None)
        if close is None:
            return
        try:
            close()
        except RequestTimeout:
            raise
        except BaseException:
            _log.failure(
                "close() failed at {method} {target} [request {id}]",
                method=exchange.request.method,
                target=exchange.request.target,
                id=exchange.request_id,
            )


def _send(exchange: IExchange, response: Response, result: Any) -> None:
    """Send what an application returned."""
    head = response.head
    if type(result) in (list, tuple) and len(result) <= 1:
        response.whole(result[0] if result else b"")
        return
    if type(result) is FileWrapper and head is not None and not exchange.started:
        piece = _piece(result, head.length)
        if piece is not None:
            exchange.reply_file(head, *piece)
            return
    blocks = iter(result)
    for block in blocks:
        head = response.head
        if head is not None and not response.begun and type(block) is bytes and len(block) == head.length != 0:
            exchange.reply(head, block)  # the first block is all there is, as in most frameworks' responses
            _expect_no_more(blocks, exchange)
            return
        response.write(block)
    response.finish()


def _expect_no_more(blocks: Iterator[bytes], exchange: IExchange) -> None:
    if any(blocks):
        _log.error(
            "{method} {target}: the application sends more than its Content-Length; the rest is dropped [request {id}]",
            method=exchange.request.method,
            target=exchange.request.target,
            id=exchange.request_id,
        )
        for _ in blocks:
            pass


def _piece(wrapper: FileWrapper, length: int | None) -> tuple[int, int, int] | None:
    rest = wrapper.rest()
    if rest is None or length is None:
        return rest
    if length > rest[2]:
        os.close(rest[0])
        return None
    return rest[0], rest[1], length


def _reads_its_descriptor(file: Any) -> bool:
    """Tell whether what `file` reads is what its descriptor holds: GzipFile has a descriptor too, but unpacks it.

    What open() returns does, and what wraps it in an attribute `file`, as tempfile's and Django's classes do.
    """
    inner = getattr(file, "file", file)
    return type(getattr(inner, "raw", inner)) is io.FileIO
