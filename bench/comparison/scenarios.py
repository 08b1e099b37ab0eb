"""What is asked of every server: the table of scenarios. Pure."""

from __future__ import annotations

from attrs import frozen


@frozen
class Scenario:
    """One question."""

    name: str
    asks: str
    """What it shows, for the table's heading."""
    app: str = "apps:hello"
    threads: tuple[int, ...] = (4, 32)
    connections: int = 32
    over: str = "http"
    """What is spoken: `http`; `https`, which is HTTP/1.1 over TLS; `h2`, over TLS as well."""
    tool: str = "wrk"
    """Who asks: `wrk` or `h2load`."""
    client: str = "plain"
    """What client.lua sends, if wrk asks."""
    streams: int = 1
    """Requests that one connection has under way, if h2load asks."""
    requests: int = 0
    """Those that h2load sends to warm up; how fast they went says how many will fill the time.

    It could be given a time, but waits for all connections first: gunicorn has a thread for each, and others wait.
    """
    anew: bool = False
    """Have h2load started again and again until the time is over: then nobody knows a TLS session to resume."""
    sends: int = 0
    """Octets of content that h2load sends with each."""
    client_threads: int = 1
    """Threads of wrk, which share the connections evenly, and one core."""
    logged: bool = False
    """With the access log on; servers that have none are left out."""
    reply: int = 0
    """Octets of a reply so long that a run has few: then requests are counted by octets, parts of them too."""
    idle: int = 0
    """Keep-alive connections that lie open meanwhile."""
    only: tuple[str, ...] = ()
    """The servers that can do it as they are set; () means all."""
    shows: str = "cpu_us"
    """The figure that says most: what the plot draws."""

    @property
    def scheme(self) -> str:
        """What the URL begins with."""
        return "http" if self.over == "http" else "https"


_BULK = 64 << 20


def _bulk(name: str, asks: str, over: str, app: str, reply: int = 0, sends: int = 0) -> Scenario:
    """Describe long transfers, one after the other on each of two connections."""
    return Scenario(
        name,
        asks,
        app,
        (4,),
        connections=2,
        over=over,
        tool="h2load",
        requests=2,
        reply=reply,
        sends=sends,
        shows="mib_per_s",
    )


SCENARIOS = {
    each.name: each
    for each in (
        Scenario("hello", "13 octets at once"),
        Scenario("browser", "a browser's twelve field lines", client="browser"),
        Scenario("close", "one connection per request", client="close", threads=(4,)),
        Scenario("logged", "access log on", logged=True, threads=(4,)),
        Scenario("idle", "beside 10,000 idle connections", idle=10_000, threads=(4,), only=("ours", "granian")),
        Scenario("echo", "64 KiB sent and given back", app="apps:echo", client="post"),
        Scenario(
            "stream", "10 MiB in blocks of 64 KiB", "apps:stream", connections=8, reply=10 << 20, shows="mib_per_s"
        ),
        Scenario("flaskapp", "Flask", app="apps:flaskapp", shows="requests_per_s"),
        Scenario("django", "a Django page, ORM and template", app="djangopage:app", shows="requests_per_s"),
        Scenario("sleepy", "each waits 10 ms", app="apps:sleepy", connections=64, shows="requests_per_s"),
        Scenario("cpu5", "each computes 5 ms", app="apps:cpu5", shows="p99_ms"),
        Scenario(
            "mixed",
            "one connection of ten waits 20 ms",
            app="apps:mixed",
            connections=30,
            client="mixed",
            client_threads=10,
            shows="requests_per_s",
        ),
        Scenario("tls", "13 octets over TLS, HTTP/1.1", over="https"),
        Scenario(
            "h2",
            "13 octets over HTTP/2, 10 streams each",
            connections=8,
            over="h2",
            tool="h2load",
            streams=10,
            requests=2000,
        ),
        Scenario(
            "handshake",
            "a full TLS handshake each",
            threads=(4,),
            over="https",
            tool="h2load",
            requests=32,
            anew=True,
        ),
        # wrk resumes its sessions
        Scenario("resumed", "a resumed TLS session each", over="https", client="close", threads=(4,)),
        _bulk("download", "64 MiB over TLS, HTTP/1.1", "https", "apps:download", reply=_BULK),
        _bulk("download-h2", "64 MiB over HTTP/2", "h2", "apps:download", reply=_BULK),
        _bulk("upload", "64 MiB sent over TLS, HTTP/1.1", "https", "apps:upload", sends=_BULK),
        _bulk("upload-h2", "64 MiB sent over HTTP/2", "h2", "apps:upload", sends=_BULK),
    )
}
