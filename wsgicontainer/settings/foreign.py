"""Options of other servers, as people type them here: what each is called with us, or why there is none.

Only names that mean something else here, or nothing; those that gunicorn has too and we have taken over are in the
table. Pure.
"""

from __future__ import annotations

TWISTD_OPTIONS = (
    *("nodaemon", "pidfile", "logfile", "logger", "syslog", "prefix", "rundir", "chroot", "uid", "gid", "euid"),
    *("python", "file", "source", "no_save", "originalname", "profile", "profiler", "savestats"),
)
"""What `twistd` takes for itself, before our name; its --umask and --reactor are known here otherwise."""

_PORT = "write --port"
_LOG = "the log is twist's: twist --log-file=FILE wsgicontainer …"
_TOML = "write --config with a file that is TOML"
_LEVEL = "how much is told is twist's: twist --log-level debug wsgicontainer …"
_RELOAD = (
    "nothing watches the files yet: while you develop, use your framework's own server, or end this one with Ctrl-C "
    "and start it again; with --workers 2, kill -HUP has new code follow without losing a request"
)
_APP = "write APP: package.module:application"
_STATIC = "write --static /static=./static"
_TRUST = "write --forwarded-allow-ips with the proxy's address"
_INSTEAD = {
    # the development servers of frameworks
    **dict.fromkeys(("reload", "auto-reload", "autoreload", "py-autoreload", "touch-reload"), _RELOAD),
    **dict.fromkeys(("reload-dir", "reload-dirs", "reload-include", "reload-exclude", "reload-engine"), _RELOAD),
    **dict.fromkeys(("reload-extra-file", "reload-on-changes"), _RELOAD),
    **dict.fromkeys(("no-reload", "noreload"), "nothing watches the files: leave it out"),
    "debug": f"the application has its own; {_LEVEL}",
    "factory": "write APP as package.module:factory()",
    "app": "write it without a name: twist wsgicontainer package.module:application",
    "env-file": "write --env NAME=VALUE for each variable",
    **dict.fromkeys(("verbose", "quiet"), _LEVEL),
    **dict.fromkeys(("ssl", "tls"), f"write --certfile cert.pem --keyfile key.pem, or {_PORT} txsni:DIR:tcp:443"),
    "http2": "it is spoken over TLS already: see --http-protocols",
    "daemonize": "twistd wsgicontainer … goes into the background",
    **dict.fromkeys(("ws", "websockets", "http-websockets"), "WSGI has no WebSockets"),
    # gunicorn
    "access-logfile": "write --access-log",
    "access-logformat": "write --access-log-format",
    "error-logfile": _LOG,
    **dict.fromkeys(("log", "logto", "log-to-terminal", "log-config", "log-config-json", "logger-class"), _LOG),
    "conf": _TOML,
    "keepalive": "write --keep-alive",
    "worker-class": "there is one kind, with threads; write --threads for how many",
    "worker-connections": "write --max-connections",
    "worker-tmp-dir": "workers beat over sockets, and need no files",
    "daemon": "twistd wsgicontainer … goes into the background",
    "pid": "write --pid-file",
    "pythonpath": "set PYTHONPATH, or write --chdir",
    "proc-name": "write --name",
    "reuse-port": "each worker has a socket of its own already",
    "proxy-protocol": f"{_PORT} haproxy:tcp:8000 and --forwarded-allow-ips",
    # uvicorn, hypercorn, granian, waitress
    "host": f"{_PORT} tcp:8000:interface=127.0.0.1",
    "listen": f"{_PORT} tcp:8000:interface=127.0.0.1, or --bind 127.0.0.1:8000",
    "uds": f"{_PORT} unix:/run/site.sock",
    "unix-socket": f"{_PORT} unix:/run/site.sock",
    "fd": f"{_PORT} fd:3",
    "root-path": "write --mount /path=package.module:application",
    "url-prefix": "write --mount /path=package.module:application",
    "app-dir": "write --chdir",
    "ssl-certfile": "write --certfile",
    "ssl-keyfile": "write --keyfile",
    "ssl-certificate": "write --certfile",
    "ssl-keyfile-password": "write the key to a file without one: openssl pkey -in key.pem -out plain.pem",
    "ssl-ca": "write --ca-certs",
    "ssl-version": "write --tls-min",
    "unix-socket-perms": f"{_PORT} unix:/run/site.sock:mode=660",
    "chmod-socket": f"{_PORT} unix:/run/site.sock:mode=660",
    "insecure-bind": f"{_PORT} tcp:80, beside one with TLS",
    "no-access-log": "there is none unless you write --access-log",
    "url-scheme": f"over TLS it is https; behind a proxy {_TRUST}",
    "working-dir": "write --chdir",
    **dict.fromkeys(("proxy-headers", "trusted-proxy", "trusted-proxy-headers", "secure-scheme-headers"), _TRUST),
    "limit-concurrency": "write --max-connections, or --max-queue",
    "limit-max-requests": "write --max-requests",
    "timeout-keep-alive": "write --keep-alive",
    "timeout-graceful-shutdown": "write --graceful-timeout",
    "connection-limit": "write --max-connections",
    "max-request-body-size": "write --limit-request-body",
    "blocking-threads": "write --threads",
    "max-threads": "write --threads",
    "backpressure": "write --max-queue",
    "workers-kill-timeout": "write --graceful-timeout",
    "timeout-worker-healthcheck": "write --worker-timeout",
    "channel-timeout": "write --keep-alive, or --send-timeout",
    "max-request-header-size": "write --limit-request-head",
    "h11-max-incomplete-event-size": "write --limit-request-head",
    "inbuf-overflow": "write --body-buffer",
    "outbuf-overflow": "write --output-buffer",
    "ident": "the Server field names this server, unless the application sends its own",
    **dict.fromkeys(("static-path-mount", "static-path-route"), _STATIC),
    "interface": f"there is one, WSGI; for an address {_PORT} tcp:8000:interface=127.0.0.1",
    "loop": "it is Twisted's reactor: twist --reactor NAME wsgicontainer …",
    # uWSGI, mod_wsgi-express
    "ini": _TOML,
    "processes": "write --workers",
    "http": f"{_PORT} tcp:8000",
    "http-socket": f"{_PORT} tcp:8000",
    "https": f"{_PORT} tcp:8443 with --certfile",
    "socket": f"{_PORT} unix:/run/site.sock; HTTP is what is spoken there",
    **dict.fromkeys(("module", "wsgi-file", "callable"), _APP),
    "virtualenv": "start the command of that virtual environment",
    "home": "start the command of that virtual environment",
    **dict.fromkeys(("static-map", "url-alias"), _STATIC),
    "document-root": "write --static /=./htdocs",
    "uwsgi-socket": f"{_PORT} unix:/run/site.sock; HTTP is what is spoken there",
    "buffer-size": "write --limit-request-head",
    "post-buffering": "write --body-buffer",
    "python-path": "set PYTHONPATH, or write --chdir",
    "reload-on-rss": "write --max-worker-rss",
    "procname": "write --name",
    "stats": "nothing counts what it does yet, but for --access-log",
    "lazy-apps": "each worker imports for itself, unless you write --preload",
    "harakiri": "write --timeout",
    "master": "with --workers 2 there is one",
    "enable-threads": "threads are always possible",
    "vacuum": "sockets and pid files are always removed",
    "die-on-term": "TERM always ends it, once what runs is answered",
}

