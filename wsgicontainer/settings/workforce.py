"""How many processes serve: a number, or as many as this one may have CPUs (`auto`); and what they are asked first.

`auto` goes by the least of the affinity mask and the control group's quota (cgroup v2 cpu.max, v1 cpu.cfs_quota_us).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from wsgicontainer.settings.kinds import Kind, Wrong

MOST = 512
"""Workers: more than any machine has cores for."""
BOOT = 300.0
"""Seconds that an import, a worker's boot, and the check before an upgrade may take where `--worker-timeout` is 0: what
never comes must not be waited for for ever, or no reload could follow it."""
_CGROUP = "/sys/fs/cgroup"


def count_cpus(cores: int, read: Callable[[str], str]) -> int:
    """Count the CPUs for workers: `cores` of the affinity mask, or what the control group allows, at least 1.

    `read` returns a file's text, or raises OSError.
    """
    quota = _quota(read)
    return max(1, min(cores, MOST) if quota is None else min(cores, MOST, round(quota)))


def _quota(read: Callable[[str], str]) -> float | None:
    """Return the CPUs of the process's control group or one above it; None without a limit."""
    found = []
    for directory in _groups(read):
        try:
            quota, period = read(f"{directory}/cpu.max").split()
            if quota != "max":
                found.append(int(quota) / int(period))
        except (OSError, ValueError, ZeroDivisionError):
            continue
    try:
        quota_v1 = int(read(f"{_CGROUP}/cpu/cpu.cfs_quota_us"))
        if quota_v1 > 0:
            found.append(quota_v1 / int(read(f"{_CGROUP}/cpu/cpu.cfs_period_us")))
    except (OSError, ValueError, ZeroDivisionError):
        pass
    return min(found, default=None)


def _groups(read: Callable[[str], str]) -> list[str]:
    """List the folders of our control group and of those above it."""
    try:
        lines = read("/proc/self/cgroup").splitlines()
    except OSError:
        lines = []
    path = next((line[3:].strip("/") for line in lines if line.startswith("0::")), "")
    parts = [part for part in path.split("/") if part]
    return ["/".join([_CGROUP, *parts[:count]]) for count in range(len(parts) + 1)]


def _read(name: str) -> str:
    with open(name, encoding="ascii", errors="replace") as file:
        return file.read(4096)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return os.cpu_count() or 1


def _parse_workers(text: str) -> int:
    if text.strip() == "auto":
        return count_cpus(_cores(), _read)
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
        raise Wrong("is neither a whole number nor auto", "auto")
    if not 1 <= int(text) <= MOST:
        raise Wrong(f"is not between 1 and {MOST}", "auto")
    return int(text)


WORKERS = Kind("N|auto", _parse_workers, int, f"1 to {MOST}")


def _parse_warmup(text: str) -> str:
    if text and not re.fullmatch(r"/[!-~]*", text):
        raise Wrong("is no path that begins with /", "/")
    return text


WARMUP = Kind("PATH", _parse_warmup)
