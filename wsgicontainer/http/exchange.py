"""One request and its reply, whatever the HTTP version: all that applications, static mounts and the others know.

Holds the rules of a response that no application may break: what its head may say, how long its content is, that it is
either whole or visibly broken (RFC 9110 sections 6.4 and 8.6, RFC 9112 section 6). It runs in the one application
thread that has it; that thread owns the connection meanwhile.
"""

from __future__ import annotations

from io import BytesIO
from time import monotonic, time
from typing import Any, BinaryIO

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import ApplicationError, PeerGone
from wsgicontainer.http.site import Site
from wsgicontainer.interfaces import IAccessLog, IExchange, IJob
from wsgicontainer.messages import AccessEntry, Fields, Request, ResponseHead

_log = Logger()


@implementer(IExchange, IJob)
class Exchange:
    """A request on its way to a reply. Runs in: application thread."""

    __slots__ = (
        "request",
        "prefix",
        "template",
        "content",
        "request_id",
        "started",
        "keep",
        "broken",
        "_site",
        "_connection",
        "_wire",
        "_responder",
        "_head",
        "_text",
        "_left",
        "_chunked",
        "_silent",
        "_finished",
        "_code",
        "_sent",
        "_began",
        "_queued",
    )

    def __init__(self, site: Site, connection: Any, request: Request, persistent: bool) -> None:
        """Begin an exchange on a connection: anything with `wire`, `template` and `completed(exchange)`.

        `keep` becomes whether the connection may serve another request, `broken` whether the reply is not whole.
        """
        self._site, self._connection, self._wire = site, connection, connection.wire
        self.request, self.template, self.keep = request, connection.template, persistent
        self.prefix, self._responder = site.routes.find(request.path)
        self.content: BinaryIO = BytesIO()
        self.request_id = site.new_id()
        self.started = self.broken = self._finished = self._chunked = self._silent = False
        self._head: ResponseHead | None = None
        self._text = b""
        self._left: int | None = None
        self._code, self._sent, self._queued = 499, 0, 0.0
        self._began = monotonic()

    # A job

    def run(self) -> None:
        """Have the responder answer, then give the connection back. Never raises."""
        self._queued = monotonic() - self._began
        try:
            if self._queued > self._site.clocks.queue:
                self.error("503 Service Unavailable", [("Retry-After", "1")])
            else:
                self._responder.respond(self)
            if not self._finished:
                self.fail("nobody answered")
        except PeerGone:
            self._abandon()
        except BaseException:  # noqa: BLE001 (a responder may be anybody's: no request ends the server)
            _log.failure(
                "{method} {target} failed [request {id}]",
                method=self.request.method,
                target=self.request.target,
                id=self.request_id,
            )
            self.fail("the responder failed")
        self.content.close()
        if self._site.access_log is not None:
            self._record(self._site.access_log)
        self._connection.completed(self)

    def refuse(self) -> None:
        """Answer 503 without an application thread: the queue is full. Runs in: the connection's owner."""
        try:
            self.error("503 Service Unavailable", [("Retry-After", "1")])
        except PeerGone:
            self._abandon()
        self.content.close()
        if self._site.access_log is not None:
            self._record(self._site.access_log)

    # The reply

    def prepare(self, status: str, fields: Fields) -> ResponseHead:
        """Check and render a response's head. Raises ApplicationError."""
        return self._site.responses.render(status, fields)

    def reply(self, head: ResponseHead, content: bytes) -> None:
        """Send a whole response at once. Raises PeerGone, ApplicationError."""
        if head.length is None and (content or self.request.method != "HEAD"):
            head.length = len(content)
        self.start(head)
        if self._left == len(content):
            self._left = 0
            self._put(content)
        else:
            self.write(content)
        self.finish()

    def start(self, head: ResponseHead) -> None:
        """Take the head of a response; it goes out with the first content, or at the end."""
        self._head = head
        self._text = (head.block + self._site.date() + self._framing(head) + "\r\n").encode("latin-1")

    def write(self, data: bytes) -> None:
        """Send content; wait while more than the output budget is unsent. Raises PeerGone, ApplicationError."""
        if type(data) is not bytes:
            data = _octets(data)
        if not data:
            return
        if self._silent:
            data = b""
        elif self._left is not None:
            data = self._accounted(data, self._left)
        self._put(data)

    def finish(self) -> None:
        """End a response that was started. Raises PeerGone, ApplicationError if its Content-Length is not reached."""
        if self._left:
            raise ApplicationError(f"the content ends {self._left} octets before its Content-Length")
        tail = self._text
        if self._chunked:
            tail += b"0\r\n\r\n"
        if tail:
            self._send(tail)
        self._finished = True

    def reply_file(self, head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        """Send `count` octets of a regular file as the whole content; takes over `descriptor`. Raises PeerGone."""
        head.length = count
        self.start(head)
        self._send(self._text)
        self._wire.wait_for_room()
        if self._left:
            self._sent, self._left = count, 0
            self._wire.send_file(descriptor, offset, count)
        self._finished = True

    def error(self, status: str, fields: Fields | None = None) -> None:
        """Reply with a status and a line of text. Raises PeerGone."""
        head = self.prepare(status, [("Content-Type", "text/plain; charset=utf-8"), *(fields or [])])
        self.reply(head, status.encode("latin-1") + b"\n")

    def fail(self, reason: str) -> None:
        """Answer 500 if nothing was sent yet, otherwise cut so that the reply is visibly broken."""
        _log.debug("{id}: {reason}", id=self.request_id, reason=reason)
        if self._finished:
            return
        if self.started:
            self.keep, self.broken = False, True
            return
        self._chunked, self._left, self._silent = False, None, False
        try:
            self.error("500 Internal Server Error")
        except PeerGone:
            self._abandon()

    def gone(self) -> bool:
        """Tell whether the peer has left."""
        return bool(self._wire.gone())

    def _abandon(self) -> None:
        self.keep, self.broken = False, True

    def _framing(self, head: ResponseHead) -> str:
        """Decide how the content's end is told, and whether the connection stays (RFC 9112 sections 6 and 9.3)."""
        self._code = head.code
        http11 = self.request.protocol == "HTTP/1.1"
        self._silent = self.request.method == "HEAD" or head.code in (204, 205, 304)
        length = 0 if head.code == 205 else None if head.code == 204 else head.length
        self._left = None if self._silent else length
        self._chunked = False
        lines = ""
        if length is not None:
            lines = f"Content-Length: {length}\r\n"
        elif self._silent:
            pass
        elif http11:
            self._chunked = True
            lines = "Transfer-Encoding: chunked\r\n"
        else:
            self.keep = False
        self.keep = self.keep and not head.close and not self._site.draining
        if self.keep:
            return lines if http11 else lines + "Connection: keep-alive\r\n"
        return lines + "Connection: close\r\n"

    def _accounted(self, data: bytes, left: int) -> bytes:
        if len(data) > left:
            _log.error(
                "{method} {target}: the application sends more than its Content-Length; the rest is dropped "
                "[request {id}]",
                method=self.request.method,
                target=self.request.target,
                id=self.request_id,
            )
            data = data[:left]
        self._left = left - len(data)
        return data

    def _put(self, data: bytes) -> None:
        self._sent += len(data)
        if self._chunked and data:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        if self._text:
            data = self._text + data
        if data:
            self._send(data)
            self._wire.wait_for_room()

    def _send(self, data: bytes) -> None:
        self._text = b""
        self.started = True
        self._wire.send(data)

    def _record(self, log: IAccessLog) -> None:
        request = self.request
        duration = monotonic() - self._began
        log.record(
            AccessEntry(
                at=time() - duration,
                peer=self._wire.peer[0],
                request_line=f"{request.method} {request.target} {request.protocol}",
                method=request.method,
                target=request.target,
                protocol=request.protocol,
                code=self._code if self.started else 499,
                sent=self._sent,
                duration=duration,
                queued=self._queued,
                fields=request.fields,
                reply=self._head.fields if self._head else [],
                request_id=self.request_id,
            )
        )


def _octets(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise ApplicationError(f"content must be bytes, not {type(data).__name__} (PEP 3333)")
