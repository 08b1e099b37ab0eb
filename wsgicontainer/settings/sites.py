"""What is served and called: applications, mounts, folders, timers; as values, and as the operator spells them.

Only the spelling is checked here; importing the applications and looking at the folders is done at boot.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from attrs import frozen

from wsgicontainer.settings.kinds import Kind, Wrong, escape, seconds, split_escaped, whole, write_number

_TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:\s*[^\W\d].*)?", re.DOTALL)


def _parse_application(text: str) -> str:
    if _TARGET.fullmatch(text):
        return text
    module = text.removesuffix(".py").removeprefix("./").strip("/").replace("/", ".")
    mend = f"{module}:application" if _TARGET.fullmatch(module) else "mysite.wsgi:application"
    raise Wrong("does not name a module and what to call in it", mend)


APPLICATION = Kind("APP", _parse_application)


@frozen
class Mount:
    """An application at a path."""

    prefix: str
    """`"/api"`; begins with `/` and ends with it only if it is `"/"`."""
    app: str
    """As APP: `"pkg.mod:attr"`."""

    def __str__(self) -> str:
        """Spell it as on the command line."""
        return f"{self.prefix}={self.app}"


def _parse_prefix(text: str) -> str:
    prefix = text.rstrip("/") or "/"
    if not text.startswith("/"):
        raise Wrong("does not begin with /")
    if "//" in prefix or re.search(r"[?#\x00-\x20\x7f]", prefix):
        raise Wrong("has an empty segment, a space, ? or # in its path")
    return prefix


def _part(parse: Callable[[str], Any], text: str, whole_text: str) -> Any:
    """Parse a part of a value, so that the mend shows the whole value."""
    try:
        return parse(text)
    except Wrong as wrong:
        raise Wrong(str(wrong), whole_text.format(wrong.mend) if wrong.mend else "") from None


def _parse_mount(text: str) -> Mount:
    prefix, equals, app = text.partition("=")
    if not equals:
        raise Wrong("is not /prefix=APP")
    return Mount(_parse_prefix(prefix), _part(_parse_application, app, f"{prefix}={{}}"))


PREFIX = Kind("PREFIX", _parse_prefix)


def probe_paths(prefix: str) -> tuple[str, str]:
    """Return where `--health` answers: whether it lives, and whether it is ready."""
    return f"{prefix.rstrip('/')}/live", f"{prefix.rstrip('/')}/ready"


MOUNT = Kind("/PREFIX=APP", _parse_mount)


@frozen
class Timer:
    """A callable that is called again and again."""

    seconds: float
    """From one call to the next, and to the first. A call that is still running is not joined by another."""
    target: str
    """`"pkg.mod:callable"`"""

    def __str__(self) -> str:
        """Spell it as on the command line."""
        return f"{write_number(self.seconds)}={self.target}"


_PERIOD = seconds(0.01, 31_536_000)


def _parse_timer(text: str) -> Timer:
    period, equals, target = text.partition("=")
    if not equals and "@" in text:
        raise Wrong("is a cron expression, which this version does not have", f"3600={text.partition('@')[0]}")
    if not equals or not target:
        raise Wrong("is not SECONDS=pkg.mod:callable")
    every = _part(_PERIOD.parse, period, f"{{}}={target}")
    return Timer(every, _part(_parse_application, target, f"{period}={{}}"))


TIMER = Kind("S=CALLABLE", _parse_timer)


@frozen
class Static:
    """A folder of files at a path."""

    prefix: str
    """`"/static"`; begins with `/` and ends with it only if it is `"/"`."""
    directory: str
    """The folder, as given: relative to the working directory after `--chdir`."""
    index: str | None = None
    """The file to serve for a folder: `"index.html"`; None: folders are 404."""
    fallback: str | None = None
    """The file to serve when there is none. Not in this version: always None."""
    max_age: int | None = None
    """Seconds for `Cache-Control: max-age`; None: no such field."""
    immutable: bool = False
    """`Cache-Control: immutable`. Not in this version: always False."""
    listing: bool = False
    """List folders. Not in this version: always False."""

    def __str__(self) -> str:
        """Spell it as on the command line."""
        words = [escape(self.directory, ",")]
        words += [f"index={escape(self.index, ',')}"] if self.index is not None else []
        words += [f"max-age={self.max_age}"] if self.max_age is not None else []
        words += [f"fallback={self.fallback}"] if self.fallback is not None else []
        words += [name for name in ("immutable", "listing") if getattr(self, name)]
        return f"{self.prefix}={','.join(words)}"


_AGE = whole(0, 31_536_000)


def _parse_static(text: str) -> Static:
    prefix, equals, rest = text.partition("=")
    directory, *words = split_escaped(rest, ",")
    if not equals or not directory or "\0" in rest:
        raise Wrong("is not /url=DIR[,index=FILE][,max-age=S]")
    chosen = dict(_parse_static_word(word) for word in words)
    age = chosen.get("max-age")
    return Static(
        _parse_prefix(prefix), directory, chosen.get("index"), max_age=None if age is None else _AGE.parse(age)
    )


def _parse_static_word(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    if name in ("fallback", "immutable", "listing"):
        raise Wrong(f"asks for {name}, which this version does not have")
    if name not in ("index", "max-age"):
        raise Wrong(f"has the unknown part {word!r} beside index and max-age")
    if not value or "/" in value:
        raise Wrong(f"has no usable value in {word!r}")
    return name, value


STATIC = Kind("/URL=DIR", _parse_static)
