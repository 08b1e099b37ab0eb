"""Makes exchanges of what comes on streams: heads, content, their ends; and refuses what may not become one.

What is wrong with a request is told with a status, as in HTTP/1.1, if it could be read; what is malformed resets its
stream. Either way the other streams go on. Runs in: the connection's owner.
"""

from __future__ import annotations

from collections import Counter
from time import monotonic
from typing import Any

from attrs import Factory, define
from twisted.logger import Logger

from wsgicontainer.connections.overflow import Room
from wsgicontainer.errors import PeerError
from wsgicontainer.http.arrival import Arrival
from wsgicontainer.http.exchange import Exchange
from wsgicontainer.http.head import FieldBlock
from wsgicontainer.http.health import Probe
from wsgicontainer.http.refusal import record
from wsgicontainer.http2.frames import ENHANCE_YOUR_CALM, PROTOCOL_ERROR, REFUSED_STREAM, Fault
from wsgicontainer.http2.head import Field, Head, Heads, Malformed, request_line
from wsgicontainer.http2.manners import PROVOKED, REFUSED
from wsgicontainer.http2.packing import CONTINUE, Framed
from wsgicontainer.http2.stream import Stream, Unframed
from wsgicontainer.messages import Request
from wsgicontainer.telemetry.sparing import Sparing

_log = Logger()
_LONGEST = 8190
"""Octets that the log keeps of a target that was refused."""


@define(eq=False)
class Shared:
    """What all HTTP/2 connections share. Runs in: any."""

    streams: int
    """How many of one connection may be worked for at once."""
    room: Room
    most: int
    """How many streams of all connections may be open beside the first of each: each may hold a file."""
    open: dict[Stream, None] = Factory(dict)
    """Those that are; a dict, because its operations are atomic."""
    heads: Heads = Factory(Heads)
    framed: Framed = Factory(Framed)
    ended: Counter[int] = Factory(Counter)
    """Connections that were ended by us, by error code."""
    sparing: Sparing = Factory(Sparing)
    """Bounds what is said of them."""

    def has_room(self, own: int) -> bool:
        """Tell whether a connection that has `own` streams may have another.

        As many as there is room left for: so a few busy connections may have all they want, many share what there is,
        and newcomers find some ("Dynamic Queue Length Thresholds", Choudhury, Hahne, 1998). One stream always may be.
        """
        return not own or own < self.most - len(self.open)

    def tell(self, fault: Fault, client: str, streams: int) -> None:
        """Count the end of a connection, and say it in one line: one a minute for each code."""
        self.ended[fault.code] += 1
        write = _log.warn if fault.code == ENHANCE_YOUR_CALM else _log.info

        def say(others: int) -> None:
            write(
                "HTTP/2 connection of {client} ended with error {code}: {reason} ({streams} streams){others}",
                client=client or "a unix socket",
                code=fault.code,
                reason=fault.reason,
                streams=streams,
                others=f"; so did {others} more that were not told" if others else "",
            )

        self.sparing.tell(fault.code, say)


