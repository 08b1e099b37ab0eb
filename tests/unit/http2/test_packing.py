"""Heads are packed without a table, and every decoder reads them."""

from __future__ import annotations

from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.http2.packing import NO_TABLE, Framed, packed
from wsgicontainer.messages import ResponseHead

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,300}", fullmatch=True)
values = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=600)


def read(octets: bytes) -> list[tuple[bytes, bytes]]:
    decoder = Decoder()
    fields = [tuple(field) for field in decoder.decode(NO_TABLE + octets, raw=True)]
    assert not decoder.header_table.dynamic_entries
    return fields


@given(
    st.sampled_from([200, 204, 301, 304, 404, 418, 500]), st.lists(st.tuples(names, values)), st.integers(0, 1 << 50)
)
def test_what_is_packed_is_read(code, fields, length):
    block = f"HTTP/1.1 {code} Why\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields)
    wanted = [(name.lower().encode(), value.encode()) for name, value in fields]
    assert read(packed(block, length).octets) == [
        (b":status", b"%d" % code),
        *wanted,
        (b"content-length", b"%d" % length),
    ]
    assert packed(block, None).status == [(b":status", b"%d" % code)]


def test_cookies_are_never_indexed():
    (status, cookie) = Decoder().decode(packed("HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\n", None).octets)
    assert status.indexable and not cookie.indexable


def test_a_head_is_packed_once_and_the_memo_is_bounded():
    framed = Framed()
    head = ResponseHead(200, "200 OK", [], "HTTP/1.1 200 OK\r\n", None, False)
    assert framed.opening(None, head, 3) is framed.opening(None, head, 3)
    for number in range(600):
        framed.opening(None, head, number)
    long = ResponseHead(200, "200 OK", [], f"HTTP/1.1 200 OK\r\nX: {'y' * 2000}\r\n", None, False)
    framed.opening(None, long, 3)
    assert len(framed._memo) <= 256 and not any("yyy" in block for block, _ in framed._memo)
