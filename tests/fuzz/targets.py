"""What the fuzzer calls with any octets. An exception is a finding; `TARGETS` are also replayed over the corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tests.conformance.differential.classes import class_of
from tests.conformance.differential.differences import differences
from tests.unit.http.conftest import House
from wsgicontainer.errors import PeerError
from wsgicontainer.http.framing import Chunked
from wsgicontainer.http.head import CHUNKED, FieldBlock, HeadLimits, HeadParser
from wsgicontainer.messages import Request

_LIMITS = HeadLimits(request_line=200, fields=20, field_size=100)
_REFUSALS = {"400", "405", "414", "417", "431", "501", "505"}
_CONTROLS = {chr(number) for number in (*range(32), 127)} - {"\t"}
_SHARED = HeadParser(_LIMITS)
"""Its memory fills as the fuzzer runs; it must never show."""


def head(octets: bytes) -> None:
    """Parse a head: a clean request or a refusal, the same from a new parser, a used one, and beside its own block."""
    fresh = _parsed(HeadParser(_LIMITS), octets)
    assert _parsed(_SHARED, octets) == fresh
    if isinstance(fresh, str):
        assert fresh in _REFUSALS
        return
    request, block = fresh
    assert _parsed(_SHARED, octets, block) == fresh
    assert request.path.startswith("/") or request.path == "*"
    assert not _CONTROLS & set(request.method + request.target + "".join(request.fields.values()))
    assert block.length >= CHUNKED
    assert request.protocol == "HTTP/1.0" or "HTTP_HOST" in request.fields
    assert not {"HTTP_TRANSFER_ENCODING", "HTTP_CONNECTION", "HTTP_EXPECT", "HTTP_PROXY", ""} & set(request.fields)


def _parsed(parser: HeadParser, octets: bytes, before: FieldBlock | None = None) -> str | tuple[Request, FieldBlock]:
    try:
        return parser.parse(octets, before)
    except PeerError as error:
        return error.status[:3]


def framing(octets: bytes) -> None:
    """Read chunks: the same content or the same refusal in one piece, in two, and octet by octet."""
    cut, octets = (octets[0], octets[1:]) if octets else (0, b"")
    whole = _content([octets])
    assert _content([octets[:cut], octets[cut:]]) == whole
    assert _content(octets[at : at + 1] for at in range(len(octets))) == whole


def _content(pieces: Iterable[bytes]) -> object:
    reader, content, rest = Chunked(1000), b"", None
    try:
        for piece in pieces:
            if rest is None:
                part, rest = reader.feed(piece)
                content += part
            else:
                rest += piece
    except PeerError as error:
        return error.status[:3]
    return content, rest


def connection(octets: bytes) -> None:
    """Give a connection octets, whole and in two pieces: the same requests, and never a mistake of ours."""
    cut, octets = (octets[0], octets[1:]) if octets else (0, b"")
    assert _seen([octets[:cut], octets[cut:]]) == _seen([octets])


def _seen(pieces: list[bytes]) -> object:
    house = House().receive(*filter(None, pieces)).end()
    assert not house.wire.reset, "an exception was caught"
    return house.responder.seen, [entry.code < 400 for entry in house.log.entries]


def differential(octets: bytes) -> None:
    """Ask h11 and llhttp too: where they differ from us, the table says why."""
    for difference in differences(octets):
        assert class_of(difference) is not None, difference


TARGETS: dict[str, Callable[[bytes], None]] = {
    "head": head,
    "framing": framing,
    "connection": connection,
    "differential": differential,
}
