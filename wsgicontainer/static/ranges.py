"""Range requests (RFC 9110 section 14): one range of octets, of a file whose size is known.

Several ranges at once, other units and what can't be read are ignored, as a server may (section 14.2): the answer is
the whole. Pure.
"""

from __future__ import annotations

import re

from attrs import frozen

_BYTES = re.compile(r"bytes[ \t]*=[ \t]*(\d{0,20})-(\d{0,20})[ \t]*", re.ASCII | re.IGNORECASE)


@frozen
class Span:
    """`count` octets from `offset`; `count` 0 means that the range can't be satisfied (416)."""

    offset: int
    count: int

    def content_range(self, size: int) -> str:
        """Write the Content-Range field's value (section 14.4)."""
        return f"bytes {self.offset}-{self.offset + self.count - 1}/{size}" if self.count else f"bytes */{size}"


def requested_span(value: str, size: int) -> Span | None:
    """Read a Range field for a representation of `size` octets; None if it is to be ignored."""
    found = _BYTES.fullmatch(value)
    if found is None:
        return None
    first, last = found.groups()
    if not first:
        count = min(int(last), size) if last else 0
        return Span(size - count, count) if last else None
    if last and int(last) < int(first):
        return None
    offset = int(first)
    end = min(int(last) + 1, size) if last else size
    return Span(offset, max(0, end - offset))
