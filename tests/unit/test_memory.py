"""What the C library does with free memory."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from wsgicontainer.process.memory import ARENAS

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

HEAPS = """
import ctypes, threading
from wsgicontainer.process.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()
gate = threading.Barrier(12)
def work():
    gate.wait()  # all of them are there at once
    bytes(100_000)
    gate.wait()
threads = [threading.Thread(target=work) for _ in range(12)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
library = ctypes.CDLL(None)
library.malloc_info(0, ctypes.c_void_p.in_dll(library, "stdout"))
library.fflush(None)
"""
pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="only glibc has mallopt's names"
)


def told(program: str, keep: bool) -> str:
    program = program.format(keep=keep)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True).stdout


def test_threads_share_what_they_have_freed():
    """However many there are: one heap for each would keep what only that thread could use again."""
    assert told(HEAPS, keep=True).count("<heap nr=") <= ARENAS < told(HEAPS, keep=False).count("<heap nr=")


def test_freed_memory_is_used_again_without_asking_the_kernel():
    assert int(told(PROGRAM, keep=True)) < 1000 < int(told(PROGRAM, keep=False))
