"""What each reader makes of octets, in one form that can be compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import h11
import httptools
from attrs import evolve, field, frozen

from tests.unit.http.conftest import PLAIN, House
from wsgicontainer.http.headers import DROPPED
from wsgicontainer.interfaces import IExchange

_GONE = DROPPED | {"HTTP_CONNECTION", "HTTP_EXPECT", "HTTP_TRANSFER_ENCODING", "CONTENT_LENGTH"}


@frozen
class Read:
    """One whole request."""

    method: str
    target: str
    version: str
    fields: dict[str, str]
    """As an application would see them; framing is left to `content` to show."""
    content: bytes


@frozen
class Reading:
    """All that a reader made of octets."""

    requests: list[Read] = field(factory=list)
    refused: str = ""
    """Why the rest was refused; empty if it was not."""


Reader = Callable[[bytes], Reading]


def ours(octets: bytes) -> Reading:
    """Read as our connection does, over a wire in memory.

    A refused HEAD has no content that says why; so ours reads Head, which is a method like any other to it.
    """
    house = House()
    house.site.limits = evolve(house.site.limits, most=0, in_memory=1 << 20, head=65536)
    read: list[Read] = []

    def answer(exchange: IExchange) -> None:
        request, content = exchange.request, exchange.content.read().replace(b"Head ", b"HEAD ")
        method = request.method.replace("Head", "HEAD")
        pairs = [(key, value) for key, value in request.fields.items() if key not in _GONE]
        read.append(Read(method, request.target, request.protocol[-3:], dict(pairs), content))
        exchange.reply(exchange.prepare("200 OK", PLAIN), b"")

    house.responder.answer = answer
    house.receive(octets.replace(b"HEAD ", b"Head "))
    last = house.log.entries[-1] if house.log.entries else None
    refused = last is not None and last.code != 200
    return Reading(read, house.wire.out.rpartition(b"\r\n\r\n")[2].decode().strip() if refused else "")


def of_h11(octets: bytes) -> Reading:
    """Read as h11 does in the server's role."""
    connection, read = h11.Connection(h11.SERVER, max_incomplete_event_size=65536), []
    request, content = None, b""
    try:
        if octets:  # none at all would be the end of the connection
            connection.receive_data(octets)
        while (event := connection.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
            if isinstance(event, h11.Request):
                request, content = event, b""
            elif isinstance(event, h11.Data):
                content += event.data
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                read.append(_of_pairs(request.method, request.target, request.http_version, request.headers, content))
                connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
                connection.send(h11.EndOfMessage())
                if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                    break
                connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        return Reading(read, str(error))
    return Reading(read)


class _Collected:
    """What llhttp calls back."""

    def __init__(self) -> None:
        self.parser = httptools.HttpRequestParser(self)
        self.read: list[Read] = []
        self.stays = True

    def on_message_begin(self) -> None:
        self.target, self.content, self.pairs = b"", b"", []
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.in_head:
            self.pairs.append((name, value))

    def on_headers_complete(self) -> None:
        self.in_head = False

    def on_body(self, content: bytes) -> None:
        self.content += content

    def on_message_complete(self) -> None:
        if self.stays:
            version = self.parser.get_http_version().encode()
            self.read.append(_of_pairs(self.parser.get_method(), self.target, version, self.pairs, self.content))
            self.stays = self.parser.should_keep_alive()


def of_llhttp(octets: bytes) -> Reading:
    """Read as llhttp does, strictly, as `httptools` binds it; what follows a last request counts for nothing."""
    collected = _Collected()
    try:
        collected.parser.feed_data(octets)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        return Reading(collected.read, f"{type(error).__name__}: {error}" if collected.stays else "")
    return Reading(collected.read)


def _of_pairs(
    method: bytes, target: bytes, version: bytes, pairs: Iterable[tuple[bytes, bytes]], content: bytes
) -> Read:
    fields: dict[str, str] = {}
    for name, value in pairs:
        key = name.decode("latin-1").upper().replace("-", "_")
        key = key if key == "CONTENT_TYPE" else "HTTP_" + key
        if b"_" in name or key in _GONE or key == "HTTP_CONTENT_LENGTH" or key.startswith("HTTP_X_FORWARDED_"):
            continue
        text = value.strip(b" \t").decode("latin-1")
        fields[key] = fields[key] + ("; " if key == "HTTP_COOKIE" else ", ") + text if key in fields else text
    return Read(method.decode("latin-1"), target.decode("latin-1"), version.decode(), fields, content)


READERS: dict[str, Reader] = {"h11": of_h11, "llhttp": of_llhttp}
