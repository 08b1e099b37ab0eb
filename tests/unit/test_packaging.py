"""The plugin is found wherever somebody stands, installed from a checkout or from a wheel."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

FIND = """
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
for found in getPlugins(IServiceMaker):
    if found.tapname == "wsgicontainer":
        import sys, wsgicontainer
        assert "twisted.internet.reactor" not in sys.modules
        print(found.module, wsgicontainer.__file__)
"""


def found_plugins(folder, path=""):
    """Return what Twisted finds in a fresh interpreter that stands in `folder`: (module, our package's file) pairs."""
    result = subprocess.run(
        [sys.executable, "-c", FIND],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return [tuple(line.split(maxsplit=1)) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory, root):
    """A wheel, built from a copy so that no build folder stays in the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    for name in ("wsgicontainer", "twisted"):
        shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache"))
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, source], check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


def test_plugin_is_found_from_another_folder(tmp_path):
    """Twisted finds us once, and finding us installs no reactor."""
    assert [module for module, _ in found_plugins(tmp_path)] == ["wsgicontainer.tap"]


def test_wheel_has_all_and_only_our_files(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    here = {str(path.relative_to(root)) for path in (root / "wsgicontainer").rglob("*.py")}
    assert names == here | {"wsgicontainer/py.typed", "twisted/plugins/wsgicontainer_plugin.py"}


def test_plugin_is_found_from_a_wheel(wheel, tmp_path):
    """The same when the wheel's files are what is installed."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    assert found_plugins(tmp_path, site)[0] == ("wsgicontainer.tap", str(site / "wsgicontainer" / "__init__.py"))


@pytest.mark.parametrize("command", ["twist", "twistd"])
def test_commands_list_the_plugin(command, tmp_path):
    """`twist --help` and `twistd --help` name us."""
    script = Path(sys.executable).parent / command
    result = subprocess.run([script, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "wsgicontainer" in result.stdout
