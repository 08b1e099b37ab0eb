"""One HTTP/1.1 connection (RFC 9112) on any wire.

Strategy: whoever owns the connection takes the step of its state, again and again, until nothing can be done before the
next event (then it lets go, and looks anew if word was left meanwhile) or until somebody else has the connection.
Runs in: the holder of the lead, the reactor thread or an application thread, but never in two at once.

    _hear ──▶ _read_head ──▶ (an application thread) ──▶ _flush ──▶ _hear
                │  └──▶ _read_content ───▲               │ └────▶ _discard ──▶ closed
                └── refused: 4xx ────────────────────────┘

The usual way has short cuts, each marked: a head that comes again is known by one comparison (`_hear`), and a reply
that the kernel took at once needs no `_flush` (`completed`). While a request runs nothing here changes: the step stays
`_hear`, and the ownership says that it is not idle.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from math import inf
from time import monotonic

from attrs import evolve
from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import PeerError, PeerGone
from wsgicontainer.http.content import Spool
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.framing import Chunked, Sized
from wsgicontainer.http.head import CHUNKED, KEPT, FieldBlock
from wsgicontainer.http.refusal import record, refusal
from wsgicontainer.http.site import Site
from wsgicontainer.interfaces import IOpenConnection, IWire
from wsgicontainer.messages import Request

_log = Logger()
AGAIN, WAIT, GIVEN = range(3)
"""What a step leaves: take the next one; nothing before the next event; somebody else has the connection."""

_NEVER = b"\0"
"""No head. A peer may send this octet all the same: `_alone` says whether there is one."""
_NO_REQUEST = Request("", "", "", "", "", {})
_SOON = 0.0
"""The deadline of a connection that idles since the last sweep: the next one begins its keep-alive clock.

So the clock is looked at once a sweep and not once a request."""
_BARE_END = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_TURN = 16
"""Receives in one turn, so that one fast sender lets the others have theirs: 1 MiB."""
_TURN_SECONDS = 0.002
"""The same in seconds: content in tiny chunks costs more than its octets."""
_DISCARD_SECONDS = 2.0
"""How long a refused peer may go on sending, so that it reads the refusal and no reset (RFC 9112 section 9.6)."""
_PARTING_SECONDS = 0.5
"""The same on the server's way out."""


