"""slowhttptest in its four modes: the server answers others meanwhile, and nothing is left of the attack."""

from __future__ import annotations

import math
import subprocess

import pytest
from observing import Vigil

CONNECTIONS = 400
MODES = {
    "slow headers": ["-H", "-i", "1", "-x", "24"],
    "slow body": ["-B", "-i", "1", "-x", "24", "-s", "8192"],
    "ranges": ["-R", "-a", "1", "-b", "3000"],
    "slow read": ["-X", "-w", "1", "-y", "16", "-n", "1", "-z", "1", "-k", "3"],
}


@pytest.mark.needs("slowhttptest")
@pytest.mark.parametrize("mode", MODES)
def test_slowhttptest(mode, besieged, attack_seconds, tmp_path, need):
    """400 connections that take their time: a probe is always answered."""
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    server = besieged("--static", f"/static={tmp_path}", "--access-log", "-")
    path = "/echo" if mode == "slow body" else "/static/large"
    length = str(math.ceil(attack_seconds))
    amount = ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-p", "3", "-l", length]
    words = [need("slowhttptest"), *MODES[mode], *amount, "-u", server.url + path]
    most = 0
    with Vigil(server) as vigil:
        attack = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while True:
            most = max(most, vigil.process.sockets() - vigil.sockets)
            try:
                output = attack.communicate(timeout=0.1)[0].decode()
                break
            except subprocess.TimeoutExpired:
                continue
    vigil.check()
    assert attack.returncode == 0, output
    if mode == "ranges":  # answered at once
        assert server.output().count('"HEAD /static/large') >= CONNECTIONS
    else:
        assert most >= CONNECTIONS * 0.9
