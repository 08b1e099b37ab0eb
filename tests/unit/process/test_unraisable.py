"""What a peer can cause in Python's ssl is not told; everything else is."""

from __future__ import annotations

from types import SimpleNamespace

from wsgicontainer.process.unraisable import without_server_names


def test_only_server_names_are_passed_over() -> None:
    told: list[object] = []
    hook = without_server_names(told.append)
    hook(SimpleNamespace(exc_type=UnicodeDecodeError, object=b"\xff"))
    assert told == []
    others = [
        SimpleNamespace(exc_type=UnicodeDecodeError, object=print),
        SimpleNamespace(exc_type=ValueError, object=b"\xff"),
    ]
    for each in others:
        hook(each)
    assert told == others
