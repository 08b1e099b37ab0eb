"""Many workers: each crash, reload, recycle and upgrade is somebody's ordinary day, and no client may notice it.

MANY_WORKERS=20 has the tests under load do everything 20 times, and kill 50 workers.
"""

from __future__ import annotations

import http.client
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from counting import Counting

TIMES = int(os.environ.get("MANY_WORKERS", "2"))
KILLS = 50 if TIMES >= 20 else 8
CLIENTS = 8
PLAIN = ("--port", "tcp:0:interface=127.0.0.1")


@pytest.fixture(scope="module")
def transport() -> str:
    """Which one does not matter to a supervisor."""
    return "nested"


@pytest.fixture
def load() -> Iterator[Callable[..., Counting]]:
    """Start clients that retry nothing; they end with the test."""
    started: list[Counting] = []

    def load(port: int, **words: Any) -> Counting:
        started.append(Counting(port, CLIENTS - 2, 2, **words))
        return started[-1]

    yield load
    for each in started:
        each.kill()


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never happened"
        time.sleep(0.01)


def ask(server: Any, path: str = "/") -> str:
    with urllib.request.urlopen(f"{server.url}{path}", timeout=20) as reply:
        return reply.read().decode().strip()


def lines(server: Any, pattern: str) -> int:
    return len(re.findall(pattern, server.output()))


def wait_for_lines(server: Any, pattern: str, count: int, seconds: float = 30) -> None:
    until(lambda: lines(server, pattern) >= count or server.process.poll() is not None, seconds)
    assert server.process.poll() is None, server.output()


def workers(server: Any) -> set[int]:
    """Return the process ids of all workers."""
    return {worker for zygote in children(server.process.pid) for worker in children(zygote)}


def children(pid: int) -> set[int]:
    try:
        return {int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except OSError:
        return set()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def states(pid: int) -> set[str]:
    """Return the states of all threads of a process."""
    stats = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return {stat.rpartition(")")[2].split()[0] for stat in stats}


def descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def no_failure(report: dict[str, Any], least: int = 100) -> None:
    assert report["failures"] == {}, report
    assert sum(report["good"].values()) > least, report


# --- One command ---


def test_all_workers_serve_and_all_end(serve):
    """Both answer, they know that they are several, and TERM ends every process with status 0."""
    server = serve("manyfold:application", "--workers", "2")
    until(lambda: len({ask(server) for _ in range(20)}) == 2)
    assert ask(server, "/multiprocess") == "True"
    assert ask(server, "/child") == "3"
    everybody = workers(server) | children(server.process.pid)
    assert len(everybody) == 3
    assert server.stop() == 0
    assert not any(alive(pid) for pid in everybody)


def test_a_worker_has_only_its_own_descriptors(serve):
    """Neither another worker's link or socket, nor anything in the application's own subprocesses."""
    server = serve("manyfold:application", "--workers", "3")
    for worker in workers(server):
        links = []
        for each in os.listdir(f"/proc/{worker}/fd"):
            with suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(f"/proc/{worker}/fd/{each}"))
        # the channel of the log, and the link
        assert sum(link.startswith("socket:") for link in links) <= 2 + 1 + 2, links
    inherited = [word for word in ask(server, "/descriptors").split() if word.startswith("socket:")]
    assert inherited == []


def test_the_environment_says_how_many(serve):
    server = serve("manyfold:application", env={"WEB_CONCURRENCY": "2"})
    assert len(workers(server)) == 2


def test_requests_are_shared_out(serve, load):
    """Under new connections all the time, no worker does a fifth more than its share."""
    server = serve("manyfold:application", "--workers", "2")
    clients = Counting(server.port, 0, CLIENTS)
    try:
        time.sleep(2)
    finally:
        report = clients.stop()
    no_failure(report)
    least, most = sorted(report["good"].values())
    assert most <= 1.2 * (least + most) / 2, report["good"]


def test_a_second_server_on_the_port_is_refused(serve):
    """Though workers share a port, two servers must not."""
    server = serve("manyfold:application", "--workers", "2")
    second = serve(
        "manyfold:application", "--workers", "2", "--port", f"tcp:{server.port}:interface=127.0.0.1", wait=False
    )
    assert second.wait() == 3
    assert "can't be opened (Address already in use)" in second.output()


