"""`--user`, `--group`, `--umask`, `--name`: ports are opened as root, all else is done as somebody who may do little.

Only root can become somebody else: CI runs these as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

UID, GID = 60_001, 60_002
"""Numbers that nobody has."""
WHO = ["--user", str(UID), "--group", str(GID)]
WRITES_ON_IMPORT = """
import os
open("imported", "w").close()
print("imported as", os.getresuid(), os.popen("id -ru").read())
def app(environ, start_response): pass
"""


DROPPED = f"""
import os
import wsgicontainer.assembly, wsgicontainer.__main__, twisted.internet.reactor, twisted.plugins.wsgicontainer_plugin
os.setgid({GID + 1})
os.setuid({UID + 1})
wsgicontainer.__main__.main()
"""
"""All is imported before: root's interpreter may lie where others don't come."""


@pytest.fixture(scope="module", autouse=True)
def _root() -> None:
    if os.geteuid():
        sentence = "only root can test how privileges are shed"
        if os.environ.get("REQUIRE_TOOLS", "0") not in {"", "0"}:
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)


@pytest.fixture
def home(apps: Path) -> Iterator[Path]:
    """A folder that belongs to the user; pytest's own ones are closed to others than root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    shutil.copy(apps / "parent.py", folder)
    for path in (folder, folder / "parent.py"):
        os.chown(path, UID, GID)
    yield folder
    shutil.rmtree(folder)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)


def owner_of(path: Path) -> tuple[int, int, str]:
    found = path.lstat()
    return found.st_uid, found.st_gid, oct(found.st_mode & 0o777)


def free_low_port() -> int:
    """Return a port that only root may open."""
    for port in range(1023, 512, -1):
        with socket.socket() as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("every port below 1024 is taken")


def facts_of(url: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in requests.get(f"{url}/facts", timeout=10).text.splitlines())


@pytest.mark.parametrize("door", ["twist", "twistd"])
def test_everything_but_the_port_is_the_users(start, home, door):
    """It listens below 1024 and has nothing of root left; pid file, log and socket are the user's, and logs rotate."""
    words = {"twist": ["twist", "--log-format=text"], "twistd": ["twistd", "--nodaemon", "--pidfile="]}[door]
    port = free_low_port()
    server = start(
        *words, "wsgicontainer", "parent:app", *WHO, "--umask", "027", "--name", "mysite", "--access-log", "access.log",
        "--pid-file", "pid", "--port", f"tcp:{port}:interface=127.0.0.1", "--port", "unix:s.sock:mode=660", cwd=home,
    ).started()  # fmt: skip
    facts = facts_of(server.url)
    assert facts["user"] == str((UID,) * 3) and facts["group"] == str((GID,) * 3)
    assert (facts["groups"], facts["umask"], facts["title"]) == (f"[{GID}]", "0027", "mysite")
    assert owner_of(home / "pid") == owner_of(home / "access.log") == (UID, GID, "0o640")
    assert owner_of(home / "s.sock") == (UID, GID, "0o660")
    (home / "access.log").rename(home / "access.log.1")
    server.process.send_signal(signal.SIGUSR1)
    until((home / "access.log").exists)
    assert owner_of(home / "access.log") == (UID, GID, "0o640")
    os.chown(home, 0, 0)
    (home / "access.log").rename(home / "access.log.2")
    server.process.send_signal(signal.SIGUSR1)
    server.wait_for(r"access\.log can't be opened again \(Permission denied\); lines still go to the file as it was")
    os.chown(home, UID, GID)
    assert server.stop() == 0
    assert not {"pid", "s.sock", "s.sock.lock"}.intersection(os.listdir(home))
    assert "Traceback" not in server.output()


def test_the_application_is_imported_as_the_user(start, home):
    """What it writes then it can write later, and the commands that it runs have no way back to root."""
    (home / "writes.py").write_text(WRITES_ON_IMPORT)
    server = start("wsgicontainer", "writes:app", *WHO, "-b", "127.0.0.1:0", cwd=home).started()
    assert f"imported as ({UID}, {UID}, 0) {UID}" in server.output()
    assert owner_of(home / "imported") == (UID, GID, "0o644")


