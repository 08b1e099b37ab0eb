"""What the C library does with free memory."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from wsgicontainer.process.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
for _ in range(3):
    blocks = [bytes(200_000) for _ in range(20)]
    del blocks
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    blocks = [bytes(200_000) for _ in range(20)]
    del blocks
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="only glibc has mallopt's names")
def test_freed_memory_is_used_again_without_asking_the_kernel():
    def faults(keep: bool) -> int:
        program = PROGRAM.format(keep=keep)
        return int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout)

    assert faults(True) < 1000 < faults(False)
