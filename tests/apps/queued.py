"""`/wait` takes its second; `/seen` counts the calls of any other path; `/hinted` sends early hints."""

from __future__ import annotations

import time

SEEN: list[str] = []


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/wait":
        time.sleep(1)
    elif path == "/hinted":
        environ["wsgi.early_hints"]([("Link", "</style.css>; rel=preload; as=style")])
    elif path != "/seen":
        SEEN.append(path)
    content = str(len(SEEN)).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]