def test_an_application_that_does_not_import_is_told_as_ever(serve, tmp_path):
    """Status 4, its traceback and one sentence, with and without --preload."""
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    for options in ((), ("--preload",)):
        server = serve("broken:application", "--workers", "2", *options, chdir=tmp_path, wait=False)
        assert server.wait() == 4
        assert "ModuleNotFoundError: No module named 'nowhere_to_be_found'" in server.output()
        assert server.output().splitlines()[-1].startswith("wsgicontainer: --wsgi broken:application: ") or any(
            line.startswith("wsgicontainer: --wsgi broken:application: ") for line in server.output().splitlines()
        )


def test_an_import_that_hangs_is_no_start(serve, tmp_path):
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(100)\n")
    for options in ((), ("--preload",)):
        server = serve(
            "hanging:application", "--workers", "2", "--worker-timeout", "1", *options, chdir=tmp_path, wait=False
        )
        assert server.wait() == 3
        assert "--worker-timeout 1 s" in server.output()


# --- Preloading ---


def test_preloaded_code_is_imported_once(serve):
    server = serve("manyfold:application", "--workers", "2", "--preload")
    seen = {tuple(ask(server, "/imported").split()) for _ in range(20)}
    assert len({imported for imported, _, _ in seen}) == 1
    assert all(imported == parent != process for imported, process, parent in seen)


def test_what_can_not_be_forked_is_imported_by_each(serve, tmp_path):
    """An application that starts threads on import is served all the same, and the log says why --preload failed."""
    (tmp_path / "threaded.py").write_text(
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "from manyfold import application\n"
    )
    apps = Path(__file__).parents[1] / "apps"
    server = serve("threaded:application", "--workers", "2", "--preload", chdir=tmp_path, env={"PYTHONPATH": str(apps)})
    assert "--preload: the application starts 1 thread on import" in server.output()
    imported, process, _ = ask(server, "/imported").split()
    assert imported == process


