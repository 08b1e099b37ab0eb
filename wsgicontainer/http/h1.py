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

from collections.abc import Callable
from io import BytesIO
from math import inf
from time import monotonic

from twisted.logger import Logger
from zope.interface import implementer

from wsgicontainer.errors import PeerError, PeerGone
from wsgicontainer.http.arrival import Arrival
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.head import KEPT, FieldBlock
from wsgicontainer.http.health import Probe
from wsgicontainer.http.parting import discard, patience
from wsgicontainer.http.refusal import record, refusal
from wsgicontainer.http.site import Site
from wsgicontainer.http.unfinished import fault
from wsgicontainer.interfaces import IOpenConnection, ISuccessor, IWire
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
_TURN = 8
"""Receives in one turn, so that one fast sender lets the others have theirs: 1 MiB."""
_TURN_SECONDS = 0.002
"""The same in seconds: content in tiny chunks costs more than its octets."""


@implementer(IOpenConnection)
class Connection:
    """One connection and where it stands."""

    __slots__ = (
        "wire", "site", "template", "route", "deadline",  # what others read
        "_own", "_step", "_keep", "_peer_closes", "_mark",  # where it stands
        "_buffer", "_unseen", "_forgiven",  # what has come
        "_parser", "_head", "_alone", "_request", "_block", "_arrival",  # the last head, and content on its way
        "_successor",  # who has the connection after this one, if it speaks another protocol
    )  # fmt: skip

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
        self._arrival: Arrival | None = None
        self._successor: ISuccessor | None = None
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
        if self.deadline >= now:
            self._let_go()
        elif self._step in (Connection._flush, Connection._await_end) and self.wire.progress != self._mark:
            self._mark = self.wire.progress
            self.deadline = now + self.site.clocks.send
            self._let_go()
        elif self._step is Connection._await_end:
            self.wire.cut()
            self._let_go()
        elif self._arrival is not None or (self._buffer and self._step is Connection._read_head):
            self._step = Connection._time_out
            self._go_on()
        else:
            self._close(reset=self._step is Connection._flush)

    def leave(self, over: bool) -> None:
        """Close if idle, after a last look, once the farewell is over. Runs in: reactor thread."""
        if over and self._idles() and self._own.seize():
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
        wrong = fault(buffer, looked_at, self.site.limits.head, self.site.parser) if buffer else None
        return WAIT if wrong is None else self._pass_on(buffer) or self._refuse(wrong)

    def _head_received(self, buffer: bytes, end: int) -> int:
        head = buffer[: end + 4]
        if head != self._head:
            try:
                self._read(head)
            except PeerError as error:
                self._buffer = buffer
                return self._pass_on(buffer) or self._refuse(
                    error, None if self._request is _NO_REQUEST else self._request
                )
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

    def _pass_on(self, buffer: bytes) -> int:
        """Leave a connection that does not begin with HTTP/1.1 to who speaks its protocol; AGAIN, which is 0: nobody.

        A late event may still come here: it is passed on too.
        """
        if self._block is None and self._successor is None:
            self._successor = self.site.successor(self.site, self.wire, self._own, buffer)
        if self._successor is None:
            return AGAIN
        self._buffer, self._step, self.deadline = b"", Connection._go_on_elsewhere, inf
        self.site.roll.replace(self, self._successor)
        self.wire.hand_over(self._successor.noticed, self._successor.ready)
        return self._go_on_elsewhere()

    def _go_on_elsewhere(self) -> int:
        assert self._successor is not None
        self._successor.go_on()
        return GIVEN

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
        self._arrival, self._step = Arrival(exchange, length, self.site.limits), Connection._read_content
        self.deadline = monotonic() + self.site.clocks.body
        if awaits and not self._buffer:
            self.wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return AGAIN

    def _read_content(self) -> int:
        arrival = self._arrival
        assert arrival is not None
        until = monotonic() + _TURN_SECONDS
        for _ in range(_TURN):
            data = self._buffer or (None if self.wire.drained else self.wire.receive())
            self._buffer = b""
            if data is None:
                self.wire.flush()  # a 100 Continue may still wait for room
                return WAIT
            if not data:
                record(self.site, arrival.exchange.client, 499, arrival.exchange.request, b"")
                return self._close()
            try:
                rest = arrival.feed(data)
            except PeerError as error:
                return self._refuse(error, arrival.exchange.request)
            now = monotonic()
            self.deadline = arrival.deadline(now, self.site.clocks)
            if rest is not None:
                return self._content_received(arrival.exchange, rest, now)
            if now > until:
                break
        self.wire.look_again()
        return WAIT

    def _content_received(self, exchange: Exchange, rest: bytes, now: float) -> int:
        self._arrival, self._buffer, self._step = None, rest, Connection._hear
        exchange.received = now
        return self._submit(exchange)

    def _submit(self, exchange: Exchange) -> int:
        if isinstance(self.route[1], Probe):
            return self._answer_here(exchange)
        self.deadline = inf
        return GIVEN if self.site.threads.submit(exchange) else self._too_many(exchange)

    def _answer_here(self, exchange: Exchange) -> int:
        """Answer at once; one that pipelines must not keep its reader busy, so nothing more is read from it."""
        self._alone, exchange.keep = False, exchange.keep and not self._buffer
        exchange.answer_here()
        self._keep, self._mark, self._step = exchange.keep, None, Connection._flush
        return AGAIN

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
        self.deadline = monotonic() + patience(self.site.draining)
        self._step = Connection._discard
        return AGAIN

    def _discard(self) -> int:
        return self._close() if discard(self.wire, _TURN) else WAIT

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
        request = self._arrival.exchange.request if self._arrival is not None else None
        return self._refuse(PeerError("408 Request Timeout", "the request took too long"), request)

    def _refuse(self, error: PeerError, request: Request | None = None) -> int:
        """Answer a request that never becomes one, and close after that."""
        reply, sent = refusal(self.site, error, self._buffer)
        client = self.wire.peer[0] if request is None else str(self.template["REMOTE_ADDR"])
        record(self.site, client, int(error.status[:3]), request, self._buffer, sent)
        self._drop_content()
        self._keep, self._peer_closes, self._mark, self._step = False, False, None, Connection._flush
        self.wire.send(reply)
        return AGAIN

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
        if self._arrival is not None:
            self._arrival.drop()
            self._arrival = None
