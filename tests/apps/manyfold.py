"""An application that tells which process answers, and that can be broken in the ways that a supervisor has to see."""

import os
import subprocess
import threading
import time

IMPORTED_IN = os.getpid()


def application(environ, start_response):  # noqa: C901 (one branch for each path)
    """Answer with the process id, or do what the path says."""
    path = environ["PATH_INFO"]
    content = str(os.getpid())
    if path == "/multiprocess":
        content = str(environ["wsgi.multiprocess"])
    elif path == "/imported":
        content = f"{IMPORTED_IN} {os.getpid()} {os.getppid()}"
    elif path == "/crash":
        os._exit(7)
    elif path == "/block":
        threading.Event().wait()
    elif path == "/slow":
        time.sleep(1)
    elif path == "/child":
        content = str(subprocess.run(["sh", "-c", "exit 3"], check=False).returncode)
    elif path == "/orphan":
        content = subprocess.run(
            ["sh", "-c", "sleep 0.3 >/dev/null & echo $!"], stdout=subprocess.PIPE, text=True, check=False
        ).stdout.strip()
    elif path == "/descriptors":
        content = "\n".join(
            subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=False).stdout.split()
        )
    octets = content.encode() + b"\n"
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(octets)))])
    return [octets]


def note():
    """Be a timer's task: write down who runs it."""
    with open(os.environ["NOTES"], "a", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
