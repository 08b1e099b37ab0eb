"""slowhttptest in its four modes: the server answers others meanwhile, and nothing is left of the attack."""

from __future__ import annotations

import math
import subprocess
import time

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
def test_slowhttptest(besieged, attack_seconds, tmp_path, need):
    """All four at once, 400 connections each: a probe is always answered."""
    (tmp_path / "large").write_bytes(bytes(2_000_000))
    server = besieged("--static", f"/static={tmp_path}", "--access-log", "-")
    amount = ["-c", str(CONNECTIONS), "-r", str(CONNECTIONS), "-p", "3", "-l", str(math.ceil(attack_seconds) + 1)]
    attacks, most = [], 0
    with Vigil(server) as vigil:
        for mode, words in MODES.items():
            url = server.url + ("/echo" if mode == "slow body" else "/static/large")
            command = [need("slowhttptest"), *words, *amount, "-u", url]
            attacks.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT))
        while any(attack.poll() is None for attack in attacks):
            most = max(most, vigil.process.sockets() - vigil.sockets)
            time.sleep(0.1)
    vigil.check()
    assert [attack.returncode for attack in attacks] == [0, 0, 0, 0]
    assert server.output().count('"HEAD /static/large') >= CONNECTIONS  # ranges: answered at once
    assert most >= 3 * CONNECTIONS * 0.9
