"""One request and its reply, whatever the HTTP version: all that applications, static mounts and the others know.

Holds the rules of a response that no application may break: what its head may say, how long its content is, that it is
either whole or visibly broken (RFC 9110 sections 6.4 and 8.6, RFC 9112 section 6). It runs in the one application
thread that has it; that thread owns the connection meanwhile.
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Any

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import ApplicationError, PeerGone
from wsgicontainer.http.content import NOTHING
from wsgicontainer.http.delivery import TEXT, Delivery
from wsgicontainer.http.responses import WITHOUT_CONTENT
from wsgicontainer.interfaces import IAccessEntry, IExchange, IJob
from wsgicontainer.messages import Fields, Request, ResponseHead

_log = Logger()
_LARGE = 16384
"""Octets of content from which on a copy costs more than the system call that avoids it."""
_SMALL = 2048
"""Octets of content with which no reply reaches the least --output-buffer: nothing to wait for."""
_RETRY: Fields = [("Retry-After", "1")]


@implementer(IExchange, IJob, IAccessEntry)
class Exchange:
    """A request on its way to a reply. Runs in: application thread.

    Its connection makes it and sets what has no value here; class attributes are what nearly every exchange leaves as
    it is. Without `__init__` that costs 1,200 instructions of 2,600.
    """

    connection: Any
    """What it came on: anything with `site`, `wire`, `template`, `route` and `completed(exchange)`."""
    delivery: Delivery = TEXT
    """How the reply goes out: as text, or as frames."""
    request: Request
    request_id: str
    began = 0.0
    """When its head was complete, on the monotonic clock."""
    content = NOTHING
    started = False
    keep = True
    """Whether the connection may serve another request."""
    settled = False
    """Whether the kernel has all of the reply, the connection stays, and nothing else needs a look."""
    broken = False
    """Whether the reply is not whole."""
    reset = False
    """Whether only a reset can show that."""
    received = 0.0
    """When its content was whole, if that came later than the head: the wait in the queue begins then."""
    code = 499
    sent = 0
    duration = queued = 0.0
    unread = ""
    chunked = silent = until_close = False
    """How the content's end is told, as far as the delivery and the request's method say."""
    _finished = _overrun = _late = False
    _head: ResponseHead | None = None
    _opening: Any = b""
    """A head that waits for the first content."""
    _left: int | None = None

    @property
    def template(self) -> dict[str, object]:
        """The connection's part of a WSGI environ: copy, never change."""
        template: dict[str, object] = self.connection.template
        return template

    @property
    def prefix(self) -> str:
        """What routing matched."""
        return str(self.connection.route[0])

    # What the access log shows of it, beside the attributes

    @property
    def client(self) -> str:
        """Whom it came from."""
        return str(self.connection.template["REMOTE_ADDR"])

    @property
    def reply_fields(self) -> Fields:
        """What the application gave."""
        return self._head.fields if self._head else []

    # A job

    def run(self) -> bool | None:
        """Have the responder answer, then give the connection back. Never raises.

        It looks at no clock that nobody reads; when it is too late, a sweep has said so (`overdue`).
        """
        connection = self.connection
        log = connection.site.access_log
        if log is not None and log.timed:
            self.queued = monotonic() - (self.received or self.began)
        try:
            if self._late:
                self.error("503 Service Unavailable", _RETRY)
            else:
                if connection.wire.suspect and connection.wire.vanished():  # before its turn
                    raise PeerGone("left while it waited")
                connection.route[1].respond(self)
            if not self._finished:
                self.fail("nobody answered")
        except PeerGone:
            self._abandon()
        except BaseException:  # noqa: BLE001 (a responder may be anybody's: no request ends the server)
            self._failed()
        if log is not None or self.content is not NOTHING:
            self._end()
        connection.completed(self)
        return None

    def _failed(self) -> None:
        """Tell what the responder raised, and answer all the same."""
        _log.failure(
            "{method} {target} failed [request {id}]",
            method=self.request.method,
            target=self.request.target,
            id=self.request_id,
        )
        self.fail("the responder failed")

    def overdue(self, now: float) -> bool:
        """Tell whether it has waited for a thread longer than it may; if so, `run` only says that. Runs in: any."""
        self._late = now - (self.received or self.began) > self.connection.site.clocks.queue
        return self._late

    def refuse(self, status: str = "503 Service Unavailable", fields: Fields = _RETRY) -> None:
        """Answer without an application thread: the queue is full. Runs in: the connection's owner."""
        self.keep = False  # one refusal for a connection: a client that pipelines must not keep its reader busy
        try:
            self.error(status, fields)
        except PeerGone:
            self._abandon()
        self._end()

    def answer_here(self) -> None:
        """Have the responder answer without an application thread, unseen by the log. Runs in: its owner."""
        try:
            self.connection.route[1].respond(self)
        except PeerGone:
            self._abandon()
        if self.content is not NOTHING:
            self.content.close()

    def _end(self) -> None:
        """Drop the content and tell the access log; whatever goes wrong there, the connection goes on."""
        try:
            if self.content is not NOTHING:
                self.content.close()
            log = self.connection.site.access_log
            if log is not None:
                if self.started and self._head is not None:
                    self.code = self._head.code
                if log.timed:
                    self.duration = monotonic() - self.began
                log.record(self)
        except Exception:  # noqa: BLE001
            _log.failure("A request did not end well [request {id}]", id=self.request_id)

    # The reply

    def prepare(self, status: str, fields: Fields) -> ResponseHead:
        """Check and render a response's head. Raises ApplicationError."""
        site = self.connection.site
        responses = site.responses
        if site.over_tls is not None and self.connection.template["wsgi.url_scheme"] == "https":
            responses = site.over_tls
        head: ResponseHead = responses.render(status, fields)
        return head

    def early_hints(self, fields: Fields) -> None:
        """Send 103 ahead of the response; HTTP/1.0 has no such thing. Raises PeerGone, ApplicationError."""
        if self.started or self._finished:
            raise ApplicationError("early hints after the response has begun")
        self.delivery.hint(self, fields)

    def reply(self, head: ResponseHead, content: bytes) -> None:
        """Send a whole response at once. Raises PeerGone, ApplicationError.

        Most replies are plain: then head and content go out in one piece, without the general way's bookkeeping.
        """
        if type(content) is not bytes:
            content = _octets(content)
        length = len(content)
        connection, request = self.connection, self.request
        if (
            head.whole is not None
            and (head.length is None or head.length == length)
            and request.method != "HEAD"
            and request.protocol == "HTTP/1.1"
            and not self._finished
        ):
            whole = head.whole if head.length is not None else b"%bContent-Length: %d\r\n\r\n" % (head.whole, length)
            if self.keep and not connection.site.draining:
                wire = connection.wire
                self.settled = wire.send_both(whole, content) if length > _LARGE else wire.send(whole + content)
            else:
                self.keep = False
                connection.wire.send(b"%bConnection: close\r\n\r\n%b" % (whole[:-2], content))
            self._head, self.sent, self.started = head, length, True
            if length > _SMALL:
                connection.wire.wait_for_room()
            self._finished = True
            return
        known = head.length
        if known is None and head.code != 304 and (length or self.request.method != "HEAD"):
            known = length
        self._start(head, known)
        if not self.silent and self._left is not None:
            content = self._accounted(content, self._left)
        self._put(b"" if self.silent else content, not self._left)
        self._check_length()
        self._finished = True

    def start(self, head: ResponseHead) -> None:
        """Take the head of a response; it goes out with the first content, or at the end."""
        self._start(head, head.length)

    def _start(self, head: ResponseHead, length: int | None) -> None:
        if self._finished:
            raise ApplicationError("a second response to one request")
        self._head = head
        self.silent = self._without_content(head)
        self._left = None if self.silent else length
        if self.silent and head.code in (204, 205):
            length = 0 if head.code == 205 else None
        self._opening = self.delivery.opening(self, head, length)

    def write(self, data: bytes) -> None:
        """Send content; wait while more than the output budget is unsent. Raises PeerGone, ApplicationError."""
        if type(data) is not bytes:
            data = _octets(data)
        if self._finished:
            raise ApplicationError("write() after the end of the response")
        if not data:
            return
        if self.silent:
            data = b""
        elif self._left is not None:
            data = self._accounted(data, self._left)
        self._put(data)

    def finish(self) -> None:
        """End a response that was started. Raises PeerGone, ApplicationError if its Content-Length is not reached."""
        self._check_length()
        self._send(b"", True)
        self._finished = True

    def _check_length(self) -> None:
        if self._left:
            raise ApplicationError(f"the content ends {self._left} octets before its Content-Length")

    def reply_file(self, head: ResponseHead, descriptor: int, offset: int, count: int) -> None:
        """Send `count` octets of a regular file as the whole content; takes over `descriptor`. Raises PeerGone."""
        self._start(head, count)
        try:
            self._send(b"", not self._left)
            self.connection.wire.wait_for_room()
        except PeerGone:
            self._left = 0
            raise
        finally:
            if not self._left:
                os.close(descriptor)
        if self._left:
            self.sent, self._left = count, 0
            self.connection.wire.send_file(descriptor, offset, count)
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
            self.keep, self.broken, self.reset = False, True, self.until_close
            return
        try:
            self.error("500 Internal Server Error")
        except PeerGone:
            self._abandon()

    def gone(self) -> bool:
        """Tell whether the peer has left."""
        return bool(self.connection.wire.gone())

    def _abandon(self) -> None:
        self.keep, self.broken, self.reset = False, True, self.until_close

    def _without_content(self, head: ResponseHead) -> bool:
        return head.code in WITHOUT_CONTENT or self.request.method == "HEAD"

    def _accounted(self, data: bytes, left: int) -> bytes:
        if len(data) > left and not self._overrun:
            self._overrun = True
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

    def _put(self, data: bytes, last: bool = False) -> None:
        if data or self._opening or last:
            self._send(data, last)
            self.sent += len(data)
            self.connection.wire.wait_for_room()

    def _send(self, data: bytes, last: bool = False) -> None:
        opening, self._opening = self._opening, b""
        self.delivery.send(self, opening, data, last)
        self.started = True


def _octets(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise ApplicationError(f"content must be bytes, not {type(data).__name__} (PEP 3333)")
