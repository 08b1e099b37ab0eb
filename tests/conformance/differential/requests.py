"""Generated and mutated requests for the readers: mostly right, with something wrong here and there."""

from __future__ import annotations

from hypothesis import strategies as st

_METHODS = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"get", b"M-SEARCH", b"FOO", b"CONNECT"])
_TARGETS = st.sampled_from(
    [
        b"/",
        b"/a?b=%20c",
        b"*",
        b"http://o/p",
        b"http://o",
        b"a",
        b"o:1",
        b"//a",
        b"/a#b",
        b"/\xe9",
        b'/"<>',
        b"/%zz",
        b"",
    ]
)
_VERSIONS = st.sampled_from([b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b""])
_NAMES = st.sampled_from(
    [b"X", b"x-y", b"X_Y", b"Cookie", b"Content-Type", b"X ", b" X", b"", b"X(", b"Expect", b"Upgrade"]
)
_VALUES = st.sampled_from(
    [
        b"a",
        b"",
        b"a b",
        b"\ta\t",
        b"\xe9",
        b"a\x01",
        b"a\0b",
        b"a\x7f",
        b"a\r",
        b"a\n b",
        b"a\r\n b",
        b"100-continue",
        b"h2c",
    ]
)
_FRAMING = st.sampled_from(
    [b"Content-Length: 3", b"Transfer-Encoding: chunked", b"Connection: close", b"Connection: keep-alive"] * 4
    + [
        b"Content-Length: " + value
        for value in (b"03", b"+3", b"3, 3", b"3,4", b"-3", b"", b"0x3", b"3 ", b"9" * 30, b"\xb3")
    ]
    + [
        b"Transfer-Encoding: " + value
        for value in (b"Chunked", b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity")
    ]
    + [
        b"Transfer-Encoding: " + value
        for value in (b"chunked, gzip", b"chunked,", b"", b"xchunked", b"chunked;q=1", b"\x0bchunked")
    ]
    + [b"Transfer-Encoding : chunked", b"Transfer-Encoding:\r\n chunked", b"Transfer_Encoding: chunked"]
)
_HOSTS = st.sampled_from(
    [b"Host: h"] * 8 + [b"Host: h:1", b"Host:", b"Host: a b", b"Host: u@a", b"Host: h\r\nHost: h", b"X: y"]
)
_FIELDS = st.builds(lambda name, value: name + b": " + value, _NAMES, _VALUES)
_SIZES = st.sampled_from(
    [b"3"] * 8 + [b"03", b"3;a", b"3;a=b", b'3;a="b"', b"3;", b"3 ", b" 3", b"0x3", b"+3", b"4", b"2", b"", b"f" * 17]
)
_ENDS = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\r\n", b""])
_TRAILERS = st.sampled_from(
    [b""] * 4 + [b"X: y\r\n", b"X\r\n", b"X : y\r\n", b"Content-Length: 3\r\n", b"X: \0\r\n", b"X: y\n"]
)


@st.composite
def _chunked(draw: st.DrawFn) -> bytes:
    chunks = b"".join(
        draw(_SIZES) + draw(_ENDS) + b"abc" + draw(_ENDS) for _ in range(draw(st.integers(min_value=0, max_value=2)))
    )
    return chunks + b"0" + draw(_ENDS) + draw(_TRAILERS) + draw(_ENDS)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw one request, whole or not, sound or not."""
    line = b" ".join([draw(_METHODS), draw(_TARGETS), draw(_VERSIONS)])
    lines = [line, draw(_HOSTS), *draw(st.lists(_FIELDS, max_size=2)), *draw(st.lists(_FRAMING, max_size=2))]
    octets = b"".join(each + draw(_ENDS) for each in lines) + draw(_ENDS)
    return octets + draw(st.sampled_from([b"", b"", b"abc"]) | _chunked())


def chunked_requests() -> st.SearchStrategy[bytes]:
    """Draw chunks behind a sound head."""
    return _chunked().map(lambda chunks: b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Draw up to two requests, one after the other, and change a few octets."""
    octets = bytearray(b"".join(draw(st.lists(requests() | chunked_requests(), min_size=1, max_size=2))))
    for _ in range(draw(st.integers(min_value=0, max_value=2))):
        at = draw(st.integers(min_value=0, max_value=len(octets)))
        count = draw(st.integers(min_value=0, max_value=2))
        octets[at : at + count] = draw(
            st.binary(max_size=2) | st.sampled_from([b"\r\n", b"\n", b" ", b":", b";", b","])
        )
    return bytes(octets)
