"""The status with which the process ends, in a process of its own."""

import subprocess
import sys

import pytest

SCRIPT = """
import threading
from wsgicontainer.process.leaving import Leaving

leaving = Leaving()
leaving.status = {status}
leaving.begin()
print("the last word")
if {stays}:
    threading.Thread(target=threading.Event().wait).start()
"""


@pytest.mark.parametrize("stays", [False, True], ids=["by itself", "though a thread stays"])
@pytest.mark.parametrize("status", [0, 1])
def test_the_process_ends_with_its_status(status, stays):
    """A supervisor reads it: 1 asks for a new process."""
    script = SCRIPT.format(status=status, stays=stays)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "the last word\n", "")
