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
    client: str = "plain"
    """What client.lua sends."""
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
    )
}