def test_a_zygote_that_dies_while_the_code_is_broken_is_made_anew_once_it_is_not(serve, tmp_path):
    """Until then whoever serves goes on, and the log says what is wrong."""
    code = tmp_path / "site_code.py"
    code.write_text(GOOD.format("old\\n"))
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    server = serve("site_code:application", "--workers", "2", "--preload", chdir=tmp_path, env=env)
    code.write_text("import nowhere_to_be_found\n")
    (zygote,) = children(server.process.pid)
    victim, survivor = sorted(workers(server))
    os.kill(zygote, signal.SIGKILL)
    os.kill(victim, signal.SIGKILL)
    wait_for_lines(server, "can't make any: --wsgi site_code:application: .*nowhere_to_be_found", 1)
    server.wait_for("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
    assert ask(server) == "old"
    code.write_text(GOOD.format("new\\n"))
    until(lambda: "new" in {ask(server) for _ in range(10)}, 30)
    assert alive(survivor)
    assert server.stop() == 0


# --- Under load ---


def test_no_request_fails_whatever_the_operator_does(serve, load, tmp_path):
    """Reloads, recycles, more and fewer workers, an upgrade, a new certificate: each request is answered, at once."""
    authority = Authority(tmp_path)
    authority.write(tmp_path / "certificates", "a.example")
    server = serve(
        "manyfold:application",
        *("--workers", "2", "--max-requests", "2000", "--max-requests-jitter", "500"),
        *PLAIN,
        *("--port", f"txsni:{tmp_path}/certificates:tcp:0:interface=127.0.0.1"),
    )
    secure = int(server.wait_for(r"listening on https://127\.0\.0\.1:(\d+)")[1])
    plain, tls = load(server.port), load(secure, tls=True)
    for count in range(TIMES):
        server.process.send_signal(signal.SIGHUP)
        wait_for_lines(server, r"Generation \d+ serves", count + 2)
    authority.write(tmp_path / "certificates", "a.example")
    for number in (signal.SIGTTIN, signal.SIGTTIN):
        before = lines(server, "is ready after")
        server.process.send_signal(number)
        wait_for_lines(server, "is ready after", before + 1)
    for number in (signal.SIGTTOU, signal.SIGTTOU, signal.SIGTTOU, signal.SIGTTIN):
        server.process.send_signal(number)
        time.sleep(0.3)
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("The new supervisor has taken over", 30)
    wait_for_lines(server, r"Generation \d+ serves", TIMES + 2)
    wait_for_lines(server, "another one replaces it", TIMES)
    no_failure(plain.stop())
    no_failure(tls.stop())
    assert "failed" not in server.output()
    assert server.stop() == 0


def connections(pid: int, port: int) -> int:
    """Count the connections that a worker has accepted."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = {f"socket:[{row[9]}]" for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] != "0A"}
    return sum(os.readlink(f"/proc/{pid}/fd/{each}") in ours for each in os.listdir(f"/proc/{pid}/fd"))


def test_a_killed_worker_takes_only_its_own_requests_with_it(serve, load):
    """Nobody is refused or waits long, whoever was not accepted yet is answered, and the supervisor does not grow."""
    server = serve("manyfold:application", "--workers", "2", "--preload")
    chance = random.Random(5)
    pid = server.process.pid
    clients = load(server.port)
    before = descriptors(pid), resident(pid)
    at_risk = 0
    for _ in range(KILLS):
        until(lambda: len(workers(server)) == 2)
        time.sleep(chance.uniform(0.3, 1.0))
        victim = chance.choice(sorted(workers(server)))
        os.kill(victim, signal.SIGSTOP)
        until(lambda victim=victim: states(victim) == {"T"})  # each thread: the one that leads accepts, too
        at_risk += connections(victim, server.port)
        os.kill(victim, signal.SIGKILL)
        until(lambda victim=victim: victim not in workers(server))  # it is listed until somebody has waited for it
    until(lambda: len(workers(server)) == 2)
    report = clients.stop()
    print(f"{KILLS} kills, {at_risk} connections at risk, {report['failures']}, slowest {report['slowest']}")
    assert sum(report["failures"].values()) <= at_risk, report
    assert not any("efused" in failure or "imed out" in failure for failure in report["failures"]), report
    assert report["slowest"] < 10, report
    assert "A message failed" not in server.output()
    until(lambda: descriptors(pid) <= before[0])
    assert resident(pid) - before[1] < 4 << 20
    assert len(children(pid)) == 1


def test_workers_serve_on_when_the_zygote_is_killed(serve, load):
    """It is made anew, and makes workers again."""
    server = serve("manyfold:application", "--workers", "2", "--preload")
    clients = load(server.port)
    (zygote,) = children(server.process.pid)
    before = workers(server)
    os.kill(zygote, signal.SIGKILL)
    server.wait_for("The process that forks workers .* has ended; starting it anew")
    until(lambda: children(server.process.pid) - before - {zygote})
    no_failure(clients.stop())
    os.kill(min(before), signal.SIGTERM)
    until(lambda: len(workers(server)) == 1)
    assert ask(server).isdigit()


# --- Reloads that fail ---


BROKEN = {
    "a SyntaxError": ("def application(:\n", "SyntaxError"),
    "an import that hangs": ("import time\ntime.sleep(100)\n", "--worker-timeout"),
    "an application that fails": (
        "def application(environ, start_response):\n    raise ValueError('broken')\n",
        "the warm-up failed: / was answered with 500",
    ),
    "an import that ends the process": ("import os\nos._exit(1)\n", "ended with status 1 before it served"),
}
GOOD = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "4")])
    return [b"{}"]
"""


def test_broken_code_never_serves(serve, load, tmp_path):
    """Whatever is wrong with it, the old code answers all the while, and the log says what is wrong."""
    code = tmp_path / "site_code.py"
    code.write_text(GOOD.format("old\\n"))
    server = serve(
        "site_code:application",
        "--workers",
        "2",
        "--worker-timeout",
        "10",
        chdir=tmp_path,
        env={"PYTHONDONTWRITEBYTECODE": "1"},
    )
    clients = load(server.port)
    for count, (text, reason) in enumerate(BROKEN.values()):
        code.write_text(text)
        server.process.send_signal(signal.SIGHUP)
        wait_for_lines(server, "the old code goes on serving", count + 1)
        assert reason in server.output().rpartition("Reloading")[2]
        assert ask(server) == "old"
    code.write_text(GOOD.format("new\\n"))
    server.process.send_signal(signal.SIGHUP)
    wait_for_lines(server, r"Generation \d+ serves", 2)
    until(lambda: ask(server) == "new")
    report = clients.stop()
    no_failure(report)
    assert set(report["good"]) == {"old", "new"}
    until(lambda: len(children(server.process.pid)) == 1)


def test_a_reload_reads_the_options_anew(serve, tmp_path):
    """What can change does; what can't is named."""
    config = tmp_path / "wsgicontainer.toml"
    config.write_text("workers = 1\nbacklog = 100\n")
    config.write_text("workers = 2\nbacklog = 100\n")
    server = serve("manyfold:application")
    config.write_text("workers = 3\nbacklog = 200\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("--backlog changed, which needs a restart", 30)
    server.wait_for(r"Generation \d+ serves with 3 workers", 60)
    until(lambda: len(workers(server)) == 3)  # the old ones have gone


def test_a_client_that_idles_may_ask_once_more_after_a_reload(serve):
    """Its connection is one of the old worker's. Nobody waits for that to end, so a slow client is answered, too."""
    server = serve("manyfold:application", "--workers", "2", "--preload")
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    def who() -> tuple[str, str | None]:
        client.request("GET", "/")
        reply = client.getresponse()
        return reply.read().decode(), reply.getheader("Connection")

    before = who()
    server.process.send_signal(signal.SIGHUP)
    wait_for_lines(server, r"Generation \d+ serves", 2)
    time.sleep(1.5)  # three times what it would have if nobody else served
    assert who() == (before[0], "close")
    until(lambda: len(workers(server)) == 2)
    assert who()[0] != before[0]
    client.close()


def test_a_client_that_idles_is_not_taken_for_a_busy_one(serve):
    """It is closed in time, however short that is, and nothing is told of it."""
    server = serve("manyfold:application", "--workers", "2", "--preload", "--graceful-timeout", "2")
    before = workers(server)
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200 OK")
        server.process.send_signal(signal.SIGHUP)
        wait_for_lines(server, r"Generation \d+ serves", 2)
        until(lambda: not workers(server) & before)
    assert lines(server, "Draining 1 connection") and not lines(server, "Cutting")


# --- Workers that fail ---


def test_a_crash_is_told_and_its_place_is_filled(serve):
    server = serve("manyfold:application", "--workers", "2")
    with pytest.raises(OSError):
        ask(server, "/crash")
    server.wait_for(r"worker \d+ \(pid \d+\) ended with status 7")
    until(lambda: len(workers(server)) == 2)
    assert ask(server).isdigit()


def test_a_frozen_pool_is_shown_and_replaced(serve):
    """The stacks say where the threads are; nothing else tells it, as the process was quite alive."""
    server = serve("manyfold:application", "--workers", "2", "--threads", "1", "--worker-timeout", "8")
    before = workers(server)
    clients = []
    for _ in range(12):
        client = socket.create_connection(("127.0.0.1", server.port))
        client.sendall(b"GET /block HTTP/1.1\r\nHost: h\r\n\r\n")
        clients.append(client)
    server.wait_for("has taken no request for 8 s .*, though some wait", 20)
    server.wait_for(r"its threads' stacks\n(.*\n)*?.*in application", 20)
    until(lambda: before - workers(server) and len(workers(server)) == 2)
    for client in clients:
        client.close()


def test_a_stopped_worker_is_replaced(serve):
    server = serve("manyfold:application", "--workers", "2", "--worker-timeout", "8")
    stopped = min(workers(server))
    os.kill(stopped, signal.SIGSTOP)
    server.wait_for(r"did nothing for 8 s", 20)
    until(lambda: stopped not in workers(server) and len(workers(server)) == 2)


def test_a_worker_that_is_told_to_end_is_replaced_and_loses_nothing(serve, load):
    server = serve("manyfold:application", "--workers", "2")
    clients = load(server.port)
    first = min(workers(server))
    os.kill(first, signal.SIGTERM)
    until(lambda: first not in workers(server) and len(workers(server)) == 2)
    no_failure(clients.stop())


# --- The end ---


def test_without_their_supervisor_workers_answer_and_end(serve):
    """A request that runs is answered; then the port is free."""
    server = serve("manyfold:application", "--workers", "2")
    everybody = workers(server) | children(server.process.pid)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(server, "/slow")))
    asking.start()
    time.sleep(0.3)
    server.process.kill()
    asking.join()
    assert answers[0].isdigit()
    until(lambda: not any(alive(pid) for pid in everybody))
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", server.port))
        free.listen()


