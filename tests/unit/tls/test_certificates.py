"""The index of certificates: what is on disk is served, and what goes wrong there leaves what was good."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from twisted.logger import capturedLogs

from wsgicontainer.tls.certificates import Certificates, folder, passed_over, single
from wsgicontainer.tls.pem import Chain, Unusable


class Built:
    """A context that only knows what it was made of."""

    def __init__(self, chains: Iterable[Chain]) -> None:
        self.chains = list(chains)
        self.names = [each.names[0] for each in self.chains]


class Shelf:
    """A folder of certificates, its index, and what was told of it."""

    def __init__(self, directory: Path, authority: Authority) -> None:
        self.directory, self.authority = directory, authority
        self.now = time.time()
        self.refused: set[str] = set()
        build: Any = self.build
        self.index = Certificates(folder(str(directory)), build, lambda: self.now)

    def build(self, chains: Iterable[Chain]) -> Built:
        built = Built(chains)
        if self.refused.intersection(built.names):
            raise Unusable("OpenSSL does not take it")
        return built

    def put(self, file: str, *names: str, **options: Any) -> Path:
        path = self.directory / file
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(self.authority.pem(*names, **options))
        return path

    def look(self) -> list[str]:
        """Look twice, as time does; return what was told."""
        with capturedLogs() as told:
            self.index.look()
            self.index.look()
        return [event["log_format"].format(**event) for event in told]

    def found(self, name: str | None) -> Any:
        context: Any = self.index.find(name)
        return None if context is None else context.names[-1]


@pytest.fixture
def shelf(tmp_path: Path, authority: Authority) -> Shelf:
    return Shelf(tmp_path, authority)


def test_files_are_found_by_their_names_and_by_what_they_are_for(shelf: Shelf) -> None:
    shelf.put("a.example.pem", "a.example", "www.a.example")
    shelf.put("*.b.example.pem", "*.b.example")
    shelf.put("mail.b.example.pem", "mail.b.example")
    shelf.put("bücher.example.pem", "xn--bcher-kva.example")
    shelf.put("numbered-7.pem", "c.example")
    assert shelf.look() == []
    assert len(shelf.index) == 5
    assert shelf.found("A.EXAMPLE.") == shelf.found("www.a.example") == "a.example"
    assert shelf.found("any.b.example") == "*.b.example"
    assert shelf.found("mail.b.example") == "mail.b.example"
    assert shelf.found("xn--bcher-kva.example") == "xn--bcher-kva.example"
    assert shelf.found("c.example") == "c.example"
    for unknown in ("b.example", "two.labels.b.example", "x.example", "", None, "../a.example", "DEFAULT"):
        assert shelf.found(unknown) is None


def test_a_files_own_name_goes_before_what_others_are_for_too(shelf: Shelf) -> None:
    shelf.put("z.example.pem", "z.example")
    shelf.put("a.example.pem", "a.example", "z.example")
    shelf.look()
    assert shelf.found("z.example") == "z.example"


def test_default_is_for_everybody_else(shelf: Shelf) -> None:
    shelf.put("DEFAULT.pem", "main.example")
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    assert shelf.found(None) == shelf.found("x.example") == shelf.found("\udcff") == "main.example"
    assert shelf.found("a.example") == "a.example"


def test_certbots_folders(shelf: Shelf) -> None:
    whole = shelf.authority.pem("a.example", "www.a.example")
    key, certificate = whole.split(b"-----BEGIN CERT", 1)
    live = shelf.directory / "a.example-0001"
    live.mkdir()
    (live / "privkey.pem").write_bytes(key)
    shelf.look()
    assert len(shelf.index) == 0
    (live / "fullchain.pem").write_bytes(b"-----BEGIN CERT" + certificate)
    (shelf.directory / "README").write_text("hands off")
    assert shelf.look() == []
    assert shelf.found("www.a.example") == "a.example"


def test_two_kinds_of_key_for_one_name(shelf: Shelf) -> None:
    shelf.put("a.example.pem", "a.example")
    shelf.put("a.example.rsa.pem", "a.example", rsa=True)
    shelf.look()
    context: Any = shelf.index.find("a.example")
    assert len(context.chains) == 2
    assert len(shelf.index) == 1


def test_a_renewed_file_is_served_in_a_new_context(shelf: Shelf) -> None:
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    before = shelf.index.find("a.example")
    shelf.look()
    assert shelf.index.find("a.example") is before
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    assert shelf.index.find("a.example") is not before


def test_a_file_without_a_key_says_what_to_do(shelf: Shelf) -> None:
    path = shelf.put("a.example.pem", "a.example")
    path.write_bytes(b"-----BEGIN CERT" + path.read_bytes().split(b"-----BEGIN CERT", 1)[1])
    told = f"{path}: it has no private key; put key, certificate and chain into this one file; it is not served"
    assert shelf.look() == [told]


def test_an_empty_file_asks_somebody_else_for_a_certificate(shelf: Shelf) -> None:
    (shelf.directory / "new.example.pem").touch()
    assert shelf.look() == []
    assert shelf.found("new.example") is None
    shelf.put("new.example.pem", "new.example")
    assert shelf.look() == []
    assert shelf.found("new.example") == "new.example"


def test_one_corrupt_file_is_told_and_the_others_are_served(shelf: Shelf) -> None:
    (shelf.directory / "bad.example.pem").write_text("-----BEGIN JUNK-----")
    shelf.put("a.example.pem", "a.example")
    (told,) = shelf.look()
    assert "bad.example.pem: it has no private key; put" in told
    assert told.endswith("; it is not served")
    assert shelf.look() == []
    assert shelf.found("a.example") == "a.example"
    assert shelf.found("bad.example") is None


@pytest.mark.parametrize("trouble", ["empty", "junk", "half", "expired", "refused"])
def test_what_was_good_stays_and_the_trouble_is_told_once(shelf: Shelf, trouble: str) -> None:
    path = shelf.put("a.example.pem", "a.example")
    shelf.look()
    good = shelf.index.find("a.example")
    if trouble == "expired":
        shelf.put("a.example.pem", "a.example", expired=True)
    elif trouble == "refused":
        shelf.refused.add("a.example")
        shelf.put("a.example.pem", "a.example")
    else:
        path.write_bytes({"empty": b"", "junk": b"\xff" * 2000, "half": path.read_bytes()[:300]}[trouble])
    assert len(shelf.look()) == 1
    assert shelf.look() == []
    assert shelf.index.find("a.example") is good
    shelf.refused.clear()
    shelf.put("a.example.pem", "a.example")
    assert shelf.look() == []
    assert shelf.index.find("a.example") not in (good, None)


def test_a_file_that_is_just_being_written_is_no_trouble(shelf: Shelf) -> None:
    path = shelf.put("a.example.pem", "a.example")
    shelf.look()
    text = shelf.authority.pem("a.example")
    with capturedLogs() as told:
        path.write_bytes(text[:100])
        shelf.index.look()
        path.write_bytes(text)
        shelf.index.look()
        shelf.index.look()
    assert told == []


def test_a_file_that_is_gone_is_served_on(shelf: Shelf) -> None:
    path = shelf.put("a.example.pem", "a.example")
    shelf.look()
    path.unlink()
    (told,) = shelf.look()
    assert "a.example.pem is gone" in told
    assert shelf.look() == []
    assert shelf.found("a.example") == "a.example"


def test_a_folder_that_is_gone_changes_nothing(shelf: Shelf) -> None:
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    moved = shelf.directory.rename(f"{shelf.directory}.away")
    (told,) = shelf.look()
    assert "can't be read" in told
    assert shelf.found("a.example") == "a.example"
    moved.rename(shelf.directory)
    shelf.look()
    assert shelf.found("a.example") == "a.example"


@pytest.mark.parametrize("where", ["pipe.example.pem", "elsewhere"])
def test_a_pipe_is_no_certificate_and_keeps_nobody_waiting(where: str, shelf: Shelf) -> None:
    """Nor by a link: to open one waits for a writer."""
    shelf.put("a.example.pem", "a.example")
    os.mkfifo(shelf.directory / where)
    if where == "elsewhere":
        (shelf.directory / "pipe.example.pem").symlink_to(shelf.directory / where)
    (told,) = shelf.look()
    assert "it is no regular file" in told
    assert shelf.found("a.example") == "a.example"


def test_an_expired_one_is_better_than_none(shelf: Shelf) -> None:
    """Browsers say what is wrong with it; they can't say what is wrong with nothing."""
    shelf.put("a.example.pem", "a.example", expired=True)
    (told,) = shelf.look()
    assert told.endswith("it has expired")
    assert shelf.found("a.example") == "a.example"


