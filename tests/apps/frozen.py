"""Freezes what a watchdog looks at: an application thread for good, or the reactor; and shows systemd's variables."""

import json
import os
import subprocess
import sys
import threading
import time

CHILD = "import json, os; print(json.dumps(sorted(os.environ)))"
SYSTEMDS = ("NOTIFY_", "WATCHDOG_", "LISTEN_")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/thread":
        threading.Event().wait()
    if path == "/reactor":
        from twisted.internet import reactor  # noqa: TID251 (an application may)

        reactor.callFromThread(time.sleep, 3600)
    names = sorted(os.environ)
    if path == "/child":
        names = json.loads(subprocess.run([sys.executable, "-c", CHILD], check=True, capture_output=True).stdout)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps([name for name in names if name.startswith(SYSTEMDS)]).encode()]