@pytest.mark.parametrize("options", [(), ("--preload",)])
def test_without_their_supervisor_those_that_import_end_too(serve, tmp_path, options):
    """However long the import takes, and whoever does it: the port is free soon."""
    code, imports = tmp_path / "site_code.py", tmp_path / "imports"
    code.write_text(GOOD.format("old\\n"))
    env = {"PYTHONDONTWRITEBYTECODE": "1"}
    server = serve("site_code:application", "--workers", "2", *options, chdir=tmp_path, env=env)
    code.write_text(f"import os, time\nopen({str(imports)!r}, 'a').write(f'{{os.getpid()}} ')\ntime.sleep(100)\n")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: imports.exists() and len(imports.read_text().split()) == (1 if options else 2))
    everybody = workers(server) | children(server.process.pid)
    assert {int(pid) for pid in imports.read_text().split()} <= everybody
    server.process.kill()
    until(lambda: not any(alive(pid) for pid in everybody), 10)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", server.port))
        free.listen()


def test_term_waits_for_what_runs_and_a_second_one_does_not(serve):
    server = serve("manyfold:application", "--workers", "2")
    answers = []
    asking = threading.Thread(target=lambda: answers.append(ask(server, "/slow")))
    asking.start()
    time.sleep(0.3)
    assert server.stop() == 0
    asking.join()
    assert answers[0].isdigit()

    server = serve("manyfold:application", "--workers", "2")
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET /block HTTP/1.1\r\nHost: h\r\n\r\n")
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("Draining 1 connection")
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        assert time.monotonic() - began < 8


