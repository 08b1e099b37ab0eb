"""What contrib/systemd has: units that systemd takes, that leave an attacker little, and that fit the server."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from authority import Authority

from wsgicontainer.options import Options, settings_from

EXPOSURE = 15
"""Tenths of systemd's points from 0 to 10 (a service without any hardening has 9.6): what is left is the network."""
SERVICES = ("wsgicontainer.service", "wsgicontainer@.service")
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def units(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units as they are, but for the command's folder; and an instance of each template."""
    folder = tmp_path_factory.mktemp("units")
    for unit in (root / "contrib" / "systemd").iterdir():
        text = re.sub(r"/srv/\S+/bin/", f"{BIN}/", unit.read_text())
        (folder / unit.name).write_text(text)
        if "@" in unit.name:
            (folder / unit.name.replace("@", "@blog")).write_text(text)
    return folder


def settings_of(service: Path) -> dict[str, list[str]]:
    """Return what each key of a unit is set to; a value that goes on on the next line is one."""
    lines = service.read_text().replace("\\\n", " ").splitlines()
    pairs = [line.partition("=") for line in lines if "=" in line and not line.startswith("#")]
    return {key: [value for other, _, value in pairs if other == key] for key, _, _ in pairs}


def command_of(service: Path) -> list[str]:
    return shlex.split(settings_of(service)["ExecStart"][0])


def parsed(words: list[str], environ: dict[str, str]):
    """Return Settings of a command line."""
    options = Options()
    options.parseOptions(words)

    def read(name: str) -> bytes:
        raise FileNotFoundError(name)

    return settings_from(options, environ, read)


@pytest.mark.needs("systemd-analyze")
def test_systemd_has_nothing_to_say_about_them(units):
    names = sorted(unit.name for unit in units.iterdir() if "@." not in unit.name)
    assert len(names) == 5
    words = ["systemd-analyze", "verify", "--man=no", *(f"./{name}" for name in names)]
    done = subprocess.run(words, cwd=units, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.needs("systemd-analyze")
@pytest.mark.parametrize("name", SERVICES)
def test_an_attacker_is_left_with_little(units, name):
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSURE}", f"./{name}"]
    done = subprocess.run(words, cwd=units, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_the_command_is_one_that_the_server_takes(units, name):
    """And systemd's patience is longer than the server's; the sockets have the names that the command asks for."""
    said = settings_of(units / name)
    words = [word.replace("%d", "/run/credentials/x").replace("%i", "blog") for word in command_of(units / name)]
    settings = parsed(words[1:], {} if "mysite" in said["ExecStart"][0] else {"WSGICONTAINER_WSGI": "blog.wsgi"})
    assert said["Type"] == ["notify"] and said["Restart"] == ["on-failure"]
    assert said["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
    assert float(said["TimeoutStopSec"][0]) > settings.graceful_timeout + 5
    assert int(said["LimitNOFILE"][0]) >= 2 * settings.max_connections
    stem = name.partition(".")[0]
    sockets = [settings_of(each) for each in units.glob(f"{stem.removesuffix('@')}*.socket") if "blog" not in each.name]
    sockets = [each for each in sockets if ("%i" in each["ListenStream"][0]) == ("@" in name)]
    names = {each["FileDescriptorName"][0] for each in sockets}
    assert {port.rpartition("systemd:name=")[2] for port in settings.ports} == names
    assert {each["Backlog"][0] for each in sockets} == {str(settings.backlog)}


@pytest.mark.needs("systemd-socket-activate")
def test_the_service_serves_its_site_with_keys_out_of_its_credentials(units, start, need, apps, tmp_path):
    """Its own command line, as systemd would run it: port 80 redirects, port 443 has the certificate."""
    authority = Authority(tmp_path)
    authority.write(tmp_path / "credentials", "a.example")
    ports = []
    for _ in range(2):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            ports.append(sock.getsockname()[1])
    words = [word.replace("%d", str(tmp_path / "credentials")) for word in command_of(units / "wsgicontainer.service")]
    words[words.index("mysite.wsgi:application")] = "hello:app"
    before = ["--fdname=http:https", *(f"--listen=127.0.0.1:{port}" for port in ports)]
    before += [f"--setenv={name}" for name in os.environ]
    server = start(need("systemd-socket-activate"), *before, *words, cwd=shutil.copytree(apps, tmp_path / "site"))
    server.wait_for("(?s)(Listening on 127.*){2}")
    site = f"https://a.example:{ports[1]}/"
    with socket.create_connection(("127.0.0.1", ports[0]), timeout=20) as client:
        client.sendall(f"GET / HTTP/1.1\r\nHost: a.example:{ports[0]}\r\nConnection: close\r\n\r\n".encode())
        reply = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert reply.startswith("HTTP/1.1 308 ") and f"Location: {site}\r\n" in reply
    plain = socket.create_connection(("127.0.0.1", ports[1]), timeout=20)
    with authority.client().wrap_socket(plain, server_hostname="a.example") as secure:
        secure.sendall(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n")
        assert b"".join(iter(lambda: secure.recv(65536), b"")).startswith(b"HTTP/1.1 200 ")
    assert server.stop() == 0
