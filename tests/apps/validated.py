"""The well-behaved applications behind wsgiref.validate, which fails loudly on whatever breaks PEP 3333 on either side.

`/name` serves one of them; `/failures` lists what the validator has found so far, as JSON.
"""

from __future__ import annotations

import json
import warnings
from wsgiref.validate import validator

import bottle_app
import falcon_app
import flask_app
import hello
import misbehaving
import wellbehaved

warnings.simplefilter("ignore", UserWarning)  # it warns of environ keys that it does not know

FAILURES: list[str] = []
EDGE = (
    "/start/late",
    "/exc-info/before-output",
    "/exc-info/at-once",
    "/chunk/empty",
    "/return/nothing",
    "/file/not-regular",
    "/input/left",
    "/length/none",
    "/errors",
)
"""Of the fixture applications that walk along the edge those that stay on the right side of it."""
TABLE = {
    "/bottle": bottle_app.application,
    "/falcon": falcon_app.application,
    "/flask": flask_app.application,
    "/hello-alone": hello.application,
    **wellbehaved.TABLE,
    **{path: misbehaving.TABLE[path] for path in EDGE},
}


def recorded(application):
    """Keep what the validator says, also where the server would only answer 500."""

    def recording(environ, start_response):
        try:
            result = application(environ, start_response)
        except AssertionError as error:
            FAILURES.append(f"{environ['PATH_INFO']}: {error}")
            raise
        return result

    return recording


def failures(environ, start_response):
    content = json.dumps(FAILURES).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]


VALIDATED = {path: recorded(validator(application)) for path, application in TABLE.items()}


def application(environ, start_response):
    path = environ["PATH_INFO"]
    return failures(environ, start_response) if path == "/failures" else VALIDATED[path](environ, start_response)
