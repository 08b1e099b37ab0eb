"""Process 1 of a container, and `--init` elsewhere: nothing stays a zombie, no status is stolen, signals arrive.

The container is a process namespace of its own (unshare). Transports make no difference here.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

BIN = Path(sys.executable).parent
IGNORING = ["env", "--ignore-signal=CHLD"]
"""Start a command as careless supervisors do: with SIGCHLD ignored, nobody would have exit statuses."""
PORT = ["--port", "tcp:0:interface=127.0.0.1"]
KINDS = ["process 1", "--init"]


def until(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def stat_of(pid: int) -> tuple[str, int]:
    """Return a process's state and parent; "" if it is gone."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return "", 0
    return words[0], int(words[1])


def children_of(pid: int) -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and stat_of(int(name))[1] == pid]


@pytest.fixture(scope="session")
def container(need) -> list[str]:
    """What makes a command process 1."""
    words = [need("unshare"), *(["--map-root-user"] if os.geteuid() else [])]
    words += ["--pid", "--fork", "--mount-proc", "--kill-child"]
    tried = subprocess.run([*words, "true"], capture_output=True, check=False)
    if tried.returncode:
        sentence = f"no process namespaces here: {tried.stderr.decode()}"
        if os.environ.get("REQUIRE_TOOLS", "0") not in {"", "0"}:
            pytest.fail(sentence, pytrace=False)
        pytest.skip(sentence)
    return words


class House:
    """A server below an init, and the process ids of both as we see them."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, kind: str) -> None:
        self.process, self.log, self.kind = process, log, kind
        until(lambda: self._listening() or process.poll() is not None, "it does not listen", 30)
        found = self._listening()
        assert found is not None, log.read_text()
        self.url = found[0]
        self.init = process.pid if kind == "--init" else children_of(process.pid)[0]
        [self.server] = children_of(self.init)

    def _listening(self) -> re.Match[str] | None:
        return re.search(r"http://127\.0\.0\.1:\d+", self.log.read_text())

    def get(self, path: str) -> str:
        reply = requests.get(f"{self.url}{path}", timeout=30)
        assert reply.status_code == 200, self.log.read_text()
        return reply.text

    def facts(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.get("/facts").splitlines())

    def ended(self) -> int:
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running:\n{self.log.read_text()}", pytrace=False)


Begin = Callable[..., House]


def beginning(folder: Path, container: list[str], apps: Path) -> Iterator[Begin]:
    houses: list[subprocess.Popen[bytes]] = []

    def begin(kind: str, *options: str, command: str = "wsgicontainer", before: tuple[str, ...] = ()) -> House:
        words = [*(container if kind == "process 1" else ()), *before, *f"{BIN}/{command}".split()]
        words += ["parent:app", "--chdir", str(folder), "--threads", "4", *PORT, *options]
        words += ["--init"] if kind == "--init" else []
        log = folder / f"output-{len(houses)}"
        with log.open("wb") as output:
            houses.append(subprocess.Popen(words, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output))
        return House(houses[-1], log, kind)

    (folder / "parent.py").write_bytes((apps / "parent.py").read_bytes())
    yield begin
    for process in houses:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def begin(tmp_path: Path, container: list[str], apps: Path) -> Iterator[Begin]:
    yield from beginning(tmp_path, container, apps)


@pytest.fixture(scope="module", params=KINDS)
def house(request, tmp_path_factory, container: list[str], apps: Path) -> Iterator[House]:
    """One server for what does not end it; who starts it ignores SIGCHLD."""
    folder = tmp_path_factory.mktemp("house")
    command = "twistd --nodaemon --pidfile= wsgicontainer"
    for begin in beginning(folder, container, apps):
        yield begin(request.param, "--access-log", str(folder / "access.log"), command=command, before=tuple(IGNORING))


def test_100_orphans_and_100_commands_at_once(house):
    """Each command's own status comes back, those that a signal has killed too; of the orphans none is left."""
    commands = [number % 256 for number in range(95)] + [256 + signal.SIGKILL] * 5
    expected = [str(code) if code < 256 else str(256 - code) for code in commands]
    with ThreadPoolExecutor(8) as clients:
        orphans = [clients.submit(house.get, "/orphan?count=5") for _ in range(20)]
        ran = [clients.submit(house.get, f"/run?status={code}") for code in commands]
        assert [each.result() for each in ran] == expected
        assert [each.result() for each in orphans] == ["0"] * 20
    until(lambda: children_of(house.init) == [house.server], f"{children_of(house.init)} are left")
    assert children_of(house.server) == []


def test_an_orphan_that_lives_on_is_adopted(house):
    """Also where there is another process 1, which may be a program that reaps nothing."""
    assert house.get("/stay") == "0"
    until(lambda: len(children_of(house.init)) == 2, "nobody has adopted it")
    [orphan] = set(children_of(house.init)) - {house.server}
    os.kill(orphan, signal.SIGKILL)
    until(lambda: stat_of(orphan)[0] == "", "it stays a zombie")


def test_the_server_is_a_process_like_any_other(house):
    """No signal is blocked in it or in the commands that it starts, and its children have exit statuses."""
    facts = house.facts()
    assert (facts["blocked"], facts["blocked in commands"], facts["child"]) == ("0", "0", "True")
    if house.kind == "process 1":
        assert facts["parent"] == "1"
    else:
        assert facts["parent"] == str(house.init)


