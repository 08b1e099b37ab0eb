"""The one table of options, and `Settings`, whose fields its rows are.

Each field is declared by its `Option`; `OPTIONS` is read off the fields. Longer than other modules because it is a
table: to learn what can be set, read it from top to bottom. Only `count_cores` asks the machine, for a default.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import attrs
from attrs import frozen

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.settings import kinds, listening, sites, workforce
from wsgicontainer.settings.foreign import instead_of
from wsgicontainer.settings.kinds import Kind, Plain
from wsgicontainer.settings.option import PYTHON, Option, Spelling
from wsgicontainer.settings.securing import secured
from wsgicontainer.settings.sites import Mount, Static, Timer, probe_paths


def count_cores() -> int:
    """Count the cores that this process may run on; 0 if nobody knows."""
    return os.cpu_count() or 0


def default_threads(cores: int) -> int:
    """Choose the number of application threads: 4 per core, at least 4, at most 32."""
    return min(max(4 * cores, 4), 32)


_THREADS = "Threads"
_WEB = "Applications"
_PORTS = "Listening"
_TLS = "TLS"
_CLOCKS = "Clocks"
_LOAD = "Load"
_LIMITS = "Limits"
_WORKERS = "Workers"
_LOG = "Access log"
_PROCESS = "Process"
_FILES = "Configuration"
GROUPS = (_WEB, _PORTS, _TLS, _THREADS, _WORKERS, _CLOCKS, _LOAD, _LIMITS, _LOG, _PROCESS, _FILES)
"""The order of groups in renderings."""

_DAY = 86_400
_CLOCK = kinds.seconds(0.1, _DAY)
_CLOCK_OR_ZERO = kinds.seconds(0, _DAY)


@frozen(kw_only=True)
class Settings:
    """All that the server has to know, checked. Raises ConfigurationError with the operator's sentence.

    Python callers may write values as on the command line too: `Settings(mounts=["/api=api:app"], body_buffer="1M")`.
    """

    wsgi: str | None = Option(
        "wsgi",
        sites.APPLICATION,
        _WEB,
        "another way to write APP: pkg.mod:attr, pkg.mod:factory(), pkg.mod.attr or pkg.mod",
        "Without an attribute, application and then app are tried. The working directory is importable.",
        "mysite.wsgi:application",
    ).field()
    mounts: tuple[Mount, ...] = Option(
        "mount",
        sites.MOUNT,
        _WEB,
        "one more application, below a path: /api=api.wsgi:application",
        "The longest prefix that matches whole segments wins. The prefix is SCRIPT_NAME, the rest PATH_INFO.",
        "/api=api.wsgi:application",
        default=(),
        repeatable=True,
        attribute="mounts",
    ).field()
    statics: tuple[Static, ...] = Option(
        "static",
        sites.STATIC,
        _WEB,
        "a folder of files below a path: /static=./static[,index=FILE][,max-age=S]",
        "Sending a file holds no application thread. A backslash before a comma makes it part of the name.",
        "/static=./static,max-age=3600",
        default=(),
        repeatable=True,
        attribute="statics",
    ).field()
    health: str | None = Option(
        "health",
        sites.PREFIX,
        _WEB,
        "answer health probes at PREFIX/live and PREFIX/ready on every port",
        "Off unless asked. No application thread is needed for it, and no line of the access log is written. ready is"
        " 503 once the server drains.",
        "/-",
    ).field()
    timers: tuple[Timer, ...] = Option(
        "timer",
        sites.TIMER,
        _WEB,
        "call pkg.mod:callable every S seconds: 300=mysite.tasks:clean_up",
        "The period is at least 0.01 s, at most a year.",
        "300=mysite.tasks:clean_up",
        default=(),
        unit="seconds",
        repeatable=True,
        attribute="timers",
    ).field()
    ports: tuple[str, ...] = Option(
        "port",
        listening.ENDPOINT,
        _PORTS,
        "where to listen: tcp:8000, unix:/run/site.sock, txsni:DIR:tcp:443 with TLS, fd:N, systemd:, or another"
        " endpoint of Twisted",
        "Only this machine can reach the default: what the internet may see is said aloud. If the environment has PORT"
        " and no endpoint is given, it is tcp:$PORT on all interfaces, as platforms expect.",
        "tcp:8000",
        default=("tcp:8000:interface=127.0.0.1",),
        flag="p",
        repeatable=True,
        attribute="ports",
    ).field()
    forwarded_allow_ips: tuple[str, ...] = Option(
        "forwarded-allow-ips",
        listening.PROXIES,
        _PORTS,
        "proxies that may say who the client is: addresses, networks, unix:, or * for everybody",
        "Forwarded and X-Forwarded-* are removed from everybody else's requests, and on a haproxy: port nobody else may"
        " connect. * believes whoever connects: only where nobody but the proxy can.",
        "127.0.0.1,10.0.0.0/8",
        default=(),
        default_text="nobody",
    ).field()
    http_protocols: tuple[str, ...] = Option(
        "http-protocols",
        listening.PROTOCOLS,
        _PORTS,
        "versions of HTTP that TLS agrees on (ALPN), the best first: h2 is HTTP/2, h1 is HTTP/1.1",
        "h1 alone turns HTTP/2 off; h1 is always among them, as clients without ALPN speak it.",
        "h1",
        default=("h2", "h1"),
    ).field()
    redirect_https: bool = Option(
        "redirect-https",
        kinds.FLAG,
        _PORTS,
        "answer 308 to the https URL on ports without TLS",
        "What a trusted proxy has received over TLS is served; so is /.well-known/acme-challenge/TOKEN. The URL's port"
        " is that of the first port with TLS.",
        "true",
        default=False,
    ).field()
    hsts: int | None = Option(
        "hsts",
        kinds.whole(0, 10 * 31_536_000),
        _PORTS,
        "send Strict-Transport-Security over TLS, with a max-age of so many seconds",
        "Browsers then refuse plain HTTP for so long: begin with an hour, and end with a year. The application's own"
        " field stands. 0 has browsers forget it.",
        "31536000",
        unit="seconds",
    ).field()
    certfile: str | None = Option(
        "certfile",
        kinds.path("FILE"),
        _TLS,
        "a certificate with its chain: every port without one of its own speaks TLS with it",
        "As gunicorn. For several names give each a file in a folder: --port txsni:DIR:tcp:443.",
        "/etc/certificates/example.com.pem",
    ).field()
    keyfile: str | None = Option(
        "keyfile",
        kinds.path("FILE"),
        _TLS,
        "the private key of --certfile, if that has none",
        "As gunicorn. Both are read anew within a second when they change, as all certificates are.",
        "/etc/certificates/example.com.key",
    ).field()
    tls_min: str = Option(
        "tls-min",
        kinds.choice("1.2", "1.3"),
        _TLS,
        "the oldest version of TLS that is spoken",
        "Everything that still gets security updates has 1.3; 1.2 is for the others. Older ones are broken.",
        "1.2",
        default="1.2",
    ).field()
    ciphers: str = Option(
        "ciphers",
        kinds.CIPHERS,
        _TLS,
        "the ciphers of TLS 1.2, as OpenSSL writes them",
        "The default is forward secret and authenticated. TLS 1.3 has its own, all of them good.",
        "ECDHE+AESGCM",
        default="ECDHE+AESGCM:ECDHE+CHACHA20",
    ).field()
    ca_certs: str | None = Option(
        "ca-certs",
        kinds.path("FILE"),
        _TLS,
        "who may sign clients' certificates: a PEM file",
        "With --cert-reqs. Only certificates of your own should be in it: everybody whom they sign is let in.",
        "/etc/certificates/clients.pem",
    ).field()
    cert_reqs: str = Option(
        "cert-reqs",
        kinds.choice("none", "optional", "required"),
        _TLS,
        "whether clients have to show a certificate",
        "What it says is in the environ, as SSL_CLIENT_S_DN and others. optional lets those in who show none; a wrong"
        " one is refused with both.",
        "required",
        default="none",
    ).field()
    threads: int = Option(
        "threads",
        kinds.whole(1, 4096),
        _THREADS,
        "the most application threads",
        "So many requests can be in the application at once. More threads mostly wait for the interpreter's lock.",
        "8",
        default=attrs.Factory(lambda: default_threads(count_cores())),
        default_text="4 × cores, at least 4, at most 32",
        unit="threads",
    ).field()
    max_stuck_threads: int | None = Option(
        "max-stuck-threads",
        kinds.whole(1, 4096),
        _THREADS,
        "end with status 1 once so many threads could not be interrupted by --timeout",
        "Each is replaced, but keeps its memory and whatever it holds. The supervisor has to start the server anew.",
        "8",
        default_text="as many as --threads",
        unit="threads",
    ).field()
    min_threads: int = Option(
        "min-threads",
        kinds.whole(1, 4096),
        _THREADS,
        "application threads started at boot",
        "The others start when they are needed; raise it if the first requests after a start must not wait for them.",
        "1",
        default=1,
        unit="threads",
    ).field()
    transport: str = Option(
        "transport",
        kinds.choice("auto", "nested", "twisted"),
        _THREADS,
        "how plain connections are read: a nested epoll set, or Twisted's transports",
        "auto takes nested where the platform has epoll: it spares most of the reactor's work. twisted runs anywhere.",
        "auto",
        default="auto",
    ).field()
    workers: int = Option(
        "workers",
        workforce.WORKERS,
        _WORKERS,
        "processes that serve; auto: as many as there are CPUs",
        "One is a single process, without a supervisor. auto counts what the control group and the affinity allow. The"
        " default is WEB_CONCURRENCY, if the environment has it.",
        "auto",
        default=1,
        unit="processes",
        flag="w",
    ).field()
    preload: bool = Option(
        "preload",
        kinds.FLAG,
        _WORKERS,
        "import the application once, before workers are forked",
        "Workers share its memory and start in a fraction of the time. An application that starts threads on import"
        " can't be forked: then this is told, and each worker imports it.",
        "true",
        default=False,
    ).field()
    warmup: str = Option(
        "warmup",
        workforce.WARMUP,
        _WORKERS,
        "the path that a worker is asked for before it listens; empty: none",
        "A 5xx, an exception or silence stops a reload and leaves the old code serving; at the start it is only told."
        " The request has Host: localhost.",
        "/ready",
        default="/",
    ).field()
    worker_timeout: float = Option(
        "worker-timeout",
        _CLOCK_OR_ZERO,
        _WORKERS,
        "kill a worker that is not ready, or does nothing, for so long; 0: never",
        "It did nothing if its reactor did not turn, or if requests waited and none was taken: set it above the longest"
        " request or stream. Its threads' stacks are logged first. With 0 no worker that serves is killed, and whoever"
        f" is not ready has {workforce.BOOT:g} s.",
        "60",
        default=60.0,
        unit="seconds",
    ).field()
    max_requests: int = Option(
        "max-requests",
        kinds.whole(0, 2**31 - 1),
        _WORKERS,
        "replace a worker after so many requests; 0: never",
        "As gunicorn, against memory leaks that nobody finds. The new worker serves before the old one drains.",
        "10000",
        default=0,
        unit="requests",
    ).field()
    max_requests_jitter: int = Option(
        "max-requests-jitter",
        kinds.whole(0, 2**31 - 1),
        _WORKERS,
        "add a random number of requests up to this to --max-requests",
        "As gunicorn: so that workers are not all due at once. They are replaced one at a time anyway.",
        "1000",
        default=0,
        unit="requests",
    ).field()
    max_worker_lifetime: float = Option(
        "max-worker-lifetime",
        kinds.seconds(0, 365 * _DAY),
        _WORKERS,
        "replace a worker after so long; 0: never",
        "It varies by a tenth, so that workers are not all due at once.",
        "86400",
        default=0.0,
        unit="seconds",
    ).field()
    max_worker_rss: int = Option(
        "max-worker-rss",
        kinds.whole(0, 2**30),
        _WORKERS,
        "replace a worker that has more MB of resident memory; 0: never",
        "What workers share by --preload counts for each of them. Looked at every second.",
        "512",
        default=0,
        unit="MB",
    ).field()
    timeout: float = Option(
        "timeout",
        _CLOCK_OR_ZERO,
        _CLOCKS,
        "answer 504 to a request that takes longer, queue included, and interrupt its thread; 0: never",
        "Off, because only you know how long a request may take: set it above the longest, and below the patience of"
        " what stands in front. It counts until the reply begins; a reply that has begun is never cut.",
        "30",
        default=0.0,
        unit="seconds",
        flag="t",
    ).field()
    graceful_timeout: float = Option(
        "graceful-timeout",
        _CLOCK_OR_ZERO,
        _CLOCKS,
        "on stopping, wait so long for what runs, then cut",
        "As gunicorn. Keep it below the supervisor's patience: systemd kills after 90 s, Kubernetes after 30 s.",
        "30",
        default=30.0,
        unit="seconds",
    ).field()
    keep_alive: float = Option(
        "keep-alive",
        _CLOCK_OR_ZERO,
        _CLOCKS,
        "close a connection after so long without a request; 0: after each reply",
        "Longer than the 60 s of usual load balancers: if the server closes first, they answer 502.",
        "75",
        default=75.0,
        unit="seconds",
    ).field()
    header_timeout: float = Option(
        "header-timeout",
        _CLOCK,
        _CLOCKS,
        "cut a connection whose request head takes longer, from its first octet to its last",
        "Slow heads (slowloris) may not hold connections; browsers on bad lines need less.",
        "30",
        default=30.0,
        unit="seconds",
    ).field()
    body_timeout: float = Option(
        "body-timeout",
        _CLOCK,
        _CLOCKS,
        "cut a request whose content stands still for so long",
        "Counts time without a single octet, so that large uploads on slow lines get through.",
        "60",
        default=60.0,
        unit="seconds without progress",
    ).field()
    body_min_rate: int = Option(
        "body-min-rate",
        kinds.size(0, 2**30),
        _CLOCKS,
        "cut a request whose content comes with fewer octets a second, after --body-timeout; 0: never",
        "Otherwise one octet a minute would hold its place for ever. The slowest phone line is ten times as fast.",
        "240",
        default=240,
        unit="octets per second",
    ).field()
    send_timeout: float = Option(
        "send-timeout",
        _CLOCK,
        _CLOCKS,
        "cut a reply of which nobody takes anything for so long",
        "Counts time in which the peer took nothing, so that large downloads on slow lines get through.",
        "60",
        default=60.0,
        unit="seconds without progress",
    ).field()
    queue_timeout: float = Option(
        "queue-timeout",
        _CLOCK,
        _CLOCKS,
        "answer 503 to a request that waited so long for a thread",
        "Most clients have given up by then; running it would only delay those that have not.",
        "30",
        default=30.0,
        unit="seconds",
    ).field()
    max_connections: int = Option(
        "max-connections",
        kinds.whole(1, 1_000_000),
        _LOAD,
        "the most open connections; then idle ones are closed, or accepting pauses",
        "An idle one costs a descriptor and some kilobytes. The limit of open files (ulimit -n) lowers it. Each worker"
        " has as many.",
        "10000",
        default=10_000,
        unit="connections",
    ).field()
    max_queue: int = Option(
        "max-queue",
        kinds.whole(1, 1_000_000),
        _LOAD,
        "the most requests that wait for a thread; beyond them 503 with Retry-After",
        "A queue that only grows helps nobody; 2048 absorb a burst of some seconds. Each worker has its own.",
        "2048",
        default=2048,
        unit="requests",
    ).field()
    backlog: int = Option(
        "backlog",
        kinds.whole(1, 65_535),
        _LOAD,
        "connections that the kernel may hold before they are accepted",
        "As gunicorn; Twisted's 50 is too few for a burst. An endpoint's own backlog= wins; the kernel caps both.",
        "2048",
        default=2048,
        unit="connections",
    ).field()
    max_concurrent_streams: int = Option(
        "max-concurrent-streams",
        kinds.whole(1, 10_000),
        _LOAD,
        "the most requests of one HTTP/2 connection at once; beyond them streams are refused",
        "Those that the client has reset count, too, until their threads are done with them, up to twice as many: so a"
        " client can't queue more work than that. RFC 9113 wants at least 100.",
        "100",
        default=100,
        unit="streams",
    ).field()
    limit_request_line: int = Option(
        "limit-request-line",
        kinds.size(64, 2**20),
        _LIMITS,
        "the longest request line, else 414",
        "As Apache. It includes the query.",
        "8190",
        default=8190,
        unit="octets",
    ).field()
    limit_request_fields: int = Option(
        "limit-request-fields",
        kinds.whole(1, 32_768),
        _LIMITS,
        "the most field lines of a head, else 431",
        "As Apache. With --limit-request-field-size it bounds the memory of a head.",
        "100",
        default=100,
        unit="field lines",
    ).field()
    limit_request_field_size: int = Option(
        "limit-request-field-size",
        kinds.size(64, 2**20),
        _LIMITS,
        "the longest field line, else 431",
        "As Apache. Raise it for large cookies or Kerberos tickets.",
        "8190",
        default=8190,
        unit="octets",
    ).field()
    limit_request_head: int = Option(
        "limit-request-head",
        kinds.size(1024, 2**24),
        _LIMITS,
        "the most octets of a head whose end has not come, else 431 or 414",
        "What one slow or hostile connection can make the server hold before it has asked for anything.",
        "64K",
        default=65_536,
        unit="octets",
    ).field()
    limit_request_body: int = Option(
        "limit-request-body",
        kinds.size(1, 2**50, zero=True),
        _LIMITS,
        "the largest content of a request, else 413; 0: no limit",
        "Content beyond --body-buffer lies in a temporary file: this bounds what one request may take of the disk.",
        "1G",
        default=2**30,
        unit="octets",
    ).field()
    body_buffer: int = Option(
        "body-buffer",
        kinds.size(0, 2**30),
        _LIMITS,
        "memory for a request's content, before a temporary file",
        "Forms fit in it; the worst case is this times --max-connections, all of them uploads that stand still.",
        "64K",
        default=2**16,
        unit="octets",
    ).field()
    output_buffer: int = Option(
        "output-buffer",
        kinds.size(4096, 2**30),
        _LIMITS,
        "memory for what a peer has not taken of a reply, before a temporary file",
        "Typical pages fit in it and set their thread free at once; the worst case is this times the connections.",
        "256K",
        default=2**18,
        unit="octets",
    ).field()
    output_disk: int = Option(
        "output-disk",
        kinds.size(0, 2**50),
        _LIMITS,
        "the most that temporary files hold of replies to slow peers, all together",
        "A reply goes there after its thread has waited 0.1 s for a peer that takes less than 16 MiB/s; without room it"
        " waits on. The files are in TMPDIR. Each worker may have as much.",
        "2G",
        default=2**31,
        unit="octets",
    ).field()
    access_log: str | None = Option(
        "access-log",
        kinds.path("FILE|-"),
        _LOG,
        "write one line per request; - is standard output",
        "Off unless asked: a proxy in front often has its own.",
        "-",
    ).field()
    access_log_format: str = Option(
        "access-log-format",
        kinds.LOG_FORMAT,
        _LOG,
        "common, combined, json, or gunicorn's atoms: '%(h)s %(r)s'",
        "combined is what most tools read. %(Q)s is the time in the queue.",
        "combined",
        default="combined",
    ).field()
    chdir: str | None = Option(
        "chdir",
        kinds.path("DIR"),
        _PROCESS,
        "work there: applications are imported and relative names looked up there",
        "The configuration file is looked for before the change.",
        "/srv/mysite",
    ).field()
    env: tuple[tuple[str, str], ...] = Option(
        "env",
        kinds.VARIABLE,
        _PROCESS,
        "set an environment variable before the application is imported",
        "For applications that are configured so: DJANGO_SETTINGS_MODULE=mysite.settings.",
        "DJANGO_SETTINGS_MODULE=mysite.settings",
        default=(),
        repeatable=True,
    ).field()
    pid_file: str | None = Option(
        "pid-file",
        kinds.path("FILE"),
        _PROCESS,
        "write the process id there, remove it on stopping",
        "twist has none; with twistd use twistd's own --pidfile.",
        "wsgicontainer.pid",
    ).field()
    user: str | None = Option(
        "user",
        kinds.ACCOUNT,
        _PROCESS,
        "become this user once every port is open",
        "root may open ports below 1024; nothing else should run as root. The application is imported as this user,"
        " too. Without --group its own groups come with it. With twistd, its --uid does not cover the import.",
        "www-data",
    ).field()
    group: str | None = Option(
        "group",
        kinds.ACCOUNT,
        _PROCESS,
        "become this group once every port is open",
        "For a user that has another group than the files it needs. Without --user, only the group changes.",
        "www-data",
    ).field()
    umask: str | None = Option(
        "umask",
        kinds.UMASK,
        _PROCESS,
        "permissions that new files never have",
        "027 keeps what the application writes from everybody else. A unix: port has its own mode=.",
        "027",
        default_text="what it was started with",
    ).field()
    name: str | None = Option(
        "name",
        kinds.TITLE,
        _PROCESS,
        "what ps -o comm, top and pgrep call the process",
        "For who runs several. The kernel keeps 15 octets.",
        "mysite",
    ).field()
    init: bool = Option(
        "init",
        kinds.FLAG,
        _PROCESS,
        "be an init, as process 1 always is: fork a server, reap orphans, pass signals on to it",
        "As process 1, in a container, it always is: no tini is needed. Elsewhere it reaps what the application's"
        " own children leave behind. A .tac file has none.",
        "true",
        default=False,
    ).field()

    def __attrs_post_init__(self) -> None:
        """Check what no value can know alone."""
        _check_routes(self)
        _check_repeats("--port", self.ports)
        if not self.ports:
            raise ConfigurationError("--port: there is no endpoint to listen on; write --port tcp:8000")
        _check_proxies(self)
        _check_tls(self)
        least, most = self.min_threads, self.threads
        if least > most:
            raise ConfigurationError(
                f"--min-threads: {least} is more than --threads {most}; write --min-threads {most}"
            )

    @property
    def boot_timeout(self) -> float:
        """Seconds that an import, a worker's boot, and the check before an upgrade may take."""
        return self.worker_timeout or workforce.BOOT

    def as_plain(self) -> dict[str, Plain | list[Plain]]:
        """Write them as a flat table of TOML or JSON: option names to values; what is not set is left out."""
        pairs = ((option.name, option.write(getattr(self, option.attribute))) for option in FIELDS)
        return {name: plain for name, plain in pairs if plain is not None and plain != []}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], spelling: Spelling = PYTHON) -> Settings:
        """Read what `as_plain` wrote, or a table of TOML. Raises ConfigurationError."""
        return cls(**values_from_plain(plain, spelling))


