"""When application threads count as frozen: what a watchdog goes by."""

import pytest

from wsgicontainer.threads.progress import Progress

LOOKS = {
    "nothing to do": ([(0, 0, 0), (0, 0, 0)], True),
    "a request has just come after a quiet time": ([(5, 0, 0), (5, 0, 7)], True),
    "what waited was taken, though nothing has ended": ([(5, 0, 7), (5, 0, 8)], True),
    "what waited was taken, and nothing waits": ([(5, 0, 7), (5, 0, 0)], True),
    "others have ended": ([(5, 0, 7), (6, 0, 7)], True),
    "the same waits still": ([(5, 0, 7), (5, 0, 7)], False),
    "it waits and waits": ([(5, 0, 7), (5, 0, 7), (5, 0, 7)], False),
    "it is taken in the end": ([(5, 0, 7), (5, 0, 7), (5, 0, 8)], True),
    "what waited was swept away": ([(5, 0, 7), (5, 1, 8)], False),
    "all was swept away, and nobody asks": ([(5, 0, 7), (5, 1, 0), (5, 1, 0)], False),
    "a newcomer is taken after that": ([(5, 1, 0), (5, 2, 0), (5, 2, 9), (5, 2, 0)], True),
    "one ends after that": ([(5, 0, 7), (5, 1, 0), (6, 1, 0)], True),
}


@pytest.mark.parametrize(("looks", "moving"), LOOKS.values(), ids=LOOKS)
def test_looks(looks, moving):
    progress = Progress()
    assert [progress.look(*look) for look in looks][-1] is moving