def test_init_holds_nothing(house):
    """Neither a socket, in which clients would wait for nobody, nor the server's memory."""
    assert sorted(os.listdir(f"/proc/{house.init}/fd"), key=int) == ["0", "1", "2"]
    status = Path(f"/proc/{house.init}/status").read_text()
    assert status.startswith("Name:\tinit\n")
    assert int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) < 20_000


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGHUP])
def test_the_log_is_opened_anew_when_init_is_told_so(house, number):
    log = house.log.parent / "access.log"
    log.rename(log.with_suffix(f".{number}"))
    os.kill(house.init, number)
    until(log.exists, "it is not opened again")
    house.get("/facts")
    until(lambda: "/facts" in log.read_text(), "nothing is written to it")


@pytest.mark.parametrize("kind", KINDS)
def test_term_drains(begin, kind):
    """Who waits is answered, and the status is 0: what `docker stop` and Kubernetes want."""
    house = begin(kind)
    with ThreadPoolExecutor(1) as client:
        waiting = client.submit(house.get, "/sleep?tenths=8")
        until((house.log.parent / "sleeping").exists, "the request does not run")
        os.kill(house.init, signal.SIGTERM)
        assert waiting.result() == "awake"
    assert house.ended() == 0, house.log.read_text()


SLOW = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "twisted.application.twist":
            open("importing", "w").close()
            time.sleep(60)
sys.meta_path.insert(0, Slow())
"""


def test_term_is_heard_while_process_1_still_imports(container, tmp_path):
    """The kernel gives it no signal that it has not asked for: `docker stop` would wait until it kills."""
    (tmp_path / "sitecustomize.py").write_text(SLOW)
    words = [*container, str(BIN / "wsgicontainer"), "parent:app", *PORT]
    with subprocess.Popen(words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}) as process:
        until((tmp_path / "importing").exists, "it does not import")
        os.kill(children_of(process.pid)[0], signal.SIGTERM)
        assert process.wait(15) == 128 + signal.SIGTERM


def test_a_reload_as_process_1_has_changed_nothing(begin):
    """That there is an init was not asked for, and is no option that has gone."""
    house = begin("process 1", "--workers", "2", "--preload", "--warmup=")
    os.kill(house.init, signal.SIGHUP)
    until(lambda: "Generation 2 serves" in house.log.read_text(), "it does not reload", 30)
    assert "needs a restart" not in house.log.read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_server_is_128_and_the_signal(begin, kind):
    house = begin(kind, before=tuple(IGNORING))
    os.kill(house.server, signal.SIGKILL)
    assert house.ended() == 128 + signal.SIGKILL


def test_the_server_ends_with_its_init(begin):
    """Nothing serves on without whom a supervisor watches; a change of the group makes the kernel forget that."""
    house = begin("--init", *(() if os.geteuid() else ("--group", "1")))
    house.process.kill()
    house.process.wait()
    until(lambda: stat_of(house.server)[0] == "", "the server goes on")
    assert "Main loop terminated" in house.log.read_text()


ACTIVATED = """
import os, socket, sys
listening = socket.create_server(("127.0.0.1", 0))
os.dup2(listening.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="web", WATCHDOG_PID=str(os.getpid()))
os.environ.update(NOTIFY_SOCKET=sys.argv[1], WATCHDOG_USEC="300000")
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_what_systemd_passes_goes_to_the_server(begin, tmp_path):
    """Its sockets and its watchdog: init takes no part in either."""
    told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    told.bind(str(tmp_path / "notify"))
    told.settimeout(20)
    before = (sys.executable, "-c", ACTIVATED, str(tmp_path / "notify"))
    house = begin("--init", "--port", "systemd:domain=INET:index=0", before=before)
    urls = re.findall(r"http://127\.0\.0\.1:\d+", house.log.read_text())
    assert len(urls) == 2
    assert "parent=" in requests.get(f"{urls[1]}/facts", timeout=10).text
    assert f"MAINPID={house.server}" in told.recv(1000).decode().split("\n")
    while told.recv(1000) != b"WATCHDOG=1":
        pass
    told.close()
    assert sorted(os.listdir(f"/proc/{house.init}/fd"), key=int) == ["0", "1", "2"]


def test_the_example_of_a_container(container, root, tmp_path):
    """Its image is built nowhere here; the command that it would run runs, as process 1, and stops as it says."""
    example = root / "examples" / "06-container"
    lines = (line.partition(" ") for line in (example / "Containerfile").read_text().splitlines())
    said = {name: value for name, _, value in lines if name.isupper()}
    assert said["USER"].split(":")[0].isdecimal() and int(said["USER"].split(":")[0]) > 0
    assert said["COPY"] == f"examples/06-container/site_app.py {said['WORKDIR']}/"
    assert said["ENV"] == f"PORT={said['EXPOSE']}"
    words = [*json.loads(said["ENTRYPOINT"]), *json.loads(said["CMD"])]
    shutil.copy(example / "site_app.py", tmp_path)
    log = tmp_path / "output"
    path = f"{BIN}:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", said["RUN"]], env={**os.environ, "PATH": path}, check=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*container, *words, *PORT], cwd=tmp_path, env={**os.environ, "PATH": path}, stdout=output, stderr=output
        )
    try:
        house = House(process, log, "process 1")
        assert house.get("/") in (example / "README.md").read_text()
        os.kill(house.init, signal.Signals[said["STOPSIGNAL"]])
        assert house.ended() == 0
        assert '"GET / HTTP/1.1" 200 ' in log.read_text()
    finally:
        process.kill()
        process.wait()


def test_a_daemon_has_no_init(start, apps, tmp_path):
    """`twistd` that goes into the background would end its init at once, and in a container the container."""
    refused = start("twistd", "wsgicontainer", "parent:app", "--init", "--chdir", str(apps), cwd=tmp_path)
    assert refused.wait() == 2
    assert refused.output() == (
        "wsgicontainer: --init: when twistd goes into the background, init ends; write twistd --nodaemon\n"
    )