def test_a_key_that_only_root_may_read(start, home, need):
    """It is read before privileges are shed and served; that a renewal will not be seen is said at once."""
    keys = home / "keys"
    keys.mkdir()
    pem = keys / "localhost.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(
        [need("openssl"), *made, "-addext", "subjectAltName=DNS:localhost", "-keyout", pem, "-out", keys / "cert"],
        check=True, capture_output=True,
    )  # fmt: skip
    pem.write_bytes(pem.read_bytes() + (keys / "cert").read_bytes())
    pem.chmod(0o600)
    port = f"tls:{keys}:0:interface=127.0.0.1"
    server = start("wsgicontainer", "parent:app", *WHO, "--port", port, cwd=home).started()
    server.wait_for(f"localhost.pem can't be read with --user {UID}: it is served, but renewals are not seen until")
    reply = requests.get(f"https://localhost:{server.port}/facts", verify=str(keys / "cert"), timeout=10)
    assert f"user=({UID}, {UID}, {UID})" in reply.text


def test_a_folder_that_the_user_may_not_write_is_one_sentence(start, home):
    """Nothing is written there as root: a link that the user has put there would be followed."""
    os.chown(home, 0, 0)
    for option, name in (("--pid-file", "pid"), ("--access-log", "log"), ("--port", "unix:socket")):
        refused = start("wsgicontainer", "parent:app", *WHO, "-b", "127.0.0.1:0", option, name, cwd=home)
        assert refused.wait() == 3
        assert f"{option} " in refused.output() and "(Permission denied)" in refused.output()
        assert "Traceback" not in refused.output()
        assert not {"pid", "log", "socket"}.intersection(os.listdir(home))


def test_who_is_not_root_is_told(start, home):
    refused = start(sys.executable, "-c", DROPPED, "parent:app", *WHO, "-b", "127.0.0.1:0", cwd=home)
    assert refused.wait() == 3
    assert refused.output() == (
        f"wsgicontainer: --user {UID}: user {UID + 1} may not become another (Operation not permitted); "
        "start as root, or leave it out\n"
    )


def test_a_project_that_the_user_may_not_read_is_told(start, home):
    """It is there, as root sees it."""
    os.chown(home, 0, 0)
    home.chmod(0o700)
    refused = start("wsgicontainer", "parent:app", *WHO, "-b", "127.0.0.1:0", cwd=home)
    assert refused.wait() == 4
    assert f"there is no module parent that this user may read: {home} is closed to it" in refused.output()


def test_nobody_of_that_name_is_told(start, home):
    refused = start("wsgicontainer", "parent:app", "--user", "no-such-one", cwd=home)
    assert refused.wait() == 2
    assert refused.output() == "wsgicontainer: --user no-such-one: there is no such user; name one, or a number\n"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_check_looks_as_the_user(home, workers):
    """Where root may write, it may not: the check says so, of a socket and of temporary files, and is content else."""

    def checked(*words: str, before: str = "true") -> tuple[int, str]:
        command = [sys.executable, "-m", "wsgicontainer", "parent:app", "--workers", workers, "--check-config"]
        shell = ["sh", "-c", f'{before} && exec "$@"', "sh", *command, *WHO, *words]
        done = subprocess.run(shell, cwd=home, capture_output=True, text=True, check=False, timeout=20)
        return done.returncode, done.stderr

    closed = home / "closed"
    closed.mkdir(mode=0o700)
    assert checked("--port", f"unix:{home}/s") == (0, "")
    status, said = checked("--port", f"unix:{closed}/s")
    assert (status, said.count("\n")) == (3, 1) and "choose a folder that this user may write" in said, said
    status, said = checked(before="ulimit -f 0")  # nobody may write anything
    assert status == 3 and f"--user {UID}: temporary files can't be written" in said, said
    assert not [path for path in home.iterdir() if path.name not in {"parent.py", "closed", "__pycache__"}]
