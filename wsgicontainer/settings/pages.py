"""The table of options rendered for people: `--help`, `--print-config`, `--check-config` and the reference page.

Each page is one function from values to text.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Mapping
from itertools import groupby

from wsgicontainer.settings.kinds import Plain
from wsgicontainer.settings.option import Option
from wsgicontainer.settings.table import FIELDS, GROUPS, OPTIONS, Settings, without_effect

_SOURCES = """\
Every option --some-option is also WSGICONTAINER_SOME_OPTION in the environment and some-option in TOML. What may be
repeated{mark} is a list in TOML; in the environment it is one value per line or, in a single line, values between
semicolons. The command line wins over the environment, which wins over TOML: a list replaces the other list. Names
can't be abbreviated."""

_USAGE = """\
Usage: {command} [APP] [options]

Serve the WSGI application APP, folders of files, or both:

  {command} mysite.wsgi:application
  {command} mysite.wsgi:application --port tcp:8000 \\
      --static /static=./static --access-log -
  {command} mysite.wsgi:application --workers auto \\
      --port txsni:/etc/certificates:tcp:443

* may be repeated; S: seconds; SIZE: octets (bytes), also 64K, 10M, 1G
"""
_OTHERS = "--help prints this page, --version versions. The log and the reactor are {outer}'s: see {outer} --help."


def by_group(options: Iterable[Option]) -> list[tuple[str, list[Option]]]:
    """Sort rows into their groups, in the groups' order."""
    rows = sorted(options, key=lambda option: GROUPS.index(option.group))
    return [(group, list(members)) for group, members in groupby(rows, key=lambda option: option.group)]


def help_page(command: str, width: int) -> str:
    """Render `--help` for a terminal of `width` columns; `command` is what the user typed before our options."""
    groups = "".join(
        f"\n{group}:\n" + "".join(_help_row(option, width) for option in options)
        for group, options in by_group(OPTIONS)
    )
    outer = "twistd" if command.startswith("twistd ") else "twist"
    foot = (_SOURCES.format(mark=" (*)"), _OTHERS.format(outer=outer))
    notes = "\n\n".join(textwrap.fill(each, width) for each in foot)
    return f"{_USAGE.format(command=command)}{groups}\n{notes}\n"


_COLUMN = 34
_TIED = "\xa0"
"""A space at which no line ends."""
_NEVER = re.compile(r"(?<=\b0:) ")
"""The space in `0: never`."""


def _help_row(option: Option, width: int) -> str:
    short = f"-{option.flag}, " if option.flag else "    "
    star = " *" if option.repeatable else ""
    label = f"  {short}--{option.name} {option.kind.metavar}{star}".rstrip()
    room = max(width - _COLUMN, 30)
    told = f"{_NEVER.sub(_TIED, option.help)} {_tied(_help_default(option), room)}"
    lines = textwrap.wrap(told, room, break_on_hyphens=False)
    start = "" if len(label) < _COLUMN else f"{label}\n"
    first = (label if not start else "").ljust(_COLUMN)
    return start + first + f"\n{' ' * _COLUMN}".join(lines).replace(_TIED, " ") + "\n"


def _help_default(option: Option) -> str:
    default = default_text(option)
    return f"(default{_TIED}{default})" if default else ""


def _tied(text: str, room: int) -> str:
    """Keep a text on one line if that has room for it."""
    return text if len(text) > room else text.replace(" ", _TIED)


def default_text(option: Option) -> str:
    """Describe a row's default, or nothing if there is none."""
    if option.default_text:
        return option.default_text
    plain = option.write(option.default) if option.default is not None else None
    if isinstance(plain, list):
        return ", ".join(str(each) for each in plain)
    return "" if plain is None or plain is False else str(plain)


def toml_page(settings: Settings, origins: Mapping[str, str]) -> str:
    """Render settings as TOML, each with a comment that says where it comes from (`origins`: attribute -> words)."""
    plain = settings.as_plain()
    lines = []
    for group, options in by_group(FIELDS):
        lines.append(f"\n# {group}")
        for option in options:
            origin = origins.get(option.attribute, "default")
            setting = f"{option.name} = {_toml(plain[option.name])}  # {origin}" if option.name in plain else None
            lines.append(setting or f"# {option.name} is not set")
    return "\n".join(lines).lstrip() + "\n"


def _toml(plain: Plain | list[Plain]) -> str:
    """Render a value; JSON's strings and truth are TOML's, but for DEL."""
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def summary_page(settings: Settings) -> str:
    """Render what would run: applications, folders, timers, endpoints, threads."""
    root = [f"/ = {settings.wsgi}"] if settings.wsgi is not None else []
    rows = {
        "applications": root + [f"{mount.prefix} = {mount.app}" for mount in settings.mounts],
        "folders": [f"{static.prefix} = {static.directory}" for static in settings.statics],
        "timers": [f"every {timer.seconds:g} s: {timer.target}" for timer in settings.timers],
        "endpoints": settings.ports,
        "threads": [f"{settings.min_threads} to {settings.threads}"],
        "workers": [str(settings.workers)],
        "in vain": [f"{name}, with one worker" for name in without_effect(settings)],
    }
    return "".join(f"{name:14}{f'{chr(10)}{14 * chr(32)}'.join(values)}\n" for name, values in rows.items() if values)


def reference_page() -> str:
    """Render docs/reference/options.md."""
    sources = _SOURCES.format(mark="").replace("\n", " ")
    groups = "".join(
        f"\n## {group}\n" + "".join(_reference_row(option) for option in options)
        for group, options in by_group(OPTIONS)
    )
    made = "<!-- Made by docs/make_options.py from wsgicontainer/settings/table.py: change it there. -->"
    return f"# Options\n\n{made}\n\n{sources}\n{groups}"


def _reference_default(option: Option) -> str:
    default = default_text(option)
    return default if option.default_text or not default else f"`{default}`"


def _reference_row(option: Option) -> str:
    short = f"`-{option.flag}`, " if option.flag else ""
    facts = [
        ("Environment", f"`{option.variable}`" if option.attribute or option.takes_value else ""),
        ("TOML", f"`{option.name}`" if option.attribute else ""),
        ("Default", _reference_default(option)),
        ("Unit", option.unit),
        ("Range", option.kind.span),
        ("Example", f"`--{option.name} {option.example}`" if option.takes_value else ""),
    ]
    shown = [name for name, _ in facts] if option.takes_value else ["Environment", "TOML"]
    told = "\n".join(f"- {name}: {fact}" for name, fact in facts if fact and name in shown)
    again = ", may be repeated" if option.repeatable else ""
    head = f"\n### {short}`--{option.name}{' ' if option.takes_value else ''}{option.kind.metavar}`{again}\n"
    return f"{head}\n{option.help[:1].upper()}{option.help[1:]}. {option.reason}\n" + (f"\n{told}\n" if told else "")
