"""The command `wsgicontainer`, and `python -m wsgicontainer`."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import wsgicontainer
from wsgicontainer.__main__ import twist_words


@pytest.mark.parametrize(
    ("ours", "twists"),
    [
        (["a:b"], ["--log-format=text", "wsgicontainer", "a:b"]),
        (
            ["a:b", "--log-level", "debug", "-p", "tcp:1"],
            ["--log-format=text", "--log-level=debug", "wsgicontainer", "a:b", "-p", "tcp:1"],
        ),
        (["--log-format=json", "a:b"], ["--log-format=text", "--log-format=json", "wsgicontainer", "a:b"]),
        (["--", "--reactor", "x"], ["--log-format=text", "wsgicontainer", "--", "--reactor", "x"]),
    ],
)
def test_twists_own_options_may_stand_anywhere(ours: list[str], twists: list[str]) -> None:
    assert twist_words(["wsgicontainer", *ours]) == twists


def test_importing_the_package_installs_no_reactor() -> None:
    program = "import sys, wsgicontainer; assert 'twisted.internet.reactor' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_version_is_the_distributions() -> None:
    assert wsgicontainer.__version__ == importlib.metadata.version("wsgicontainer")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--thread", "3"], "wsgicontainer: --thread: there is no such option; did you mean --threads?\n"),
        (["a", "--log-level", "loud"], "wsgicontainer: Invalid log level: loud\n"),
        (["a", "--log-file"], "wsgicontainer: --log-file: its value is missing\n"),
    ],
)
def test_a_wrong_word_is_one_sentence_and_status_2(words: list[str], told: str) -> None:
    ran = subprocess.run([sys.executable, "-m", "wsgicontainer", *words], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.decode()) == (2, b"", told)


def test_help_and_the_effective_settings_are_printed() -> None:
    command = [sys.executable, "-m", "wsgicontainer"]
    page = subprocess.run([*command, "--help"], capture_output=True, check=True).stdout
    assert b"Usage: python -m wsgicontainer [APP] [options]" in page
    printed = subprocess.run([*command, "a:b", "--print-config"], capture_output=True, check=True).stdout
    assert b'wsgi = "a:b"  # command line' in printed
