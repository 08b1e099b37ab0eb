"""The fuzzer's corpus: what once reached a branch, or failed, is right today."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
FILES = [
    pytest.param(folder.name, path, id=f"{folder.name}-{path.name}")
    for folder in sorted(CORPUS.iterdir())
    for path in sorted(folder.iterdir())
]


def test_there_is_a_corpus_for_each_target():
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)


@pytest.mark.parametrize(("target", "path"), FILES)
def test_what_was_found_is_right(target: str, path: Path):
    TARGETS[target](path.read_bytes())
