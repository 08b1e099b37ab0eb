"""The way out, and the ways in that fail: nothing that was promised is lost, nothing stays, and the status says why."""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
APPLICATION = """
import os
import threading
import time


def application(environ, start_response):
    path = environ["PATH_INFO"]
    open("seen" + path.replace("/", "-"), "w").close()
    if path == "/spin":
        while True:
            pass
    if path == "/block":
        threading.Event().wait()
    if path.startswith("/sleep/"):
        time.sleep(float(path.rpartition("/")[2]))
    if path == "/raise":
        raise SystemExit(3)
    content = environ["PATH_INFO"].encode() + b"?" + environ["QUERY_STRING"].encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(content)))])
    return [content]
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """Where the application lies."""
    (tmp_path / "leaving.py").write_text(APPLICATION)
    return tmp_path


def request_for(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.005)


def threads_of(number: int) -> int:
    return len(os.listdir(f"/proc/{number}/task"))


def read_reply(client: socket.socket) -> bytes:
    """Read one reply with a Content-Length."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        assert part, f"cut after {data!r}"
        data += part
    head, _, content = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    while len(content) < length:
        part = client.recv(65536)
        assert part, f"cut after {data!r}"
        content += part
    return head + b"\r\n\r\n" + content


def ask(client: socket.socket, path: str) -> bytes:
    client.sendall(request_for(path))
    return read_reply(client)


@pytest.fixture
def connect() -> Iterator[Callable[[int], socket.socket]]:
    """Connect; what is still open is closed after the test."""
    made: list[socket.socket] = []

    def connect(port: int) -> socket.socket:
        made.append(socket.create_connection(("127.0.0.1", port), timeout=15))
        return made[-1]

    yield connect
    for client in made:
        client.close()


def refuses(port: int) -> bool:
    """Tell whether nobody listens any more."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


# --- Draining ---


class Crowd:
    """Clients that have asked and wait; some close once they are answered, the lazy ones keep their connection."""

    def __init__(self, clients: list[socket.socket], *, lazy: bool) -> None:
        self.clients, self._lazy = clients, lazy
        self.answers = dict.fromkeys(range(len(clients)), b"")
        self.last = 0.0

    def ask(self, path: str) -> None:
        for number, client in enumerate(self.clients):
            client.sendall(request_for(f"{path}?{number}"))

    def wait(self, seconds: float) -> None:
        """Read until each has an answer or the end of its connection."""
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            for number, client in enumerate(self.clients):
                selector.register(client, selectors.EVENT_READ, number)
            while selector.get_map():
                assert time.monotonic() < deadline, f"{len(selector.get_map())} without an answer"
                for key, _ in selector.select(1):
                    self._read(selector, key.fileobj, key.data)

    def _read(self, selector: selectors.BaseSelector, client: socket.socket, number: int) -> None:
        part = client.recv(65536)
        self.answers[number] += part
        if not part or self._whole(number):
            self.last = time.monotonic()
            selector.unregister(client)
            if not self._lazy:
                client.close()

    def _whole(self, number: int) -> bool:
        return self.answers[number].endswith(f"?{number}".encode())

    def all_answered(self) -> bool:
        return all(self._whole(number) and b" 200 OK" in self.answers[number] for number in self.answers)


@pytest.mark.parametrize("lazy", [False, True], ids=["who close", "who keep their connection"])
def test_200_requests_in_flight(serve, folder, connect, lazy):
    """All are answered, those that wait for a thread too, and the process is gone soon after the last.

    Half a second after it as a rule; nothing else would end it before 30 s.
    """
    server = serve("leaving:application", "--threads", "100", chdir=folder)
    crowd = Crowd([connect(server.port) for _ in range(200)], lazy=lazy)
    crowd.ask("/sleep/2")
    until(lambda: threads_of(server.process.pid) >= 100)
    server.process.send_signal(signal.SIGTERM)
    crowd.wait(20)
    assert crowd.all_answered(), server.output()
    assert server.wait(10) == 0
    assert time.monotonic() - crowd.last < 5, server.output()
    assert sum(b"\r\nConnection: close\r\n" in each for each in crowd.answers.values()) == 200
    assert "Traceback" not in server.output()


def test_what_waits_to_be_accepted_is_answered(serve, folder, connect):
    """The kernel has taken these connections in our name before we knew of them, and before we were told to end."""
    server = serve("leaving:application", chdir=folder)
    assert ask(connect(server.port), "/x").endswith(b"/x?")
    server.process.send_signal(signal.SIGSTOP)
    crowd = Crowd([connect(server.port) for _ in range(150)], lazy=False)
    crowd.ask("/late")
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    crowd.wait(10)
    assert crowd.all_answered(), server.output()
    assert server.wait(10) == 0


def test_draining(serve, folder, connect):
    """Who holds a connection is told to leave, who idles is shown out, who comes is refused, who waits is answered."""
    server = serve("leaving:application", chdir=folder)
    working, talking, idle, silent = (connect(server.port) for _ in range(4))
    for client in (talking, idle):
        assert b"Connection: close" not in ask(client, "/first")
    working.sendall(request_for("/sleep/1.5"))
    half = connect(server.port)
    half.sendall(b"GET /half HTTP/1.1\r\n")
    until((folder / "seen-sleep-1.5").exists)
    server.process.send_signal(signal.SIGTERM)
    until(lambda: refuses(server.port))
    assert b"\r\nConnection: close\r\n" in ask(talking, "/once-more")
    assert talking.recv(1) == b""
    half.sendall(b"Host: h\r\n\r\n")
    assert read_reply(half).endswith(b"/half?")
    assert idle.recv(1) == b"" and silent.recv(1) == b""
    assert read_reply(working).endswith(b"/sleep/1.5?")
    assert server.wait(5) == 0


@pytest.mark.parametrize("stuck", ["/block", "/spin"])
def test_a_stuck_request_does_not_keep_the_process(serve, folder, connect, stuck):
    """It is gone after --graceful-timeout; that request is visibly broken, and the others were answered."""
    server = serve("leaving:application", "--graceful-timeout", "1", "--threads", "3", chdir=folder)
    victim, other = connect(server.port), connect(server.port)
    victim.sendall(request_for(stuck))
    until((folder / f"seen-{stuck[1:]}").exists)
    other.sendall(request_for("/sleep/0.5"))
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    assert read_reply(other).endswith(b"/sleep/0.5?")
    assert server.wait(10) == 0
    assert 0.9 < time.monotonic() - began < 10  # it would sleep, or spin, for a minute
    assert cut(victim)
    assert "Traceback" not in server.output()


def cut(client: socket.socket) -> bool:
    """Tell whether a connection ends without an answer."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_means_now(serve, folder, connect, second):
    server = serve("leaving:application", "--graceful-timeout", "60", chdir=folder)
    client = connect(server.port)
    client.sendall(request_for("/block"))
    until((folder / "seen-block").exists)
    server.process.send_signal(signal.SIGTERM)
    server.wait_for("Draining")
    began = time.monotonic()
    assert server.stop(second, seconds=10) == 0
    assert time.monotonic() - began < 30, "it waited for the drain"
    assert cut(client)