def test_nobody_is_reset_at_the_end(serve, load):
    """Whoever connects while all workers leave is answered, or refused: never connected and then forgotten."""
    for _ in range(2):
        server = serve("manyfold:application", "--workers", "2")
        clients = Counting(server.port, 0, CLIENTS)
        time.sleep(0.7)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        assert server.wait() == 0
        report = clients.stop()
        assert sum(report["good"].values()) > 100
        assert all("efused" in failure for failure in report["failures"]), report


def test_a_terminal_ends_all_with_one_key(serve):
    """Ctrl-C reaches every process of the group; the supervisor alone decides."""
    command = [sys.executable, "-m", "wsgicontainer", "manyfold:application", "--workers", "2", *PLAIN]
    apps = Path(__file__).parents[1] / "apps"
    with subprocess.Popen(
        command, cwd=apps, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, process_group=0
    ) as server:
        assert server.stdout is not None
        told = ""
        while "listening on" not in told:
            told += server.stdout.readline()
        os.killpg(server.pid, signal.SIGINT)
        told += server.stdout.read()
        assert server.wait(20) == 0
    assert "Traceback" not in told
    assert "crash" not in told


# --- Other sockets, and timers ---


def test_a_unix_socket_is_shared_and_outlives_its_workers(serve, tmp_path):
    path = tmp_path / "site.sock"
    server = serve("manyfold:application", "--workers", "2", "--port", f"unix:{path}", wait=False)
    server.wait_for("listening on unix:")

    def who() -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            return client.makefile().read().split()[-1]

    until(lambda: len({who() for _ in range(20)}) == 2)
    mode = path.stat().st_mode
    for worker in workers(server):
        os.kill(worker, signal.SIGTERM)
        until(lambda gone=worker: gone not in workers(server))
        assert who().isdigit()
    assert path.stat().st_mode == mode
    assert server.stop() == 0
    assert not path.exists()


def test_a_timer_runs_in_one_worker_and_is_never_set_back(serve, tmp_path):
    """Not even by reloads that come more often than it."""
    notes = tmp_path / "notes"
    serve("manyfold:application", "--workers", "2", "--timer", "0.2=manyfold:note", env={"NOTES": str(notes)})
    until(lambda: notes.exists() and len(notes.read_text().split()) >= 3)
    first = set(notes.read_text().split())
    assert len(first) == 1
    os.kill(int(first.pop()), signal.SIGTERM)
    count = len(notes.read_text().split())
    until(lambda: len(notes.read_text().split()) >= count + 3)


# --- TLS, inherited sockets, twistd ---


