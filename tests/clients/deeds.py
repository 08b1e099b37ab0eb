"""What clients do, good and bad, and the application that lets each of them know that a reply is its own.

A deed takes a connected client and a source of chance; it raises if a reply is not whole or not the one asked for.
"""

from __future__ import annotations

import random
import socket
import threading
import time

from rawclient import Client, Wrong

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


MAKERS = {"": echo, "echo": echo, "slow": slow, "busy": busy, "big": big, "stream": stream, "file": file}


def application(environ, start_response):
    kind, _, token = environ["PATH_INFO"][1:].partition("/")
    made = MAKERS[kind](token.encode(), environ["wsgi.input"].read())
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Token", token)])
    return environ["wsgi.file_wrapper"](made) if kind == "file" else made
"""
KINDS = {"echo": 1, "slow": 1, "busy": 1, "big": 10000, "stream": 10000, "file": 10000}
"""How often a reply of each kind repeats its token."""


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
OVER_TLS = [deed for deed in DEEDS if deed not in {pipeline, half_close}]
"""Without those that use a connection from two threads, or close half of it: Python's TLS clients can't."""
