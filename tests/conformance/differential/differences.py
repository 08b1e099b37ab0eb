"""Finds every place where another reader differs from ours."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from tests.conformance.differential.readers import READERS, Reading, ours

_PARTS = ("method", "target", "version", "content")


@frozen
class Difference:
    """One disagreement about octets."""

    reader: str
    kind: str
    """The part of a request that was read differently (`"content"`, `"field HTTP_HOST"` …), or what becomes of the
    rest: `"we refuse, they read"`, `"we refuse, they wait"`, and so on."""
    octets: bytes
    our: Reading
    their: Reading

    @property
    def refused(self) -> str:
        """Why one of the two refuses."""
        return self.our.refused if self.kind.startswith("we refuse") else self.their.refused


def differences(octets: bytes) -> list[Difference]:
    """Compare each other reader with ours."""
    our = ours(octets)
    return [
        Difference(reader, kind, octets, our, their)
        for reader, read in READERS.items()
        for their in [read(octets)]
        for kind in _kinds(our, their)
    ]


def _kinds(our: Reading, their: Reading) -> Iterator[str]:
    for mine, other in zip(our.requests, their.requests, strict=False):
        yield from (part for part in _PARTS if getattr(mine, part) != getattr(other, part))
        names = sorted({*mine.fields, *other.fields})
        yield from (f"field {name}" for name in names if mine.fields.get(name) != other.fields.get(name))
    ends = _end_of(our, their), _end_of(their, our)
    if ends[0] != ends[1]:
        yield "we {}, they {}".format(*ends)


def _end_of(one: Reading, other: Reading) -> str:
    """Tell what a reader does after the requests that both have read."""
    if len(one.requests) > len(other.requests):
        return "read"
    return "refuse" if one.refused else "wait"