class Requests:
    """The requests of one connection."""

    def __init__(self, home: Any) -> None:
        """`home` is the connection."""
        self._home = home
        self._template: dict[str, object] = {}
        self._parser: Any = None
        self._fields: list[Field] = []
        """The last request's, and what was made of them: clients repeat themselves."""
        self._head: Head | None = None
        self._request: Request | None = None
        self._block: FieldBlock | None = None

    # Events

    def received(self, event: Any) -> None:
        """Take a request's head. Raises Fault."""
        home, number = self._home, event.stream_id
        if not self._template:
            self._parser, self._template = home.site.parser_for(home.wire), home.site.template_for(home.wire)
        if number > home.last or self._full():
            self._turn_away(number, REFUSED)
            return
        if not home.shared.has_room(len(home.streams)):
            self._turn_away(number, 1)
            return
        stream = Stream(home, number, (3, True), self._template)
        stream.whole = event.stream_ended is not None
        try:
            self._read(stream, home.machine.fields)
            self._begin(stream)
        except Malformed as error:
            self._reset(stream, error)
        except PeerError as error:
            self.refuse(stream, error.status)

    def _full(self) -> bool:
        """Tell whether there are too many streams.

        Those that are open count, as the client counts them; and all that somebody still works for, ended or reset, up
        to twice as many: a reply's end reaches a quick client before its thread is done with it.
        """
        streams: dict[int, Stream] = self._home.streams
        most: int = self._home.shared.streams
        if len(streams) < most:
            return False
        open_ = sum(not (stream.closed or stream.dead) for stream in list(streams.values()))
        return open_ >= most or len(streams) >= 2 * most

    def content(self, event: Any) -> None:
        """Take content."""
        home = self._home
        stream = home.streams.get(event.stream_id)
        if stream is not None and stream.arrival is not None:
            self._feed(stream, event.data, event.stream_ended is not None)
        home.machine.received(event.stream_id, event.stream_ended is None and event.stream_id in home.streams)

    def trailers(self, event: Any) -> None:
        """Look at a trailer section, and drop it (RFC 9110 section 6.5.1)."""
        stream = self._home.streams.get(event.stream_id)
        try:
            self._home.shared.heads.check_trailers(self._home.machine.fields)
        except Malformed as error:
            if stream is not None and stream.arrival is not None:  # one that was refused is over
                self._reset(stream, error)

    def ended(self, event: Any) -> None:
        """Take the end of a request, unless it came with its last content."""
        stream = self._home.streams.get(event.stream_id)
        if stream is not None:
            stream.whole = True
            if stream.arrival is not None:
                self._feed(stream, b"", True)

    def lost(self, stream: Stream) -> None:
        """Tell the log of a request whose content will never be whole."""
        exchange = stream.exchange
        assert exchange is not None and stream.arrival is not None
        record(self._home.site, exchange.client, 499, exchange.request, b"")
        stream.arrival.drop()
        stream.arrival = stream.exchange = None
        stream.done = True

    def time_out(self, stream: Stream) -> None:
        """Refuse a request whose content takes too long."""
        self.refuse(stream, "408 Request Timeout")

    # Heads

    def _read(self, stream: Stream, fields: list[Field]) -> None:
        """Make an exchange of a field section. Raises PeerError."""
        home = self._home
        if self._request is None or fields != self._fields:
            self._request = None
            try:
                self._fields, self._head = fields, home.shared.heads.read(fields)
                if len(self._head.octets) > home.site.limits.head:
                    raise PeerError("431 Request Header Fields Too Large", "the head is too long")
                self._request, self._block = self._parser.parse(self._head.octets, self._block)
            finally:
                if self._request is None:
                    self._exchange(stream, _unreadable(fields))
        assert self._request is not None and self._head is not None and self._block is not None
        read = self._request
        stream.priority = self._head.priority
        if self._block.origin is not None:  # a proxy's connection carries the requests of many clients
            stream.of_proxy(home.site.template_for(home.wire, self._block.origin))
        # A new one: what is kept of a request for its environ belongs to one stream.
        request = Request(read.method, read.target, read.path, read.query, "HTTP/2", read.fields)
        self._exchange(stream, request)

    def _exchange(self, stream: Stream, request: Request) -> None:
        site = self._home.site
        exchange: Exchange = site.new_exchange()
        exchange.delivery, exchange.connection = self._home.shared.framed, stream
        exchange.request, exchange.request_id, exchange.began = request, next(site.names), site.moment.now
        stream.exchange, stream.route = exchange, site.routes.find(request.path)

    def _begin(self, stream: Stream) -> None:
        """Submit an exchange, or wait for its content. Raises PeerError."""
        home, exchange = self._home, stream.exchange
        assert exchange is not None
        said = exchange.request.fields.get("CONTENT_LENGTH")
        length = None if said is None else int(said)
        if stream.whole:
            if length:
                raise Malformed("content was announced, and none came (RFC 9113 section 8.1.1)")
            home.keep(stream)
            self._submit(stream)
            return
        limits = home.site.limits
        if limits.most and length is not None and length > limits.most:
            raise PeerError("413 Content Too Large", f"content exceeds {limits.most} octets")
        home.keep(stream)
        stream.reader = Unframed(length, limits.most)
        stream.arrival = Arrival(exchange, 0, limits, stream.reader)
        stream.until = monotonic() + home.site.clocks.body
        if self._block is not None and self._block.awaits:
            home.machine.send_head(stream.number, CONTINUE, False)

    def _submit(self, stream: Stream) -> None:
        # The stream lets go of it: each would hold the other until the collector comes.
        exchange, stream.exchange = stream.exchange, None
        assert exchange is not None
        if isinstance(stream.route[1], Probe):
            exchange.answer_here()
            stream.done = True
        elif not self._home.site.threads.submit(exchange):
            exchange.refuse()
            stream.done = True

    # Content

    def _feed(self, stream: Stream, data: bytes, last: bool) -> None:
        arrival, now = stream.arrival, monotonic()
        assert arrival is not None and stream.reader is not None
        stream.whole = stream.reader.ended = last
        try:
            rest = arrival.feed(data)
        except Malformed as error:
            self._reset(stream, error)
            return
        except PeerError as error:
            self.refuse(stream, error.status)
            return
        stream.until = arrival.deadline(now, self._home.site.clocks)
        if rest is not None:
            stream.arrival = None
            arrival.exchange.received = now
            self._submit(stream)

    # Refusals

    def refuse(self, stream: Stream, status: str) -> None:
        """Answer a request that never reaches a responder; the rest of it is not waited for."""
        exchange, stream.exchange = stream.exchange, None
        assert exchange is not None
        self._home.keep(stream)
        if stream.arrival is not None:
            stream.arrival.drop()
            stream.arrival = None
        exchange.refuse(status, [])
        stream.done = True

    def _reset(self, stream: Stream, error: PeerError) -> None:
        """End a malformed request (RFC 9113 section 8.1.1). Raises Fault."""
        home, exchange = self._home, stream.exchange
        stream.exchange = None
        assert exchange is not None
        client = str(self._template["REMOTE_ADDR"])
        record(home.site, client, int(error.status[:3]), exchange.request, b"")
        if stream.arrival is not None:
            stream.arrival.drop()
            stream.arrival = None
        stream.done = True
        home.keep(stream)
        home.drop(stream)
        home.machine.reset(stream.number, PROTOCOL_ERROR)
        home.manners.take(PROVOKED, home.site.moment.now, "malformed requests")

    def _turn_away(self, number: int, price: int) -> None:
        """Refuse a stream that is one too many: the client may send it again (RFC 9113 section 8.7). Raises Fault."""
        home = self._home
        record(home.site, str(self._template["REMOTE_ADDR"]), 503, _unreadable(home.machine.fields), b"")
        home.machine.reset(number, REFUSED_STREAM)
        if number <= home.last:
            home.manners.take(price, home.site.moment.now, "more streams than were agreed")


def _unreadable(fields: list[Field]) -> Request:
    """Return what a field section has asked for, for the log and for the way of the answer."""
    method, target = (each[:_LONGEST].decode("latin-1") for each in request_line(fields))
    return Request(method, target, target, "", "HTTP/2", {})