def test_a_session_resumes_with_whichever_worker(serve, tmp_path):
    """Workers share the keys of tickets, as their contexts are made before the fork."""
    Authority(tmp_path).write(tmp_path / "certificates", "a.example")
    server = serve(
        *("manyfold:application", "--workers", "2", "--certfile", f"{tmp_path}/certificates/a.example.pem"), wait=False
    )
    port = int(server.wait_for(r"listening on https://127\.0\.0\.1:(\d+)", 30)[1])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def visit(session: ssl.SSLSession | None) -> tuple[bytes, bool, ssl.SSLSession | None]:
        raw = socket.create_connection(("127.0.0.1", port))
        with context.wrap_socket(raw, server_hostname="a.example", session=session) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            octets = b"".join(iter(lambda: client.recv(65536), b""))
            return octets.split()[-1], bool(client.session_reused), client.session

    session = visit(None)[2]
    seen = {visit(session)[:2] for _ in range(20)}
    assert len({worker for worker, _ in seen}) == 2
    assert all(resumed for _, resumed in seen)


def test_an_inherited_socket_is_shared_also_after_an_upgrade(serve, tmp_path):
    """It was handed over once: the next supervisor gets it from the one before."""
    listening = socket.create_server(("127.0.0.1", 0))
    arguments = [sys.executable, "-m", "wsgicontainer", "manyfold:application", "--workers", "2"]
    arguments += ["--port", f"fd:{listening.fileno()}", "--preload"]
    output = tmp_path / "log"
    with listening, output.open("wb") as log:
        apps = Path(__file__).parents[1] / "apps"
        process = subprocess.Popen(arguments, pass_fds=[listening.fileno()], cwd=apps, stdout=log, stderr=log)
        port = listening.getsockname()[1]
    try:
        until(lambda: "listening on" in output.read_text())
        clients = Counting(port, 2, 2)
        url = f"http://127.0.0.1:{port}/"
        before = {b"%d" % worker for zygote in children(process.pid) for worker in children(zygote)}
        answered: set[bytes] = set()
        process.send_signal(signal.SIGUSR2)
        until(lambda: "Generation 2 serves" in output.read_text() or process.poll() is not None, 30)
        until(lambda: answered.add(urllib.request.urlopen(url, timeout=20).read()) or len(answered - before) == 2)
        report = clients.stop()
    finally:
        process.terminate()
        assert process.wait(20) == 0
    no_failure(report)


def test_twistd_is_upgraded_with_its_pid_file(serve, tmp_path):
    server = serve("manyfold:application", "--workers", "2", command="twistd")
    before = workers(server)
    server.process.send_signal(signal.SIGUSR2)
    wait_for_lines(server, r"Generation \d+ serves", 2)
    until(lambda: not before & workers(server))
    assert server.stop() == 0


def test_an_upgrade_that_would_not_start_is_not_tried(serve, tmp_path):
    """What is installed now is asked first; nothing changes if it does not like the options."""
    code = tmp_path / "site_code.py"
    code.write_text(GOOD.format("old\\n"))
    server = serve("site_code:application", "--workers", "2", chdir=tmp_path, env={"PYTHONDONTWRITEBYTECODE": "1"})
    code.write_text("import nowhere_to_be_found\n")
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("The upgrade failed, and everything goes on as before: .*nowhere_to_be_found", 30)
    assert ask(server) == "old"


def test_a_server_that_leaves_is_not_upgraded(serve):
    """TERM while the upgrade is checked: it drains and ends, and the check with it."""
    server = serve("manyfold:application", "--workers", "2")
    slow = threading.Thread(target=ask, args=(server, "/slow"))
    slow.start()
    time.sleep(0.1)
    server.process.send_signal(signal.SIGUSR2)
    server.wait_for("Upgrading: checking")
    server.process.send_signal(signal.SIGTERM)
    assert server.wait() == 0
    slow.join()
    assert "has taken over" not in server.output()


# --- Whose child is whose ---


def test_what_workers_leave_behind_is_reaped(serve):
    """An orphan comes to the supervisor, which waits for it: no zombie stays, and nobody else's exit status is lost."""
    server = serve("manyfold:application", "--workers", "2")
    orphan = int(ask(server, "/orphan"))
    until(lambda: not Path(f"/proc/{orphan}").exists())
    assert ask(server, "/child") == "3"


def test_an_upgrade_below_init_keeps_the_one_that_is_there(serve, load):
    server = serve("manyfold:application", "--workers", "2", "--init")
    (supervisor,) = children(server.process.pid)
    clients = load(server.port)
    os.kill(supervisor, signal.SIGUSR2)
    wait_for_lines(server, r"Generation \d+ serves", 2)
    no_failure(clients.stop())
    assert children(server.process.pid) == {supervisor}
    assert server.stop() == 0
