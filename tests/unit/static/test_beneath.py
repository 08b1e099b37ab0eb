"""What is opened lies beneath the directory, whatever links and renames say."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from wsgicontainer.static.beneath import open_beneath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """`in/` is the directory; `secret` and `inside-out/` lie beside it."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "secret").write_text("secret")
    root = tmp_path / "in"
    (root / "a" / "b").mkdir(parents=True)
    (root / "top").write_text("top")
    (root / "a" / "b" / "deep").write_text("deep")
    return root


def read(root: Path, path: str) -> str:
    descriptor = open_beneath(str(root), path.split("/"))
    try:
        assert os.get_inheritable(descriptor) is False
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


@pytest.fixture(autouse=True)
def no_descriptor_is_left_open():
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) == before


def test_files_are_found(root: Path):
    assert read(root, "top") == "top"
    assert read(root, "a/b/deep") == "deep"
    assert read(root, "a//./b/deep") == "deep"
    assert read(root, "a/b/../../top") == "top"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("l", "top"),
        ("l", "./a/../top"),
        ("a/l", "../top"),
        ("a/b/l", "../../top"),
        ("l", "{root}/top"),
        ("a/b/l", "{root}//a/../top"),
    ],
)
def test_links_that_stay_inside_work(root: Path, link: str, target: str):
    (root / link).symlink_to(target.format(root=root))
    assert read(root, link) == "top"


def test_a_link_to_a_folder_works(root: Path):
    (root / "l").symlink_to("a/b")
    assert read(root, "l/deep") == "deep"
    (root / "m").symlink_to(str(root))
    assert read(root, "m/m/l/deep") == "deep"


def test_config_maps_of_kubernetes_work(root: Path):
    (root / "..2026_07_01").mkdir()
    (root / "..2026_07_01" / "x.css").write_text("css")
    (root / "..data").symlink_to("..2026_07_01")
    (root / "x.css").symlink_to("..data/x.css")
    assert read(root, "x.css") == "css"


def test_the_directory_may_be_a_link_itself(root: Path):
    link = root.parent / "link"
    link.symlink_to("in")
    (root / "l").symlink_to(f"{root}/top")
    (root / "m").symlink_to(f"{link}/top")
    assert read(link, "l") == read(link, "m") == "top"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("l", "../secret"),
        ("l", "{parent}/secret"),
        ("l", "{parent}/inside/secret"),  # a prefix of the name is not the directory
        ("l", "{root}/../secret"),
        ("l", "../in/top"),  # leaves, though it comes back
        ("l", "a/b/../../../secret"),
        ("l", "/etc/passwd"),
        ("l", "/proc/self/root/etc/passwd"),
        ("a/l", "../../secret"),
    ],
)
def test_links_that_leave_find_nothing(root: Path, link: str, target: str):
    (root / link).symlink_to(target.format(root=root, parent=root.parent))
    with pytest.raises(FileNotFoundError):
        open_beneath(str(root), link.split("/"))


def test_a_linked_folder_outside_finds_nothing(root: Path):
    (root / "l").symlink_to("..")
    with pytest.raises(FileNotFoundError):
        open_beneath(str(root), ["l", "secret"])


@pytest.mark.parametrize("path", ["..", "../secret", "a/../../secret", "a/b/../../../secret", "nothing", "a/nothing"])
def test_dots_never_leave(root: Path, path: str):
    with pytest.raises(FileNotFoundError):
        open_beneath(str(root), path.split("/"))


def test_a_loop_of_links_ends(root: Path):
    (root / "l").symlink_to("m")
    (root / "m").symlink_to("l")
    with pytest.raises(OSError) as caught:
        open_beneath(str(root), ["l"])
    assert caught.value.errno == errno.ELOOP


def test_a_file_is_no_folder(root: Path):
    with pytest.raises(OSError) as caught:
        open_beneath(str(root), ["top", "x"])
    assert caught.value.errno == errno.EINVAL


def test_a_pipe_does_not_hold_us(root: Path):
    os.mkfifo(root / "pipe")
    os.close(open_beneath(str(root), ["pipe"]))


def test_a_name_that_becomes_a_link_meanwhile_never_leads_out(root: Path):
    """A bounded stress run: a folder is swapped for a link to the outside and back while we read."""
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "deep").write_text("secret")
    (root / "spare").symlink_to(str(outside))
    real, swapped, link = root / "a" / "b", root / "real", root / "spare"
    done = threading.Event()

    def swap() -> None:
        for _ in range(1500):
            real.rename(swapped)
            link.rename(real)
            real.rename(link)
            swapped.rename(real)
        done.set()

    thread = threading.Thread(target=swap)
    thread.start()
    texts = set()
    while not done.is_set():
        try:
            texts.add(read(root, "a/b/deep"))
        except OSError:
            texts.add("")
    thread.join()
    assert "deep" in texts
    assert "secret" not in texts
