"""Conditional requests (RFC 9110 section 13): whether the client's copy is still good, and its condition met.

Validators are made from a file's size and modification time. A tag is weak while the file is younger than two
seconds: it may then change again without its time showing it (RFC 9110 section 8.8.1, and what Apache does).
Pure: dates are seconds since the epoch, fields are those of `messages.Request` under their CGI names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from attrs import frozen

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TAG = re.compile(r'[ \t]*(?:,[ \t]*)*(W/)?("[!#-~\x80-\xff]*")[ \t]*(?=,|$)')
_FRESH = 2.0

_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DATES = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?:{'|'.join(_DAYS)}), (?P<day>\d\d) (?P<month>[A-Z][a-z]{{2}}) (?P<year>\d{{4}}) {_CLOCK} GMT",
        rf"[A-Z][a-z]{{5,8}}, (?P<day>\d\d)-(?P<month>[A-Z][a-z]{{2}})-(?P<year>\d\d) {_CLOCK} GMT",
        rf"(?:{'|'.join(_DAYS)}) (?P<month>[A-Z][a-z]{{2}}) (?P<day>[ \d]\d) {_CLOCK} (?P<year>\d{{4}})",
    )
)


@frozen
class Validators:
    """What tells one state of a representation from another."""

    tag: str
    """The opaque tag with its quotes: `'"18f-400"'`."""
    modified: int
    """Seconds since the epoch; never later than now (RFC 9110 section 8.8.2.1)."""
    strong: bool
    """False if the content may have changed without the validators: they serve a 304, never a range."""

    @property
    def etag(self) -> str:
        """The ETag field's value."""
        return self.tag if self.strong else "W/" + self.tag

    @property
    def last_modified(self) -> str:
        """The Last-Modified field's value."""
        return http_date(self.modified)


def validators_of(size: int, mtime_ns: int, now: float) -> Validators:
    """Make the validators of a file of `size` octets, changed at `mtime_ns` nanoseconds, as seen at `now` seconds."""
    modified = min(mtime_ns // 1_000_000_000, int(now))
    return Validators(f'"{mtime_ns:x}-{size:x}"', modified, now - mtime_ns / 1e9 >= _FRESH)


def precondition(fields: Mapping[str, str], current: Validators) -> int:
    """Judge a GET or HEAD in the order of RFC 9110 section 13.2.2: 200 (go on), 304 or 412."""
    if "HTTP_IF_MATCH" in fields:
        if not _any_tag(fields["HTTP_IF_MATCH"], current, weak=False):
            return 412
    elif "HTTP_IF_UNMODIFIED_SINCE" in fields:
        limit = parse_date(fields["HTTP_IF_UNMODIFIED_SINCE"], current.modified)
        if limit is not None and current.modified > limit:
            return 412
    if "HTTP_IF_NONE_MATCH" in fields:
        return 304 if _any_tag(fields["HTTP_IF_NONE_MATCH"], current, weak=True) else 200
    if "HTTP_IF_MODIFIED_SINCE" in fields:
        since = parse_date(fields["HTTP_IF_MODIFIED_SINCE"], current.modified)
        return 304 if since is not None and current.modified <= since else 200
    return 200


def range_applies(fields: Mapping[str, str], current: Validators) -> bool:
    """Judge If-Range (RFC 9110 section 13.1.5): only the very same state may be continued."""
    condition = fields.get("HTTP_IF_RANGE")
    if condition is None:
        return True
    return current.strong and condition.strip() in (current.tag, current.last_modified)


def _any_tag(value: str, current: Validators, weak: bool) -> bool:
    """Compare a list of tags, or `*`, with the current one (RFC 9110 section 8.8.3.2)."""
    if value.strip() == "*":
        return True
    end = 0
    while found := _TAG.match(value, end):
        if found[2] == current.tag and (weak or (current.strong and not found[1])):
            return True
        end = found.end()
    return False


@lru_cache(1024)
def http_date(seconds: int) -> str:
    """Write an IMF-fixdate (RFC 9110 section 5.6.7), in English whatever the locale; remembered, as it costs 5 µs."""
    when = datetime.fromtimestamp(seconds, UTC)
    day = f"{_DAYS[when.weekday()]}, {when.day:02d} {_MONTHS[when.month - 1]} {when.year:04d}"
    return f"{day} {when.hour:02d}:{when.minute:02d}:{when.second:02d} GMT"


def parse_date(text: str, now: int) -> int | None:
    """Read one of the three forms of RFC 9110 section 5.6.7; None if it is none of them, so that the field is ignored.

    `now` finds the century of a two-digit year: the latest that is not over 50 years after it.
    """
    found = next((found for found in (form.fullmatch(text.strip()) for form in _DATES) if found), None)
    if found is None or found["month"] not in _MONTHS:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        latest = datetime.fromtimestamp(now, UTC).year + 50
        year = latest - (latest - year) % 100
    clock = int(found["hour"]), int(found["minute"]), min(int(found["second"]), 59)
    try:
        when = datetime(year, _MONTHS.index(found["month"]) + 1, int(found["day"]), *clock, tzinfo=UTC)
    except ValueError:
        return None
    return int(when.timestamp())
