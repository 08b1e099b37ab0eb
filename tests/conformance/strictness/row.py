"""A row of the table: what is sent, what happens, and which rule says so."""

from __future__ import annotations

from attrs import field, frozen

LARGEST = 2000
"""The tested server's --limit-request-body."""
CLOCK = 1
"""Seconds of its --header-timeout and --body-timeout."""


@frozen
class Refused:
    """The server answers with a small text and closes; the application is not called."""

    code: int


@frozen
class Answered:
    """The server answers itself, and the connection stays."""

    code: int


@frozen
class Served:
    """The application is called once, and sees this in its environ; None stands for what it must not see."""

    seen: dict[str, str | None] = field(factory=dict)
    stays: bool = True
    """Whether the connection may be used again."""


BAD = Refused(400)
Outcome = Refused | Answered | Served


@frozen
class Row:
    """One thing that a peer may send."""

    what: str
    sent: bytes
    """The part that matters; its section has what stands around it."""
    then: Outcome
    rule: str
    """`"9112 5.1"`: RFC 9112 section 5.1."""


@frozen
class Section:
    """Rows with the same octets around them."""

    title: str
    before: bytes
    after: bytes
    rows: list[Row]

    def octets(self, row: Row) -> bytes:
        """Return all that is sent for a row."""
        return self.before + row.sent + self.after
