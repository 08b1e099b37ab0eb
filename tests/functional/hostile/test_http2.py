"""Floods of frames against the real command: each ends with the connection closed and one line; others are served."""

from __future__ import annotations

import time

import pytest
from h2client import Client, request
from hyperframe.frame import DataFrame, HeadersFrame, PingFrame, PriorityFrame, RstStreamFrame, SettingsFrame
from hyperframe.frame import WindowUpdateFrame as Window
from observing import Vigil, settles

TRUSTED = ("--forwarded-allow-ips", "127.0.0.1")
CALM = 11


def again(frame):
    """The same frame, 200 at a time."""
    octets = frame.serialize() * 200
    return lambda client: iter(lambda: octets, None)


def resets(client):
    for first in range(1, 1 << 20, 40):
        numbers = range(first, first + 40, 2)
        yield b"".join(
            client.head(each, request("/")).serialize() + RstStreamFrame(each, 8).serialize() for each in numbers
        )


def provoked(client):
    """MadeYouReset: each request is valid, and each next frame makes the server reset it."""
    for first in range(1, 1 << 20, 40):
        numbers = range(first, first + 40, 2)
        yield b"".join(client.head(each).serialize() + Window(each, 2**31 - 1).serialize() for each in numbers)


def continuations(client):
    yield HeadersFrame(1, client.encoder.encode(request())).serialize()
    while True:
        yield b"\0\0\0\x09\0\0\0\0\1" * 100


def fat_continuations(client):
    yield HeadersFrame(1, client.encoder.encode(request())).serialize()
    while True:
        yield b"\0\x40\0\x09\0\0\0\0\1" + bytes(16384)


def bombs(client):
    """4 KiB in the table, named in a hundred octets a hundred times."""
    client.encoder.encode([("x", "y" * 3900)])
    for stream in range(1, 1 << 20, 2):
        yield client.head(stream, [*request(), *[("x", "y" * 3900)] * 200]).serialize()


def empty(client):
    yield client.head(1, request("/echo", "POST"), "END_HEADERS").serialize()
    while True:
        yield DataFrame(1).serialize() * 200


ATTACKS = {
    "rapid reset": resets,
    "made you reset": provoked,
    "continuation": continuations,
    "fat continuation": fat_continuations,
    "settings": again(SettingsFrame(0, settings={3: 100})),
    "ping": again(PingFrame(0, b"12345678")),
    "priority": again(PriorityFrame(1, depends_on=3, stream_weight=1)),
    "window": again(Window(0, 1)),
    "empty content": empty,
    "hpack bomb": bombs,
}


def attack(port, make, *, reads):
    """Send until the server has had enough; return the code that it gave, if it could be read."""
    client = Client(port)
    try:
        for octets in make(client):
            client.send(octets)
            if reads:
                client.socket.settimeout(0.001)
                try:
                    if not client.read():
                        break
                except TimeoutError:
                    pass
                if client.goaway() is not None:
                    break
        farewell = client.goaway()
        return None if farewell is None else farewell.error_code
    except ConnectionError:
        return None
    finally:
        client.close()


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("reads", [True, False], ids=["reading", "deaf"])
def test_a_flood_is_over_soon(name, reads, besieged, attack_seconds):
    server = besieged(*TRUSTED)
    with Vigil(server) as vigil:
        deadline = time.monotonic() + attack_seconds
        codes = []
        while time.monotonic() < deadline:
            codes.append(attack(server.port, ATTACKS[name], reads=reads))
    vigil.check()
    if reads:
        assert codes and set(codes) <= {CALM, 1, None} and not {CALM, 1}.isdisjoint(codes), codes
    line = r"HTTP/2 connection of 127\.0\.0\.1 ended with error (11|1): "
    server.wait_for(line)
    assert "Traceback" not in server.output()


def test_a_thousand_closed_windows_hold_nothing(besieged):
    """Zero window: the streams are ended after --send-timeout, and what they held is given back."""
    server = besieged(*TRUSTED, "--send-timeout", "2", threads=8)
    with Vigil(server) as vigil:
        clients = [Client(server.port, {4: 0}) for _ in range(10)]
        for client in clients:
            client.send(*(client.head(stream, request("/whole?100000")) for stream in range(1, 201, 2)))
        for client in clients:
            client.to_the_end()
            farewell = client.goaway()
            assert farewell is not None and farewell.error_code == CALM
            client.close()
    vigil.check()


def test_windows_that_drip_do_not_either(besieged):
    server = besieged(*TRUSTED, "--send-timeout", "2")
    client = Client(server.port, {4: 1})
    client.send(client.head(1, request("/whole?100000")))
    began = time.monotonic()
    client.socket.settimeout(0.2)
    while time.monotonic() - began < 20 and client.goaway() is None:
        try:
            if not client.read():
                break
        except TimeoutError:
            pass
        try:
            client.send(Window(1, 1))
        except ConnectionError:
            break
        time.sleep(0.1)  # faster, it would be a flood of frames
    assert time.monotonic() - began < 10
    client.close()
    server.wait_for(r"its windows took nothing for 2 s")


def test_uploads_that_stop_are_ended(besieged):
    server = besieged(*TRUSTED, "--body-timeout", "1")
    with Vigil(server) as vigil:
        client = Client(server.port)
        client.send(*(client.head(each, request("/echo", "POST"), "END_HEADERS") for each in range(1, 101, 2)))
        client.wait(*range(1, 101, 2))
        assert {client.status(each) for each in range(1, 101, 2)} == {408}
        client.close()
        assert settles(vigil.process.sockets, vigil.sockets + 1) <= vigil.sockets + 1
    vigil.check()
