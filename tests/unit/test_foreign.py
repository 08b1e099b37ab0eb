"""Options of other servers: who types one is told what it is called here."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.scripts.twistd import ServerOptions

from wsgicontainer.settings import OPTIONS
from wsgicontainer.settings.foreign import _INSTEAD, _LETTERS, TWISTD_OPTIONS, instead_of

OURS = {option.name for option in OPTIONS}


def test_no_option_of_ours_is_taken_for_a_foreign_one() -> None:
    assert not OURS & {*_INSTEAD, *(name.replace("_", "-") for name in TWISTD_OPTIONS)}


def test_what_is_advised_is_an_option_of_ours() -> None:
    """Or of twist: the words say so."""
    advised = {name for text in _INSTEAD.values() for name in re.findall(r"--([a-z-]+)", text)}
    assert advised - OURS == {"log-file", "log-level", "reactor"}


def test_twistd_has_what_is_said_to_be_its_own() -> None:
    assert set(TWISTD_OPTIONS) <= {name.removesuffix("=").replace("-", "_") for name in ServerOptions().longOpt}


def test_a_letter_of_ours_is_not_taken_for_a_foreign_one() -> None:
    assert not _LETTERS.keys() & {"h", *(option.flag for option in OPTIONS)}
    assert all(name in OURS or instead_of(name) for name in _LETTERS.values())


def test_of_reloading_nobody_is_led_to_preloading() -> None:
    for name in ("reload", "no-reload", "noreload", "reload-dir", "py-autoreload", "auto-reload", "touch-reload"):
        assert "nothing watches the files" in instead_of(name)


def test_what_nobody_has_gets_no_advice() -> None:
    assert instead_of("entirely-unknown") == ""


def test_the_guide_names_no_option_that_is_not_there() -> None:
    """What stands in its column `Here`, and in its commands."""
    page = (Path(__file__).parents[2] / "docs/howto/coming-from.md").read_text()
    here = [row.rstrip(" |").rpartition("|")[2] for row in page.splitlines() if row.startswith("| ")]
    here.append(page[page.index("\nwsgicontainer mysite") : page.index("Slow clients")])
    named = set(re.findall(r"--([a-z-]+)", " ".join(here)))
    assert named - OURS == {"log-file", "log-level"}
    same = next(row for row in page.splitlines() if "| the same, with these differences" in row).split("|")[1]
    assert not {name.replace("_", "-") for name in re.findall(r"--([a-z_-]+)", same)} - OURS
