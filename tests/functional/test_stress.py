"""Clients of every sort at once, good and bad: each gets its own reply, and nothing is left of them afterwards.

Bounded: a warm-up, then some seconds of load from threads of this process, with a fixed seed; a probe asks all the
time.
"""

from __future__ import annotations

import os
import random
import socket
import threading
import time
from contextlib import suppress

import pytest
from authority import Authority
from deeds import APPLICATION, Asked
from load import Load
from observing import Process, settles
from rawclient import Client

WARM_UP, LOAD = 2.0, 8.0


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
@pytest.mark.parametrize("over", ["tcp", "tls"])
def test_stress(serve, tmp_path, over):
    """Every reply is its own, the probe is always answered, and afterwards all is as before."""
    (tmp_path / "stressed.py").write_text(APPLICATION)
    threads, tls, port = 12, None, "tcp:0:interface=127.0.0.1"
    if over == "tls":
        authority = Authority(tmp_path)
        authority.write(tmp_path / "certificates", "a.example")
        tls, port = authority.client(), f"txsni:{tmp_path}/certificates:{port}"
    options = ("--threads", str(threads), "--output-buffer", "64K", "--port", port)
    server = serve("stressed:application", *options, chdir=tmp_path)
    process = Process(server.process.pid)
    first = Client(server.port, tls=tls)
    asked = Asked(random.Random(0), "echo")
    first.socket.sendall(asked.sent)
    asked.check(first.reply())
    # A thread of the pool may have answered while the reactor was still opening its pipe for signals.
    before = max(_descriptors_for_a_while(process)) - 1
    first.close()
    assert Load(server.port, WARM_UP, seed=1, tls=tls).run().failures == [], server.output()
    settles(process.descriptors, before)
    memory = process.memory()

    load = Load(server.port, LOAD, seed=1000, tls=tls).run()
    assert load.failures == [], server.output()
    assert load.done > 100
    assert load.worst < 5, f"the probe had to wait for {load.worst:.1f} s"

    assert settles(process.descriptors, before) <= before
    assert process.threads() <= threads + 2
    assert process.memory() - memory < 30_000_000
    began = process.cpu()
    time.sleep(1)
    assert process.cpu() - began <= 0.03, "it spins"
    assert "Traceback" not in server.output()
    assert server.stop() == 0
    assert "Traceback" not in server.output()


def _descriptors_for_a_while(process):
    for _ in range(10):
        yield process.descriptors()
        time.sleep(0.05)


class Flood:
    """A client that always has a next request on its way, and takes whatever comes."""

    def __init__(self, port: int) -> None:
        self.octets = 0
        self._client = Client(port)
        self._workers = [threading.Thread(target=self._send), threading.Thread(target=self._take)]
        for worker in self._workers:
            worker.start()

    def _send(self) -> None:
        requests = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n" * 2000
        with suppress(OSError):  # cut at the end
            while True:
                self._client.socket.sendall(requests)

    def _take(self) -> None:
        with suppress(OSError):
            while data := self._client.socket.recv(1 << 16):
                self.octets += len(data)

    def end(self) -> None:
        self._client.socket.shutdown(socket.SHUT_RDWR)
        for worker in self._workers:
            worker.join()
        self._client.close()


def test_fast_pipelining_clients_starve_nobody(serve):
    """Connections that always have a next request; others are answered meanwhile, and soon."""
    server = serve("hello:app", "--threads", "2")
    floods = [Flood(server.port) for _ in range(3)]
    worst, probes, until = 0.0, 0, time.monotonic() + 2
    while time.monotonic() < until:
        began = time.monotonic()
        client = Client(server.port)
        client.socket.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert client.reply()[2] == b"Hello, world!"
        client.close()
        worst, probes = max(worst, time.monotonic() - began), probes + 1
    for flood in floods:
        flood.end()
    assert min(flood.octets for flood in floods) > 10_000
    assert worst < 0.5 and probes > 20, f"{probes} probes, the slowest after {worst:.2f} s"