FIELDS: tuple[Option, ...] = tuple(each.metadata["option"] for each in attrs.fields(Settings))
"""The rows that are fields of Settings."""
_BIND = Option(
    "bind",
    listening.ADDRESS,
    _PORTS,
    "--port in gunicorn's spelling: host:port, unix:path, fd://N",
    "For those who come from gunicorn; it is turned into an endpoint.",
    "127.0.0.1:8000",
    flag="b",
    repeatable=True,
    attribute="ports",
)
_FLAG = Kind("", str)
COMMANDS: tuple[Option, ...] = (
    Option(
        "config",
        kinds.path("FILE"),
        _FILES,
        "read options from this TOML file",
        "Without it, wsgicontainer.toml is read, or [tool.wsgicontainer] of pyproject.toml, in the working directory.",
        "wsgicontainer.toml",
        attribute="",
    ),
    Option(
        "check-config",
        _FLAG,
        _FILES,
        "load everything, say what would run, and stop; a port that is taken is only a warning",
        "The exit status is 0 if it would run; otherwise it is the one that starting would have had. "
        "No file is left behind. TCP ports are tried, without listening, so check as who will start it; that one is "
        "taken is a warning only, as this server may be running there. The application is imported.",
        "",
        attribute="",
    ),
    Option(
        "print-config",
        _FLAG,
        _FILES,
        "print the settings as TOML, say where each comes from, and stop",
        "What it prints is a configuration file.",
        "",
        attribute="",
    ),
)
"""The rows about where settings come from; they are none themselves."""
_PLACED = [each for field in FIELDS for each in ((field, _BIND) if field.attribute == _BIND.attribute else (field,))]
OPTIONS: tuple[Option, ...] = tuple(sorted((*_PLACED, *COMMANDS), key=lambda option: GROUPS.index(option.group)))
"""The one table of options."""