_TWISTDS_LETTERS = {"n": "nodaemon", "l": "logfile", "y": "python", "d": "rundir"}
_USUAL = {"v": "verbose", "q": "quiet", "H": "host", "s": "socket", "M": "master"}
_GUNICORNS = {"k": "worker-class", "c": "conf", "D": "daemon", "u": "user", "g": "group", "m": "umask", "e": "env"}
_LETTERS = {**_TWISTDS_LETTERS, **_GUNICORNS, **_USUAL}


def instead_of(name: str) -> str:
    """Say what to write instead of another server's option, its name without dashes; "" if nobody has that."""
    if len(name) == 1:
        return _instead_of_letter(name)
    if name.replace("-", "_") in TWISTD_OPTIONS:
        ours = {"pidfile": "; ours is --pid-file", "uid": "; ours is --user", "gid": "; ours is --group"}.get(name, "")
        return f"twistd has it, and takes it before our name: twistd --{name} … wsgicontainer{ours}"
    return _INSTEAD.get(name, "")


def _instead_of_letter(letter: str) -> str:
    name = _LETTERS.get(letter, "")
    said = instead_of(name) if name else ""
    if name in TWISTD_OPTIONS:
        return said.partition(f"twistd --{name}")[0] + f"twistd -{letter} … wsgicontainer"
    return said or (f"write --{name}" if name else "")
