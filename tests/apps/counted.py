"""Counts its calls and says what it saw: whatever is refused must leave the count as it was."""

from __future__ import annotations

import itertools
import json
from typing import Any

_calls = itertools.count(1)


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the number of this call, the environ's text, and the content."""
    seen = {key: value for key, value in environ.items() if isinstance(value, str)}
    content = environ["wsgi.input"].read().decode("latin-1")
    answer = json.dumps({"calls": next(_calls), "seen": seen | {"content": content}}).encode()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer]