def values_from_plain(plain: Mapping[str, Any], spelling: Spelling) -> dict[str, Any]:
    """Turn a table of option names and plain values into keyword arguments for Settings. Raises ConfigurationError."""
    values: dict[str, Any] = {}
    for name, value in plain.items():
        option = find_option(name, spelling)
        settled = option.settle(value, spelling)
        values[option.attribute] = values.get(option.attribute, ()) + settled if option.repeatable else settled
    return values


def find_option(name: str, spelling: Spelling) -> Option:
    """Find the option that sets something by its name, or raise a ConfigurationError that says which one is near."""
    known = {option.name: option for option in OPTIONS if option.attribute}
    if name not in known:
        label = spelling.name.format(name=name, variable=name, attribute=name)
        instead = instead_of(name.replace("_", "-"))
        raise ConfigurationError(
            f"{label}: there is no such option{f'; {instead}' if instead else did_you_mean(name, known)}"
        )
    return known[name]


def without_effect(settings: Settings) -> list[str]:
    """Return the options that somebody has set in vain: with one process there is nobody to make or replace workers."""
    if settings.workers > 1:
        return []
    usual = Settings(wsgi="a:b")
    rows = (option for option in FIELDS if option.group == _WORKERS)
    return [
        f"--{option.name}"
        for option in rows
        if option.name != "workers" and getattr(settings, option.attribute) != getattr(usual, option.attribute)
    ]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Make the end of a sentence: the nearest known word, or where to find them all."""
    near = get_close_matches(word, list(known), n=1, cutoff=0.75)
    return f"; did you mean {near[0]}?" if near else "; see wsgicontainer --help"


def _check_routes(settings: Settings) -> None:
    """Refuse to serve nothing, or two things at one path."""
    root = ("/",) if settings.wsgi is not None else ()
    prefixes = (*root, *(mount.prefix for mount in settings.mounts), *(static.prefix for static in settings.statics))
    if not prefixes:
        raise ConfigurationError("APP: there is nothing to serve; write twist wsgicontainer mysite.wsgi:application")
    probed = () if settings.health is None else probe_paths(settings.health)
    _check_repeats("--mount, --static and --health", (*prefixes, *probed))


def _check_proxies(settings: Settings) -> None:
    """Refuse a port that nobody could use: who sends a PROXY header must be trusted."""
    port = next((port for port in settings.ports if _inside(port).startswith("haproxy:")), None)
    if port is not None and not settings.forwarded_allow_ips:
        raise ConfigurationError(
            f"--port: {port} believes what the proxy says of the client, so the proxy must be named; write"
            " --forwarded-allow-ips 127.0.0.1 with the proxy's address"
        )


def _inside(port: str) -> str:
    tls = secured(port)
    return port if tls is None else tls.inside


def _check_tls(settings: Settings) -> None:
    """Refuse what is only half said."""
    if settings.keyfile is not None and settings.certfile is None:
        raise ConfigurationError("--keyfile: there is no certificate for this key; write --certfile cert.pem beside it")
    if settings.cert_reqs != "none" and settings.ca_certs is None:
        raise ConfigurationError(
            f"--cert-reqs: {settings.cert_reqs} needs to know who may sign clients' certificates; write --ca-certs"
            " clients.pem beside it"
        )
    if settings.ca_certs is not None and settings.cert_reqs == "none":
        raise ConfigurationError("--ca-certs: clients are not asked for certificates; write --cert-reqs required")
    if settings.redirect_https and settings.certfile is not None:
        raise ConfigurationError(
            "--redirect-https: with --certfile every port speaks TLS, and none is left to redirect; write --port"
            " ssl:443:privateKey=key.pem:certKey=cert.pem --port tcp:80"
        )


def _check_repeats(label: str, values: tuple[str, ...]) -> None:
    for position, value in enumerate(values):
        if value in values[:position]:
            raise ConfigurationError(f"{label}: {value} is given twice; leave one of them out")
