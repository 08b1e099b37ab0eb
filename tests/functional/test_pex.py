"""A site, its packages and the server in one file: docs/howto/pex.md.

It is made of what is installed here, without the network.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest
import requests

PEX = Path(sys.executable).parent / "pex"
SITE = """
from flask import Flask

app = Flask(__name__)


@app.get("/")
def hello():
    return "WORDS"
"""


@pytest.fixture
def make_pex(tmp_path, root):
    """Return a function that makes a pex, whose application says something."""
    # Of an editable installation pex would build a wheel, with a pip that it fetches first.
    for package in ("wsgicontainer", "twisted"):
        shutil.copytree(root / package, tmp_path / "src" / package, ignore=shutil.ignore_patterns("__pycache__"))
    needed = [each.replace(" ", "") for each in metadata.requires("wsgicontainer") or () if "extra ==" not in each]
    cache = tmp_path / "unpacked"

    def make(name: str, words: str) -> Path:
        (tmp_path / "src" / "site_app.py").write_text(SITE.replace("WORDS", words))
        command = [PEX, "--venv-repository", sys.prefix, *needed, "flask", "--pex-root", cache]
        command += ["--runtime-pex-root", cache, "--python-shebang", sys.executable]
        command += ["--sources-directory", "src", "--entry-point", "wsgicontainer"]
        command += ["--venv", "--inject-args", "site_app:app --workers 2", "--output-file", name]
        subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
        return tmp_path / name

    return make


def test_a_site_in_one_file_is_served_and_upgraded(start, tmp_path, make_pex):
    """HUP stays with what the file was unpacked to; USR2 runs the file that stands there now, in the same process."""
    site = make_pex("site.pex", "old")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    server = start(str(site), "--port", "tcp:0:interface=127.0.0.1", cwd=elsewhere).started(60)
    assert requests.get(server.url, timeout=10).text == "old"
    make_pex("new.pex", "new").rename(site)
    server.process.send_signal(signal.SIGHUP)
    server.wait_for(r"Generation 2 serves(?s:.*has ended){2}", 30)
    assert requests.get(server.url, timeout=10).text == "old"
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("Generation 3 serves", 60)
    patience = time.monotonic() + 20
    while requests.get(server.url, timeout=10).text != "new":  # what the old generation had accepted it answers
        assert time.monotonic() < patience
    assert server.stop() == 0