def test_ctrl_c_means_now(serve, folder, connect):
    server = serve("leaving:application", "--graceful-timeout", "60", chdir=folder)
    client = connect(server.port)
    client.sendall(request_for("/block"))
    until((folder / "seen-block").exists)
    began = time.monotonic()
    assert server.stop(signal.SIGINT, seconds=10) == 0
    assert time.monotonic() - began < 2


def test_an_idle_server_leaves_at_once(serve, folder):
    server = serve("leaving:application", chdir=folder)
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 1.5


def test_a_signal_just_after_the_start_waits_for_the_reactor(serve, folder):
    """The moment the port is open, TERM is a drain: not the end of a process that leaves its pid file behind."""
    for _ in range(3):
        server = serve("leaving:application", "--pid-file", str(folder / "pid"), chdir=folder)
        assert server.stop() == 0
        assert not (folder / "pid").exists()


# --- Every command ---


@pytest.mark.parametrize("command", ["script", "twist", "twistd"])
def test_every_command_drains(serve, folder, connect, command):
    """`wsgicontainer`, `twist` and `twistd --nodaemon` answer what runs, and end with status 0."""
    server = serve("leaving:application", chdir=folder, command=command)
    client = connect(server.port)
    client.sendall(request_for("/sleep/0.3"))
    until((folder / "seen-sleep-0.3").exists)
    server.process.send_signal(signal.SIGTERM)
    assert read_reply(client).endswith(b"/sleep/0.3?")
    assert server.wait(10) == 0


