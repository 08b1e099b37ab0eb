"""Says which process it is, and that commands run as they should."""

import os
import subprocess


def app(environ, start_response):
    done = subprocess.run(["sh", "-c", "exit 7"], check=False)
    content = f"Process {os.getpid()}, below process {os.getppid()}; a command ended with {done.returncode}.\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]