@implementer(IOpenConnection)
class Connection:
    """One connection and where it stands."""

    __slots__ = (
        "wire",
        "template",
        "deadline",
        "site",
        "_own",
        "_buffer",
        "route",
        "_head",
        "_request",
        "_block",
        "_parser",
        "_step",
        "_keep",
        "_peer_closes",
        "_exchange",
        "_reader",
        "_spool",
        "_mark",
        "_forgiven",
        "_alone",
        "_unseen",
    )

    def __init__(self, site: Site, wire: IWire) -> None:
        """Start waiting for a head. Runs in: whoever accepts it."""
        self.wire, self.site = wire, site
        self.template: dict[str, object] = {}
        self.deadline = monotonic() + site.clocks.header
        self._own = site.new_ownership()
        self._buffer = b""
        self._step: Callable[[Connection], int] = Connection._hear
        self._keep, self._peer_closes, self._forgiven = True, False, False
        self._unseen = False  # whether the buffer is what followed a request, and nobody has looked at it
        self._mark: int | None = None
        self._head, self._alone = _NEVER, False
        self._request = _NO_REQUEST
        self._block: FieldBlock | None = None
        self._parser = site.parser
        self.route = site.routes.find("")
        self._exchange: Exchange | None = None
        self._reader: Sized | Chunked | None = None
        self._spool: Spool | None = None
        site.roll.enter(self)

    # What others tell it

    def noticed(self, event: int) -> None:
        """Take an event of the set. Runs in: the holder of the lead."""
        wire = self.wire
        if (event == wire.usual or wire.noticed(event)) and self._own.claim():
            wire.drained = False
            self._go_on()

    def ready(self) -> None:
        """Look at a transport that has received, sent or ended. Runs in: reactor thread."""
        self.site.moment.now = monotonic()
        if self._own.claim():
            self.wire.drained = False
            self._go_on()

    def completed(self, exchange: Exchange) -> None:
        """Take the connection back after a reply. Runs in: the application thread, as owner."""
        if exchange.settled and self.wire.drained and not self._buffer:
            # Without the steps that would find the same: 0.5 µs of every request.
            self.deadline = _SOON
            if not self._own.release():
                return
            self.wire.drained = False
        elif exchange.broken:
            self._close(reset=exchange.reset)
            return
        else:
            self._keep, self._mark, self._step = exchange.keep, None, Connection._flush
        self.site.moment.now = monotonic()
        self._go_on()

    def expire(self, now: float) -> None:
        """End a wait that took too long, unless somebody has the connection. Runs in: reactor thread."""
        if not self._own.seize():
            return
        if self.deadline == _SOON:
            self.deadline = now + self.site.clocks.keep_alive
            self._let_go()
        elif self.deadline >= now:
            self._let_go()
        elif self._step in (Connection._flush, Connection._await_end) and self.wire.progress != self._mark:
            self._mark = self.wire.progress
            self.deadline = now + self.site.clocks.send
            self._let_go()
        elif self._step is Connection._await_end:
            self.wire.cut()
            self._let_go()
        elif self._spool is not None or (self._buffer and self._step is Connection._read_head):
            self._step = Connection._time_out
            self._go_on()
        else:
            self._close(reset=self._step is Connection._flush)

    def leave(self) -> None:
        """Close if idle, after a last look: the server is on its way out. Runs in: reactor thread."""
        if self._idles() and self._own.seize():
            self.site.moment.now = monotonic()
            if self._idles():
                self._step = Connection._last_look
            self._go_on()

    def make_room(self) -> bool:
        """Close after a last look if no request has come whole: newcomers need the place. Runs in: reactor thread."""
        if not self._awaits_request() or not self._own.seize():
            return False
        self.site.moment.now = monotonic()
        if self._awaits_request():
            self._keep, self._step = True, Connection._last_look
        self._go_on()
        return not self._keep

    def _idles(self) -> bool:
        return not self._buffer and self._awaits_request()

    def _awaits_request(self) -> bool:
        return self._step in (Connection._hear, Connection._read_head)

    def cut(self) -> None:
        """End at once, whatever is running. Runs in: any."""
        self.wire.cut()

    def _go_on(self) -> None:
        """Take steps until there is nothing to do. Runs in: the owner, who is none when this returns."""
        while True:
            try:
                while (outcome := self._step(self)) == AGAIN:
                    pass
            except PeerGone:
                outcome = self._close()
            except Exception:  # noqa: BLE001 (a mistake of ours costs this connection, not the thread that reads for all)
                _log.failure("A connection failed")
                outcome = self._close(reset=True)
            if outcome == GIVEN or not self._own.release():
                return
            self.wire.drained = False

    def _let_go(self) -> None:
        if self._own.release():
            self.site.moment.now = monotonic()
            self.wire.drained = False
            self._go_on()

    # The steps

    def _hear(self) -> int:
        """Take the first octets of a head, or all of one that comes again: known by one comparison, nothing parsed."""
        wire = self.wire
        data = None if wire.drained else wire.receive()
        if data != self._head or not self._alone:
            return self._read_on(data) if data else WAIT if data is None else self._close()
        site = self.site
        exchange = site.new_exchange()
        exchange.connection, exchange.request, exchange.request_id = self, self._request, next(site.names)
        exchange.began = site.moment.now
        return GIVEN if site.threads.submit(exchange) else self._too_many(exchange)

    def _read_head(self) -> int:
        return self._read_on(self._buffer)

    def _read_on(self, buffer: bytes) -> int:
        """Go on with a head of which `buffer` has come."""
        while True:
            if buffer:
                if not self._forgiven and buffer.startswith(b"\r\n"):
                    # One empty line before a request is forgiven (RFC 9112 section 2.2), no more: they renew clocks.
                    buffer, self._forgiven = buffer[2:], True
                end = buffer.find(b"\r\n\r\n")
                if 0 <= end <= self.site.limits.head:
                    return self._head_received(buffer, end)
                if len(buffer) > self.site.limits.head:
                    return self._head_awaited(buffer)
            data = None if self.wire.drained else self.wire.receive()
            if data is None:
                return self._head_awaited(buffer)
            if not data:
                return self._close()
            buffer += data

    def _head_awaited(self, buffer: bytes) -> int:
        """Keep what has come of a head, unless it is wrong already."""
        begins = not self._buffer or self._unseen
        if buffer and begins:
            self.deadline = monotonic() + self.site.clocks.header
        # Again: an empty line that was dropped, and a CR whose LF was not there.
        looked_at = 0 if begins else max(0, len(self._buffer) - 3)
        self._buffer, self._unseen, self._step = buffer, False, Connection._read_head
        wrong = self._wrong_already(buffer, looked_at) if buffer else None
        return WAIT if wrong is None else self._refuse(wrong)

    def _wrong_already(self, buffer: bytes, looked_at: int) -> PeerError | None:
        """Tell what is wrong with a head whose end has not come: waiting for it would only hide the answer.

        Looks at what is new only: a head that drips would cost the square of its length (100 s for 64 KiB).
        """
        if buffer == b"\r":  # half of the empty line that is forgiven
            return None
        cut = buffer.find(b"\r\n")
        if cut >= looked_at:
            try:
                self.site.parser.check_request_line(buffer[:cut])
            except PeerError as error:
                return error
        if buffer[0] not in _TOKEN or _BARE_END.search(buffer, looked_at):
            return PeerError("400 Bad Request", "malformed request")
        if len(buffer) <= self.site.limits.head:
            return None
        if b"\r\n" in buffer:
            return PeerError("431 Request Header Fields Too Large", f"the head exceeds {self.site.limits.head} octets")
        return PeerError("414 URI Too Long", "the request line is too long")

    def _head_received(self, buffer: bytes, end: int) -> int:
        head = buffer[: end + 4]
        if head != self._head:
            try:
                self._read(head)
            except PeerError as error:
                self._buffer = buffer
                return self._refuse(error, None if self._request is _NO_REQUEST else self._request)
        request, block = self._request, self._block
        assert block is not None
        self._buffer, self._forgiven = buffer[end + 4 :], False
        self._step = Connection._hear
        exchange = self.site.new_exchange()
        exchange.connection, exchange.request, exchange.request_id = self, request, next(self.site.names)
        exchange.began = self.site.moment.now
        exchange.keep = block.persistent and self.site.clocks.keep_alive > 0
        self._peer_closes = not exchange.keep
        if block.length:
            return self._expect_content(exchange, block.length, block.awaits)
        self._alone = exchange.keep and self._head is not _NEVER
        return self._submit(exchange)

    def _read(self, head: bytes) -> None:
        """Check a head with its empty line, limits and all, and find who answers. Raises PeerError."""
        self._head, self._alone, self._request = _NEVER, False, _NO_REQUEST
        if not self.template:
            self._parser, self.template = self.site.parser_for(self.wire), self.site.template_for(self.wire)
        request, block = self._parser.parse(head[:-4], self._block)
        if block.origin is not None:  # a proxy's connection carries the requests of many clients
            self.template = self.site.template_for(self.wire, block.origin)
        self._request = request
        most = self.site.limits.most
        if most and block.length > most:
            raise PeerError("413 Content Too Large", f"content exceeds {most} octets")
        self._block, self.route = block, self.site.routes.find(request.path)
        if len(head) <= KEPT:
            self._head = head

    def _expect_content(self, exchange: Exchange, length: int, awaits: bool) -> int:
        if 0 < length <= len(self._buffer):
            exchange.content = BytesIO(self._buffer[:length])
            self._buffer = self._buffer[length:]
            return self._submit(exchange)
        self._reader = Chunked(self.site.limits.most) if length == CHUNKED else Sized(length)
        self._spool, self._exchange = Spool(self.site.limits.in_memory), exchange
        self._step = Connection._read_content
        self.deadline = monotonic() + self.site.clocks.body
        if awaits and not self._buffer:
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return AGAIN

    def _read_content(self) -> int:
        exchange = self._exchange
        assert exchange is not None
        began = monotonic()
        try:
            for _ in range(_TURN):
                data: bytes | None = self._buffer
                self._buffer = b""
                if not data:
                    data = None if self.wire.drained else self.wire.receive()
                    if data is None:
                        self.wire.flush()  # a 100 Continue may still wait for room
                        return WAIT
                    if not data:
                        record(self.site, self._client(), 499, exchange.request, b"")
                        return self._close()
                if self._content_received(data):
                    self._exchange = None
                    return self._submit(exchange)
                if monotonic() - began > _TURN_SECONDS:
                    break
        except PeerError as error:
            return self._refuse(error, exchange.request)
        self.wire.look_again()
        return WAIT

    def _content_received(self, data: bytes) -> bool:
        """Feed and spool what came; True when the content is whole. Raises PeerError."""
        assert self._reader is not None and self._spool is not None and self._exchange is not None
        content, rest = self._reader.feed(data)
        try:
            self._spool.write(content)
            whole = None if rest is None else self._spool.rewound()
        except OSError as error:
            raise PeerError("507 Insufficient Storage", f"the content can't be kept: {error.strerror}") from None
        now = monotonic()
        self.deadline = now + self.site.clocks.body
        if rest is None or whole is None:
            return False
        self._buffer = rest
        request = self._exchange.request
        if "CONTENT_LENGTH" not in request.fields:
            fields = {**request.fields, "CONTENT_LENGTH": str(self._spool.size)}
            # A new one: the next head may share the one it came from.
            self._exchange.request = evolve(request, fields=fields, environ=None)
        self._exchange.content, self._exchange.received = whole, now
        self._reader = self._spool = None
        self._step = Connection._hear
        return True

    def _submit(self, exchange: Exchange) -> int:
        self.deadline = inf
        return GIVEN if self.site.threads.submit(exchange) else self._too_many(exchange)

    def _too_many(self, exchange: Exchange) -> int:
        exchange.refuse()
        self._keep, self._mark, self._step = exchange.keep, None, Connection._flush
        return AGAIN

    def _flush(self) -> int:
        wire = self.wire
        if not wire.flush():
            if wire.progress != self._mark:
                self._mark = wire.progress
                self.deadline = monotonic() + self.site.clocks.send
            return WAIT
        if self._keep:
            self.deadline = monotonic() + self.site.clocks.keep_alive
            self._step = Connection._read_head if self._buffer else Connection._hear
            self._unseen = True
            return AGAIN
        if (self._peer_closes and not self._buffer) or not wire.end_output():
            return self._close()
        self._buffer = b""
        self.deadline = monotonic() + (_PARTING_SECONDS if self.site.draining else _DISCARD_SECONDS)
        self._step = Connection._discard
        return AGAIN

    def _discard(self) -> int:
        for _ in range(_TURN):
            data = self.wire.receive()
            if data is None:
                return WAIT
            if not data:
                return self._close()
        self.wire.look_again()
        return WAIT

    def _last_look(self) -> int:
        self._step = Connection._read_head
        data = self.wire.receive()
        if not data:
            self._keep = False
            return self._close()
        self._buffer, self._unseen = self._buffer + data, True
        return AGAIN

    def _await_end(self) -> int:
        if not self.wire.close():
            return WAIT
        self.site.roll.strike(self)
        return GIVEN

    # The ends

    def _time_out(self) -> int:
        request = self._exchange.request if self._exchange is not None else None
        return self._refuse(PeerError("408 Request Timeout", "the request took too long"), request)

    def _refuse(self, error: PeerError, request: Request | None = None) -> int:
        """Answer a request that never becomes one, and close after that."""
        reply, sent = refusal(self.site, error, self._buffer)
        client = self.wire.peer[0] if request is None else self._client()
        record(self.site, client, int(error.status[:3]), request, self._buffer, sent)
        self._drop_content()
        self._keep, self._peer_closes, self._mark, self._step = False, False, None, Connection._flush
        self.wire.send(reply)
        return AGAIN

    def _client(self) -> str:
        """Return the address of whom the present request comes from."""
        return str(self.template["REMOTE_ADDR"])

    def _close(self, reset: bool = False) -> int:
        """Close; the ownership is never let go again, so that nobody touches what is closed."""
        self._drop_content()
        if self.wire.close(reset):
            self.site.roll.strike(self)
            return GIVEN
        self.deadline = monotonic() + self.site.clocks.send
        self._mark = self.wire.progress
        self._step = Connection._await_end
        self._let_go()
        return GIVEN

    def _drop_content(self) -> None:
        if self._spool is not None:
            self._spool.close()
        self._spool = self._reader = self._exchange = None