def alive(number: int) -> bool:
    """Tell whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_daemon(folder, connect):
    """`twistd` goes into the background, answers, is stopped by its pid file, and removes that."""
    pid_file, log = folder / "server.pid", folder / "server.log"
    command = [str(BIN / "twistd"), f"--pidfile={pid_file}", f"--logfile={log}", "wsgicontainer", "leaving:application"]
    subprocess.run(
        [*command, "--port", "tcp:0:interface=127.0.0.1", "--chdir", str(folder)], cwd=folder, check=True, timeout=20
    )
    until(pid_file.exists)
    number = int(pid_file.read_text())
    try:
        until(lambda: "listening on" in log.read_text())
        port = int(log.read_text().partition("listening on http://127.0.0.1:")[2].split()[0])
        client = connect(port)
        assert ask(client, "/daemon").endswith(b"/daemon?")
        client.sendall(request_for("/sleep/0.3"))
        until((folder / "seen-sleep-0.3").exists)
        os.kill(number, signal.SIGTERM)
        assert read_reply(client).endswith(b"/sleep/0.3?")
        until(lambda: not alive(number))
    finally:
        if alive(number):
            os.kill(number, signal.SIGKILL)
    assert not pid_file.exists()
    assert "Traceback" not in log.read_text()


def test_the_pid_file(serve, folder):
    """It holds the number while the server runs, and is gone afterwards."""
    pid_file = folder / "ours.pid"
    server = serve("leaving:application", "--pid-file", str(pid_file), chdir=folder)
    assert int(pid_file.read_text()) == server.process.pid
    assert server.stop() == 0
    assert not pid_file.exists()


def test_signals_for_a_supervisor_are_told_and_do_no_harm(serve, folder):
    """Who comes from gunicorn sends them by habit: they would end this process, or halt it."""
    server = serve("leaving:application", chdir=folder)
    for number in (signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU):
        server.process.send_signal(number)
        server.wait_for(f"{number.name} needs a supervisor: start with --workers 2 or more")
    assert server.stop() == 0


def test_help_into_a_reader_that_leaves(folder):
    command = f"{sys.executable} -m wsgicontainer --help | head -n 1"
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: ") and not done.stderr


def test_usr1_reopens_the_access_log(serve, folder, connect):
    """As logrotate does it: rename, signal; the next line goes to a new file, and none is lost."""
    log, old = folder / "access.log", folder / "access.log.1"
    server = serve("leaving:application", "--access-log", str(log), "--access-log-format", "common", chdir=folder)
    client = connect(server.port)
    ask(client, "/before")
    log.rename(old)
    ask(client, "/between")
    server.process.send_signal(signal.SIGUSR1)
    until(log.exists)
    ask(client, "/after")
    assert server.stop() == 0
    first, second = ([line.split()[6] for line in file.read_text().splitlines()] for file in (old, log))
    assert first + second == ["/before", "/between", "/after"]
    assert first[0] == "/before" and second[-1] == "/after"  # a line is written just after its reply


# --- Ways in that fail ---


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


FAILURES = {
    "wrong module": (["leavin:application"], 4, "leavin"),
    "wrong attribute": (["leaving:aplication"], 4, "aplication"),
    "bad endpoint": (["leaving:application", "--port", "tcp:eighty"], 2, "--port"),
    "no endpoint": (["leaving:application", "--port", "carrier-pigeon:1"], 2, "--port"),
    "taken port": (["leaving:application", "--port", "tcp:{taken}:interface=127.0.0.1"], 3, "--port"),
    "unknown option": (["leaving:application", "--thread", "4"], 2, "--thread"),
    "missing folder": (["leaving:application", "--static", "/static=./nowhere"], 3, "nowhere"),
    "unwritable log": (["leaving:application", "--access-log", "/nowhere/access.log"], 3, "--access-log"),
    "socket without folder": (["leaving:application", "--port", "unix:/nowhere/s:mode=660"], 3, "make the folder"),
    "socket where a file is": (["leaving:application", "--port", "unix:leaving.py"], 3, "remove what is there"),
    "socket with a long name": (["leaving:application", "--port", f"unix:{'s' * 120}"], 3, "write a shorter path"),
    "no certificate": (["leaving:application", "--certfile", "leaving.py"], 3, "--certfile leaving.py can't be served"),
    "no such address": (["leaving:application", "--port", "tcp:0:interface=192.0.2.1"], 3, "this machine behind"),
    "unwritable pid file": (["leaving:application", "--pid-file", "/nowhere/pid"], 3, "--pid-file"),
}


def fail(command: list[str], arguments: list[str], folder: Path, taken: int) -> subprocess.CompletedProcess[str]:
    words = [argument.format(taken=taken) for argument in arguments]
    if not any(word.startswith("--port") for word in words):
        words += ["--port", "tcp:0:interface=127.0.0.1"]
    return subprocess.run([*command, *words], cwd=folder, capture_output=True, text=True, check=False, timeout=20)


@pytest.mark.parametrize(("arguments", "status", "named"), FAILURES.values(), ids=FAILURES)
def test_what_is_wrong_is_one_sentence(folder, taken, arguments, status, named):
    """On stderr, with the thing named, the right status, and no traceback."""
    done = fail([sys.executable, "-m", "wsgicontainer"], arguments, folder, taken)
    assert done.returncode == status, done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("wsgicontainer: ")]
    assert len(said) == 1 and named in said[0], done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr


PAGE = Path(__file__).parents[2] / "docs/reference/exit-statuses.md"


EXAMPLES = {
    status: re.sub("^`|`.*$|… ?", "", last).strip()
    for status, last in re.findall(r"^\| (\d+) \|.*\| ([^|]*)\|$", PAGE.read_text(), re.MULTILINE)
}
"""Status -> what the page has one see."""
PROVOKED = {
    "0": ["leaving:application"],
    "1": ["leaving:application", "--timeout", "0.1", "--threads", "1", "--max-stuck-threads", "1"],
    "2": ["--thread", "4", "leaving:application"],
    "3": ["--pid-file", "/nowhere/pid", "leaving:application"],
    "4": ["leavin:application"],
}


def test_the_page_of_statuses_has_all_and_no_others():
    assert EXAMPLES.keys() == PROVOKED.keys()


@pytest.mark.parametrize("status", sorted(EXAMPLES))
def test_the_page_of_statuses_shows_what_is_said(start, folder, connect, status):
    words = [*PROVOKED[status], "--port", "tcp:0:interface=127.0.0.1"]
    server = start(sys.executable, "-m", "wsgicontainer", *words, cwd=folder)
    if status == "0":
        server.started().process.terminate()
    elif status == "1":
        connect(server.started().port).sendall(request_for("/sleep/60"))
    assert server.wait(20) == int(status), server.output()
    assert EXAMPLES[status] in server.output()
    assert EXAMPLES[status] or status == "0", "every failure has its example"


@pytest.mark.parametrize("case", sorted(FAILURES.keys() - {"taken port"}))
def test_a_check_says_what_a_start_would(folder, taken, case):
    """With the same status, before anybody stops what runs."""
    arguments, status, named = FAILURES[case]
    done = fail([sys.executable, "-m", "wsgicontainer"], [*arguments, "--check-config"], folder, taken)
    assert done.returncode == status and named in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1, "one fault, one mend"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_check_writes_nothing(folder, taken, workers):
    places = ["--access-log", "access.log", "--pid-file", "pid", "--port", "unix:socket"]
    before = sorted(folder.iterdir())
    words = ["leaving:application", *places, "--port", "tcp:{taken}", "--check-config", "--workers", workers]
    done = fail([sys.executable, "-m", "wsgicontainer"], words, folder, taken)
    assert (done.returncode, f"warning: --port tcp:{taken} is taken: by this server" in done.stderr) == (0, True)
    assert [path for path in sorted(folder.iterdir()) if path.name != "__pycache__"] == before


@pytest.mark.parametrize(
    ("words", "status"), [(["--port", "tcp:{taken}:interface=127.0.0.1"], 3), (["--check-config"], 0)]
)
def test_a_thread_of_the_application_does_not_keep_it(folder, taken, words, status):
    """Also when nothing has started, the process ends with the right status."""
    (folder / "threaded.py").write_text(
        "import threading, time\n"
        "from wsgiref.simple_server import demo_app as application\n"
        "threading.Thread(target=time.sleep, args=(60,)).start()\n"
    )
    done = fail([sys.executable, "-m", "wsgicontainer"], ["threaded:application", *words], folder, taken)
    assert done.returncode == status, done.stderr


@pytest.mark.parametrize("command", ["twist", "twistd"])
@pytest.mark.parametrize("case", ["wrong module", "taken port", "unknown option"])
def test_twisteds_own_commands_say_it_too(folder, taken, command, case):
    """`twist` and `twistd -n`, with the same status; `twistd` leaves no pid file.

    By the time that a port turns out to be taken, `twistd` has turned stderr into its log, which is on stdout.
    """
    arguments, status, named = FAILURES[case]
    words = [str(BIN / command), *(["-n"] if command == "twistd" else []), "wsgicontainer"]
    done = fail(words, arguments, folder, taken)
    assert done.returncode == status, done.stderr
    said = [line for line in (done.stderr + done.stdout).splitlines() if "wsgicontainer: " in line]
    assert len(said) == 1 and named in said[0], done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert not (folder / "twistd.pid").exists()


def test_an_application_that_raises_on_import(folder):
    """Its own traceback, without any of our frames, and one sentence."""
    (folder / "broken.py").write_text("def helper():\n    return 1 / 0\n\n\nhelper()\n")
    done = fail([sys.executable, "-m", "wsgicontainer"], ["broken:application"], folder, 0)
    assert done.returncode == 4, done.stderr
    assert done.stderr.count("Traceback") == 1
    assert "ZeroDivisionError" in done.stderr
    frames = [line for line in done.stderr.splitlines() if line.lstrip().startswith("File ")]
    assert len(frames) == 2 and all("broken.py" in frame for frame in frames), done.stderr
    assert done.stderr.splitlines()[-1].startswith("wsgicontainer: ")
