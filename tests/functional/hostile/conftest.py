"""Attacks are short here; HOSTILE_SECONDS=60 makes each of them longer."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def attack_seconds() -> float:
    """How long an attack goes on."""
    return float(os.environ.get("HOSTILE_SECONDS", "1"))


@pytest.fixture
def besieged(serve):
    """A server with all its threads: `besieged("--body-buffer", "8K")`."""

    def start(*options: str, threads: int = 4, **more: object):
        pool = ["--threads", str(threads), "--min-threads", str(threads)]
        return serve("besieged:application", *pool, *options, **more)

    return start
