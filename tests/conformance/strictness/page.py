"""Renders docs/design/what-we-accept.md, to standard output: `python -m tests.conformance.strictness.page`."""

from __future__ import annotations

import re
import sys

from tests.conformance.differential.classes import CLASSES
from tests.conformance.strictness import SECTIONS, Answered, Refused, Row, Section

_RUN = re.compile(r"((?:\\r\\n|\\x..|[^\\]){1,12}?)\1{11,}")
_INTRODUCTION = """\
# What we accept

Octets that two readers can take for different requests are how one client's request ends up in another's reply.
So a request is read exactly as [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110) and
[RFC 9112](https://www.rfc-editor.org/rfc/rfc9112) write it, or refused: with a small text, `Date`,
`Connection: close` and one line in the access log. What is refused never reaches the application, and nothing
after it is read as a request.

Each row is tested over a socket, on both transports (`tests/conformance/test_strictness.py`); this page is made from
the rows. "Served" means that the application is called once; what it finds in its environ is added where it matters.
Limits are those of the options named.
"""
_DIFFERENCES = """
## What others make of the same octets

The test `tests/conformance/test_differential.py` sends generated and mutated requests to our connection, to
[h11](https://h11.readthedocs.io) and to [llhttp](https://llhttp.org) (as `httptools` has it), and compares: how many
requests each has read, their method, target, version, field lines and content, and whether it refuses the rest.
Where one of them differs from us, the difference belongs to one of these classes, or the test fails.

| Reader | Difference | Why we do as we do |
|---|---|---|
"""


def page() -> str:
    """Return the page's text."""
    sections = "".join(_section(section) for section in SECTIONS)
    rows = "".join(f"| {one.reader} | {one.what} | {one.why} |\n" for one in CLASSES)
    return _INTRODUCTION + sections + _DIFFERENCES + rows


def _section(section: Section) -> str:
    around = ""
    if section.before or section.after:
        around = f"\nSent between {_code(section.before) or 'nothing'} and {_code(section.after) or 'nothing'}.\n"
    rows = "".join(
        f"| {_cell(row.what)} | {_code(row.sent)} | {_then(row)} | {_rule(row.rule)} |\n" for row in section.rows
    )
    return f"\n## {section.title}\n{around}\n| What | Sent | Answer | RFC |\n|---|---|---|---|\n{rows}"


def _then(row: Row) -> str:
    if isinstance(row.then, Refused):
        return f"{row.then.code}, close"
    if isinstance(row.then, Answered):
        return f"{row.then.code}, without the application"
    seen = [
        f"no `{key}`" if value is None else f"`{key}` {_code(value.encode('latin-1'))}"
        for key, value in row.then.seen.items()
    ]
    return "served" + (": " + ", ".join(seen) if seen else "") + ("" if row.then.stays else "; then close")


def _rule(rule: str) -> str:
    number, section = rule.split()
    return f"[{number} §{section}](https://www.rfc-editor.org/rfc/rfc{number}#section-{section})"


def _cell(text: str) -> str:
    return re.sub(r"(--[a-z-]+)", r"`\1`", text)


def _code(octets: bytes) -> str:
    """Write octets as Python does, long repetitions as their count."""
    if not octets:
        return ""
    text = octets.decode("latin-1").encode("unicode_escape").decode("ascii")
    text = _RUN.sub(lambda run: f"⟨{run[1]} × {len(run[0]) // len(run[1])}⟩", text)
    text = re.sub(r"^ | $", "␠", text).replace("|", "\\|")
    return f"`{text}`"


if __name__ == "__main__":
    sys.stdout.write(page())
