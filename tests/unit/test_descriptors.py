"""The bound on open descriptors: raised as far as the connections need it, never lowered."""

import resource
import subprocess
import sys

SCRIPT = """
import resource, sys
from wsgicontainer.process.descriptors import raise_descriptor_limit
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
raise_descriptor_limit(connections)
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


def raised(soft: int, hard: int, connections: int) -> int:
    words = [sys.executable, "-c", SCRIPT, str(soft), str(hard), str(connections)]
    return int(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout)


def test_the_limit_follows_max_connections():
    """Raised to what is needed, at most to the hard limit, and left alone where it is enough."""
    hard = min(2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert raised(200, hard, 500) == 756
    assert raised(200, hard, 100_000) == hard
    assert raised(900, hard, 100) == 900
