"""The bound on open descriptors: raised as far as the connections need it, never lowered."""

import resource
import subprocess
import sys

SCRIPT = """
import resource, sys
from wsgicontainer.process.descriptors import raise_descriptor_limit
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
possible = raise_descriptor_limit(connections)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], possible)
"""


def limits(soft: int, hard: int, connections: int) -> list[int]:
    """Return the descriptors and the connections that there may be."""
    words = [sys.executable, "-c", SCRIPT, str(soft), str(hard), str(connections)]
    return list(map(int, subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split()))


def raised(soft: int, hard: int, connections: int) -> int:
    return limits(soft, hard, connections)[0]


def test_few_descriptors_are_shared_with_all_else():
    """What the limit does not allow is not accepted: files and the application need descriptors too."""
    assert limits(64, 64, 10_000) == [64, 32]
    assert limits(400, 400, 100) == [400, 100]
    assert limits(1000, 1000, 10_000) == [1000, 744]


def test_the_limit_follows_max_connections():
    """Raised to what is needed, at most to the hard limit, and left alone where it is enough."""
    hard = min(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert raised(200, hard, 500) == 1256
    assert raised(200, hard, 100_000) == hard
    assert raised(900, hard, 100) == 900
