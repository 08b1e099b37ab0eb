"""Clients of every sort at once, good and bad: each gets its own reply, and nothing is left of them afterwards.

Bounded: a warm-up, then some seconds of load from threads of this process, with a fixed seed; a probe asks all the
time.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

APPLICATION = """
import tempfile
import time


def echo(token, content):
    return [token + content]


def slow(token, content):
    time.sleep(0.02)
    return [token + content]


def busy(token, content):
    end = time.thread_time() + 0.003
    while time.thread_time() < end:
        pass
    return [token, content]


def big(token, content):
    return [token * 10000, content]


def stream(token, content):
    for _ in range(100):
        yield token * 100
    yield content


def file(token, content):
    opened = tempfile.TemporaryFile()
    opened.write(token * 10000 + content)
    opened.seek(0)
    return opened


MAKERS = {"echo": echo, "slow": slow, "busy": busy, "big": big, "stream": stream, "file": file}


def application(environ, start_response):
    kind, _, token = environ["PATH_INFO"][1:].partition("/")
    made = MAKERS[kind](token.encode(), environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Token", token)])
    return environ["wsgi.file_wrapper"](made) if kind == "file" else made
"""
KINDS = {"echo": 1, "slow": 1, "busy": 1, "big": 10000, "stream": 10000, "file": 10000}
"""How often a reply of each kind repeats its token."""
CLIENTS = 12
WARM_UP, LOAD = 2.0, 8.0
PATIENCE = 20
"""Seconds after which a client gives up: far more than any reply needs."""


class Wrong(AssertionError):
    """A reply that is not what was asked for."""


class Client:
    """One raw connection: sends anything, reads whole replies."""

    def __init__(self, port: int, *, small: bool = False) -> None:
        self.socket = socket.socket()
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(("127.0.0.1", port))
        self.buffer = b""
        self.pause: Callable[[], object] = bool

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Vanish without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def more(self) -> None:
        self.pause()
        data = self.socket.recv(65536)
        if not data:
            raise Wrong(f"the reply ends after {self.buffer[:100]!r}")
        self.buffer += data

    def line(self) -> bytes:
        while b"\r\n" not in self.buffer:
            self.more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def octets(self, count: int) -> bytes:
        while len(self.buffer) < count:
            self.more()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def reply(self) -> tuple[int, dict[bytes, bytes], bytes]:
        """Read one reply: its status, fields and content."""
        status = int(self.line().split()[1])
        fields = dict(line.lower().split(b": ", 1) for line in iter(self.line, b""))
        if b"content-length" in fields:
            return status, fields, self.octets(int(fields[b"content-length"]))
        content = b""
        while size := int(self.line(), 16):
            content += self.octets(size)
            self.octets(2)
        self.line()
        return status, fields, content


class Asked:
    """A request and the reply that belongs to it."""

    count = 0

    def __init__(self, chance: random.Random, kind: str | None = None, framing: str | None = None) -> None:
        Asked.count += 1
        self.kind = kind or chance.choice(list(KINDS))
        self.token = f"{Asked.count}-{chance.getrandbits(40):010x}"
        self.body = b""
        framing = framing or chance.choice(["none", "none", "length", "chunked"])
        head = f"GET /{self.kind}/{self.token} HTTP/1.1\r\nHost: h\r\n"
        if framing != "none":
            self.body = bytes(chance.randrange(33, 126) for _ in range(chance.choice([1, 100, 3000])))
            self.body *= chance.choice([1, 1, 300])  # up to 900 kB: beyond what is kept in memory
            head = head.replace("GET", "POST", 1)
        if framing == "length":
            head += f"Content-Length: {len(self.body)}\r\n"
        elif framing == "chunked":
            head += "Transfer-Encoding: chunked\r\n"
        self.head = f"{head}\r\n".encode()
        self.sent = self.head + (self._chunked(chance) if framing == "chunked" else self.body)

    def _chunked(self, chance: random.Random) -> bytes:
        size = chance.randrange(1, len(self.body) + 1)
        pieces = [self.body[at : at + size] for at in range(0, len(self.body), size)][:1000]
        self.body = b"".join(pieces)
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    def check(self, reply: tuple[int, dict[bytes, bytes], bytes]) -> None:
        status, fields, content = reply
        expected = self.token.encode() * KINDS[self.kind] + self.body
        if status != 200 or fields.get(b"x-token") != self.token.encode() or content != expected:
            raise Wrong(f"{self.kind} {self.token}: {status} {fields} {content[:100]!r} … {len(content)} octets")


# --- What clients do ---


def keep_alive(client: Client, chance: random.Random) -> None:
    """Ask, read, ask again."""
    for _ in range(chance.randrange(1, 20)):
        asked = Asked(chance)
        client.socket.sendall(asked.sent)
        asked.check(client.reply())


def pipeline(client: Client, chance: random.Random) -> None:
    """Ask many at once; the replies come in order."""
    all_asked = [Asked(chance) for _ in range(chance.randrange(2, 12))]
    sender = threading.Thread(target=client.socket.sendall, args=(b"".join(asked.sent for asked in all_asked),))
    sender.start()  # beside the reading: neither side may wait for the other for ever
    for asked in all_asked:
        asked.check(client.reply())
    sender.join()


def dribble(client: Client, chance: random.Random) -> None:
    """Send a request in pieces, with pauses, from within the head to within the body."""
    asked = Asked(chance, "echo")
    cuts = sorted(chance.randrange(len(asked.sent)) for _ in range(6))
    for start, end in zip([0, *cuts], [*cuts, len(asked.sent)], strict=True):
        client.socket.sendall(asked.sent[start:end])
        time.sleep(chance.choice([0, 0.001, 0.03]))
    asked.check(client.reply())


def leave_early(client: Client, chance: random.Random) -> None:
    """Stall within the head or the body, then leave, politely or not."""
    asked = Asked(chance)
    client.socket.sendall(asked.sent[: chance.randrange(len(asked.sent))])
    time.sleep(chance.choice([0, 0.05]))
    chance.choice([client.close, client.reset])()


def half_close(client: Client, chance: random.Random) -> None:
    """Say that nothing more comes, then read to the end."""
    asked = Asked(chance)
    client.socket.sendall(asked.sent)
    client.socket.shutdown(socket.SHUT_WR)
    asked.check(client.reply())
    assert client.buffer == b"" and client.socket.recv(1) == b""


def vanish(client: Client, chance: random.Random) -> None:
    """Leave in the middle of a reply."""
    for _ in range(chance.randrange(1, 3)):
        client.socket.sendall(Asked(chance, chance.choice(["big", "stream", "file"]), "none").sent)
    client.socket.recv(chance.randrange(1, 5000))
    chance.choice([client.close, client.reset])()


def read_slowly(client: Client, chance: random.Random) -> None:
    """Take a big reply in small sips."""
    client.pause = lambda: time.sleep(0.005)
    for _ in range(2):
        asked = Asked(chance, chance.choice(["big", "stream", "file"]))
        client.socket.sendall(asked.sent)
        asked.check(client.reply())


def only_connect(client: Client, chance: random.Random) -> None:
    """Come and go without a word."""
    chance.choice([client.close, client.reset])()


def talk_nonsense(client: Client, chance: random.Random) -> None:
    """Send what is no request: one refusal, and the end."""
    client.socket.sendall(chance.choice([b"\x16\x03\x01\x02", b"GET / HTTP/9.9\r\n\r\n", b"{}\n\n", b"GET  /\r\n\r\n"]))
    status, fields, _ = client.reply()
    assert status in {400, 505} and fields[b"connection"] == b"close"


DEEDS = [keep_alive, keep_alive, pipeline, dribble, leave_early, half_close, vanish, read_slowly, only_connect,
         talk_nonsense]  # fmt: skip


class Load:
    """Many clients for some seconds; what went wrong is kept."""

    def __init__(self, port: int, seconds: float, seed: int) -> None:
        self.failures: list[str] = []
        self.done = 0
        self.worst = 0.0
        self._port, self._until = port, time.monotonic() + seconds
        self._threads = [
            threading.Thread(target=self._be_client, args=(random.Random(seed + each),)) for each in range(CLIENTS)
        ]
        self._threads.append(threading.Thread(target=self._probe))

    def run(self) -> Load:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join()
        return self

    def _be_client(self, chance: random.Random) -> None:
        while time.monotonic() < self._until and not self.failures:
            deed = chance.choice(DEEDS)
            client = Client(self._port, small=deed in {vanish, read_slowly})
            try:
                deed(client, chance)
                self.done += 1
            except Exception as error:  # told when all have ended
                left = (ConnectionResetError, BrokenPipeError)
                if not (deed in {leave_early, vanish, only_connect} and isinstance(error, left)):
                    self.failures.append(f"{deed.__name__}: {type(error).__name__}: {error}")
            finally:
                client.close()

    def _probe(self) -> None:
        """Ask for health on a connection that stays and on new ones, all the time."""
        chance = random.Random(0)
        staying = Client(self._port)
        while time.monotonic() < self._until and not self.failures:
            for client in (staying, Client(self._port)):
                asked, began = Asked(chance, "echo"), time.monotonic()
                try:
                    client.socket.sendall(asked.sent)
                    asked.check(client.reply())
                except Exception as error:
                    self.failures.append(f"probe: {type(error).__name__}: {error}")
                self.worst = max(self.worst, time.monotonic() - began)
                if client is not staying:
                    client.close()
            time.sleep(0.02)
        staying.close()


class Process:
    """What a process holds, from /proc."""

    def __init__(self, number: int) -> None:
        self._folder = Path(f"/proc/{number}")

    def descriptors(self) -> int:
        return len(os.listdir(self._folder / "fd"))

    def threads(self) -> int:
        return len(os.listdir(self._folder / "task"))

    def memory(self) -> int:
        """Resident octets."""
        return int((self._folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds used so far."""
        words = (self._folder / "stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def settles(value: Callable[[], float], at_most: float, seconds: float = 15) -> float:
    """Wait until a value is low enough; return the last."""
    deadline = time.monotonic() + seconds
    while (last := value()) > at_most and time.monotonic() < deadline:
        time.sleep(0.05)
    return last


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors in /proc")
def test_stress(serve, tmp_path):
    """Every reply is its own, the probe is always answered, and afterwards all is as before."""
    (tmp_path / "stressed.py").write_text(APPLICATION)
    threads = 12
    server = serve("stressed:application", "--threads", str(threads), "--output-buffer", "64K", chdir=tmp_path)
    process = Process(server.process.pid)
    first = Client(server.port)
    asked = Asked(random.Random(0), "echo")
    first.socket.sendall(asked.sent)
    asked.check(first.reply())  # now the reactor runs and has all that it needs
    before = process.descriptors() - 1
    first.close()
    assert Load(server.port, WARM_UP, seed=1).run().failures == [], server.output()
    settles(process.descriptors, before)
    memory = process.memory()

    load = Load(server.port, LOAD, seed=1000).run()
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
