"""A row of the table of options, and how each source of values spells it.

The row makes its field of `Settings`, parses texts and words complaints: the option, what is wrong, what to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from attrs import frozen

from wsgicontainer.errors import ConfigurationError
from wsgicontainer.settings.kinds import Kind, Plain, Wrong


@frozen
class Spelling:
    """How one source of values (the command line, the environment, a file, Python) writes an option: two templates."""

    name: str
    """`"--{name}"`; `{variable}` and `{attribute}` are known too."""
    example: str
    """`"--{name} {value}"`; `{quoted}` is the value with quotation marks if it is no number."""


PYTHON = Spelling("{attribute}", "{attribute}={quoted}")


@frozen
class Option:
    """A row of the table."""

    name: str
    """As on the command line and in TOML: `"graceful-timeout"`."""
    kind: Kind
    group: str
    help: str
    """One line for `--help`, without a period."""
    reason: str
    """Why it exists or why its default is what it is: one or two sentences for the reference."""
    example: str
    """A value that is right: the mend in most complaints."""
    default: Any = None
    """The Settings field's default: a value or an attrs.Factory."""
    default_text: str = ""
    """How a default that has to be computed is described."""
    unit: str = ""
    flag: str = ""
    """A short name: `"p"` for `-p`."""
    repeatable: bool = False
    attribute: str = attrs.field()
    """The field of Settings that it fills; empty for what only concerns the command line."""

    @attribute.default
    def _default_attribute(self) -> str:
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """Name the option's environment variable."""
        return f"WSGICONTAINER_{self.name.upper().replace('-', '_')}"

    @property
    def takes_value(self) -> bool:
        """Say whether a value follows; otherwise it is a flag."""
        return bool(self.kind.metavar)

    def field(self) -> Any:
        """Make the field of Settings that this option fills; whatever is assigned passes through `settle`."""
        return attrs.field(default=self.default, converter=self.settle, metadata={"option": self})

    def parse(self, text: str, spelling: Spelling) -> Any:
        """Turn a text into a value, or raise the ConfigurationError that names the option as `spelling` does."""
        try:
            return self.kind.parse(text)
        except Wrong as wrong:
            raise self.complaint(f"{text!r} {wrong}", wrong.mend or self.example, spelling) from None

    def complaint(self, what: str, mend: str, spelling: Spelling) -> ConfigurationError:
        """Make the operator's sentence: the option, what is wrong, what to write instead."""
        words = {"name": self.name, "variable": self.variable, "attribute": self.attribute}
        quoted = mend if re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", mend) else f'"{mend}"'
        example = spelling.example.format(value=mend, quoted=quoted, **words)
        return ConfigurationError(f"{spelling.name.format(**words)}: {what}; write {example}")

    def settle(self, value: Any, spelling: Spelling = PYTHON) -> Any:
        """Check and normalise plain data or an already parsed value: what Settings keeps.

        A value is written and parsed again, so that there is one set of rules whoever made it.
        """
        if self.repeatable:
            return tuple(self._settle_one(each, spelling) for each in _several(value))
        return None if value is None else self._settle_one(value, spelling)

    def _settle_one(self, value: Any, spelling: Spelling) -> Any:
        several = isinstance(value, tuple) or (isinstance(value, list) and self.kind.listed)
        return self.parse(str(self.kind.write(value)) if several else str(value), spelling)

    def write(self, value: Any) -> Plain | list[Plain] | None:
        """Turn a field's value into plain data for TOML or JSON."""
        if self.repeatable:
            return [self.kind.write(each) for each in value]
        return None if value is None else self.kind.write(value)


def _several(value: Any) -> Iterable[Any]:
    """Take a list as it is, a table of TOML as its `key=value` lines, and anything else as one."""
    if isinstance(value, Mapping):
        return [f"{key}={each}" for key, each in value.items()]
    return value if isinstance(value, list | tuple) else [value]
