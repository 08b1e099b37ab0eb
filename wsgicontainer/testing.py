"""Fakes for tests, ours and other people's: what they promise is checked against the interface (`verifyObject`).

`MemoryExchange` is one request and what was answered to it, in memory.
"""

from __future__ import annotations

import io
import os
import re
from typing import BinaryIO
from urllib.parse import unquote_to_bytes

from zope.interface import implementer

from wsgicontainer.errors import ApplicationError, PeerGone
from wsgicontainer.interfaces import IExchange
from wsgicontainer.messages import Fields, Request, ResponseHead

_STATUS = re.compile(r"[2-5]\d\d [\t -~\x80-\xff]*", re.ASCII)
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")


def make_request(method: str, target: str, fields: dict[str, str] | None = None) -> Request:
    """Make a checked request as the wire would: `target` is percent-encoded, `fields` have CGI names."""
    path, _, query = target.partition("?")
    decoded = unquote_to_bytes(path).decode("latin-1")
    return Request(method, target, decoded, query, "HTTP/1.1", fields or {})


@implementer(IExchange)
class MemoryExchange:
    """An exchange without a wire: `head` and `body` are what a client would have got.

    `peer_gone = True` makes every sending raise PeerGone; `failure` is the reason given to `fail`.
    """

    def __init__(self, request: Request, prefix: str = "", content: bytes = b"") -> None:
        """Take the request, what routing matched of its path, and its content."""
        self.request = request
        self.prefix = prefix
        self.template: dict[str, object] = {}
        self.content: BinaryIO = io.BytesIO(content)
        self.request_id = "0123456789abcdef"
        self.started = False
        self.head: ResponseHead | None = None
        self.body = b""
        self.hints: list[Fields] = []
        self.finished = False
        self.failure: str | None = None
        self.peer_gone = False

    # -- for tests --

    @property
    def code(self) -> int:
        """The status code that was sent; 0 if none was."""
        return self.head.code if self.head else 0

    def field(self, name: str) -> str | None:
        """Give the value of a response's field; repeated ones joined, None if there is none."""
        values = [value for key, value in (self.head.fields if self.head else ()) if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    # -- IExchange --

    def prepare(self, status: str, fields: Fields) -> ResponseHead:
        """Check and render a head."""
        if not _STATUS.fullmatch(status):
            raise ApplicationError(f"status {status!r} is not of the form '200 OK'")
        for name, value in fields:
            if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ApplicationError(f"field {name!r}: {value!r} may not be sent")
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
        length = next((int(value) for name, value in fields if name.lower() == "content-length"), None)
        close = any(name.lower() == "connection" and value.lower() == "close" for name, value in fields)
        return ResponseHead(int(status[:3]), status, fields, f"HTTP/1.1 {status}\r\n{lines}", length, close)

    def early_hints(self, fields: Fields) -> None:
        """Keep what is hinted at."""
        if self.started:
            raise ApplicationError("early hints after the response has begun")
        self.hints.append(fields)

    def reply(self, head: ResponseHead, content: bytes) -> None:
        """Keep a whole response."""
        self._begin(head)
        self._keep(content)
        self.finished = True

    def start(self, head: ResponseHead) -> None:
        """Keep a head."""
        self._begin(head)

    def write(self, data: bytes) -> None:
        """Keep content."""
        if not self.started:
            raise AssertionError("write before start")
        self._keep(data)

    def finish(self) -> None:
        """Check the length."""
        head = self.head
        if head is not None and head.length is not None and self._has_content() and len(self.body) < head.length:
            raise ApplicationError(f"{len(self.body)} octets of content, {head.length} were announced")
        self.finished = True

    def reply_file(self, head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        """Read the file's octets as the content, and close it."""
        try:
            self._begin(head)
            while count and (piece := os.pread(descriptor, min(count, 1 << 20), offset)):
                self._keep(piece)
                offset += len(piece)
                count -= len(piece)
            self.finished = not count
        finally:
            os.close(descriptor)

    def error(self, status: str, fields: Fields | None = None) -> None:
        """Keep a reply that says its status."""
        content = f"{status}\n".encode("latin-1")
        length = ("Content-Length", str(len(content)))
        self.reply(
            self.prepare(status, [("Content-Type", "text/plain; charset=utf-8"), length, *(fields or ())]), content
        )

    def fail(self, reason: str) -> None:
        """Remember why; 500 if nothing was sent."""
        self.failure = reason
        if not self.started:
            self.error("500 Internal Server Error")

    def gone(self) -> bool:
        """Tell what `peer_gone` says."""
        return self.peer_gone

    # -- ours --

    def _begin(self, head: ResponseHead) -> None:
        if self.started:
            raise AssertionError("a second response")
        if self.peer_gone:
            raise PeerGone("the peer has left")
        self.started = True
        self.head = head

    def _keep(self, content: bytes) -> None:
        if self.peer_gone:
            raise PeerGone("the peer has left")
        if self._has_content():
            self.body += content

    def _has_content(self) -> bool:
        """RFC 9110 section 6.4.1: HEAD, 204 and 304 have none."""
        return self.request.method != "HEAD" and self.code not in (204, 304)