def test_an_expired_one_gives_way_to_a_new_one(shelf: Shelf) -> None:
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    before = shelf.index.find("a.example")
    shelf.now += 90 * 86_400
    shelf.put("a.example.pem", "a.example")
    shelf.look()
    assert shelf.index.find("a.example") is not before


def test_a_single_certificate_is_for_every_name(tmp_path: Path, authority: Authority) -> None:
    whole = authority.pem("a.example")
    key, certificate = whole.split(b"-----BEGIN CERT", 1)
    (tmp_path / "k").write_bytes(key)
    (tmp_path / "c").write_bytes(b"-----BEGIN CERT" + certificate)
    build: Any = Built
    index = Certificates(single((str(tmp_path / "c"), str(tmp_path / "k"))), build)
    index.look()
    assert index.find(None) is index.find("x.example") is not None


def test_names_that_clients_invent_never_reach_the_disk(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 of them leave nothing behind, and no file is looked at."""
    shelf.put("a.example.pem", "a.example")
    shelf.look()

    def none(*arguments: object, **options: object) -> None:
        raise AssertionError("the disk was asked")

    size = len(shelf.index._index)
    for name in ("open", "stat", "scandir", "listdir"):
        monkeypatch.setattr(os, name, none)
    for number in range(100_000):
        assert shelf.index.find(f"x{number}.invented.example") is None
    monkeypatch.undo()
    assert len(shelf.index._index) == size


def test_what_somebody_may_take_for_a_certificate_is_told(shelf: Shelf) -> None:
    """It is passed over; what is one, or plainly is none, is no matter for words."""
    shelf.put("a.example.pem", "a.example")
    shelf.put("b.example/fullchain.pem", "b.example")
    shelf.put("c.example/fullchain.pem", "c.example")
    shelf.put("c.example/privkey.pem", "c.example")
    (shelf.directory / "localhost.CRT").touch()
    (shelf.directory / "README").touch()
    (shelf.directory / "archive").mkdir()
    assert passed_over(str(shelf.directory)) == [
        f"{shelf.directory}/b.example is passed over: it has no privkey.pem",
        f"{shelf.directory}/localhost.CRT is passed over: key, certificate and chain go into one file, NAME.pem",
    ]
