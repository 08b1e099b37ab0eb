"""The sockets that systemd passes to the process that it starts: sd_listen_fds(3).

Names may be missing: older systemd and `systemd-socket-activate` give none. Twisted reads the same variables when its
endpoints are imported, and removes some: then what the process was started with tells (`/proc/self/environ`). None of
the variables or descriptors reaches the application's children.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, MutableMapping
from contextlib import suppress
from itertools import chain, repeat
from pathlib import Path

from attrs import define

from wsgicontainer.endpoints.adopted import family_of
from wsgicontainer.errors import BootError
from wsgicontainer.settings.activation import Activated

FIRST = 3
"""The number of the first descriptor."""
_VARIABLES = ("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES")


@define(eq=False)
class Passed:
    """Names and descriptors, in order; a descriptor is gone once it was found."""

    sockets: list[tuple[str, int | None]]

    def find(self, port: str, wanted: Activated) -> int:
        """Return the descriptor that `--port {port}` asks for, a listening socket. Raises BootError."""
        place = self._place(port, wanted)
        name, descriptor = self.sockets[place]
        if descriptor is None:
            raise BootError(f"--port {port}: another --port listens there already; leave one of them out")
        try:
            family_of(descriptor)
        except OSError as error:
            raise BootError(
                f"--port {port}: what systemd has passed is no listening socket ({error.strerror or error}); write "
                "ListenStream= and Accept=no in its socket unit"
            ) from None
        self.sockets[place] = name, None
        return descriptor

    def _place(self, port: str, wanted: Activated) -> int:
        if not self.sockets:
            raise BootError(
                f"--port {port}: systemd has passed no socket; start the socket unit, not only the service "
                "(systemctl enable --now NAME.socket)"
            )
        if wanted.index is not None:
            places = [place for place in range(len(self.sockets)) if place == wanted.index]
        elif wanted.name is not None:
            places = [place for place, (name, _) in enumerate(self.sockets) if name == wanted.name]
        else:
            places = list(range(len(self.sockets)))
        if len(places) != 1:
            many = "is none of" if not places else f"may be {len(places)} of"
            raise BootError(f"--port {port}: this {many} the sockets that systemd has passed; write {self._choice()}")
        return places[0]

    def _choice(self) -> str:
        """List how each of the sockets can be named without doubt."""
        names = [name for name, _ in self.sockets]
        each = (
            f"systemd:name={name}" if name and names.count(name) == 1 else f"systemd:index={place}"
            for place, name in enumerate(names)
        )
        return " or ".join(each)


def passed_sockets(
    environ: MutableMapping[str, str],
    pids: Collection[int],
    started_with: Callable[[], Mapping[str, str]] | None = None,
) -> Passed:
    """Return what was passed to the process with one of these ids, and take systemd's variables out of the environment.

    `started_with()` is the environment with which this process, or the one that it was forked from, was started.
    """
    found = {name: environ.pop(name, "") for name in _VARIABLES}
    if not found["LISTEN_FDS"]:
        first = (started_with or _started_with)()
        found = {name: first.get(name, "") for name in _VARIABLES}
    if found["LISTEN_PID"] not in map(str, pids) or not found["LISTEN_FDS"].isdecimal():
        return Passed([])
    descriptors = range(FIRST, FIRST + int(found["LISTEN_FDS"]))
    for descriptor in descriptors:
        with suppress(OSError):  # one that is closed is told when a port asks for it
            os.set_inheritable(descriptor, False)
    names = chain(found["LISTEN_FDNAMES"].split(":"), repeat(""))
    return Passed(list(zip(names, descriptors, strict=False)))


def _started_with() -> dict[str, str]:
    try:
        octets = Path("/proc/self/environ").read_bytes()
    except OSError:
        return {}
    lines = (line.partition(b"=") for line in octets.split(b"\0"))
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in lines}
