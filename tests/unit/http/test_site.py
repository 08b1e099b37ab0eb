"""What all connections share: here, the names of requests."""

from __future__ import annotations

import re
from itertools import islice
from threading import Thread

from wsgicontainer.http.site import _names

SOME = 20_000


def test_names_are_16_hex_digits_and_differ():
    names = list(islice(_names(bytes(7)), SOME))
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in names)
    assert len(set(names)) == SOME
    assert all(len(name) == 16 for name in islice(_names(b"\xff" * 7), 5000))


def test_no_name_twice_whichever_thread_takes_it():
    """Stress: four threads, each across several blocks of names."""
    names = _names(bytes(7))
    taken: list[list[str]] = [[] for _ in range(4)]
    threads = [Thread(target=lambda mine=mine: mine.extend(islice(names, SOME))) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(set().union(*taken)) == 4 * SOME
