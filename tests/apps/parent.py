"""Has children of every kind: it runs commands and waits for them, and leaves orphans behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from urllib.parse import parse_qs

_ORPHANS = """
import os, sys
gone, there = os.pipe()
for _ in range(int(sys.argv[1])):
    if os.fork() == 0:
        os.close(there)
        os.read(gone, 1)  # until whoever has made us has ended
        os._exit(9)
"""


def app(environ, start_response):
    """`/run?status=3` runs a command; `/orphan?count=5` leaves five orphans; `/facts` tells of itself."""
    asked = {name: int(values[0]) for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    content = _PATHS[environ["PATH_INFO"]](**asked)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]


def _run(status):
    if status > 255:
        return b"%d" % subprocess.run(["sh", "-c", f"kill -{status - 256} $$"], check=False).returncode
    return b"%d" % subprocess.run(["sh", "-c", f"exit {status}"], check=False).returncode


def _orphan(count):
    done = subprocess.run([sys.executable, "-I", "-S", "-c", _ORPHANS, str(count)], check=False)
    return b"%d" % done.returncode


def _stay():
    return b"%d" % subprocess.run(["sh", "-c", "sleep 30 &"], check=False).returncode


def _facts():
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file.read().splitlines())
    blocked = subprocess.run(["grep", "SigBlk", "/proc/self/status"], capture_output=True, check=True).stdout.split()[1]
    facts = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "child": signal.getsignal(signal.SIGCHLD) is not signal.SIG_IGN,
        "blocked": int(lines["SigBlk"], 16),
        "blocked in commands": int(blocked, 16),
        "user": os.getresuid(),
        "group": os.getresgid(),
        "groups": sorted(os.getgroups()),
        "umask": lines["Umask"].strip(),
        "title": lines["Name"].strip(),
    }
    return "\n".join(f"{name}={value}" for name, value in facts.items()).encode()


def _sleep(tenths):
    with open("sleeping", "w"):
        time.sleep(tenths / 10)
    return b"awake"


_PATHS = {"/run": _run, "/orphan": _orphan, "/stay": _stay, "/facts": _facts, "/sleep": _sleep}
