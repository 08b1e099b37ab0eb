"""bench/.venv, where the peers and we ourselves are installed. Needs nothing but the standard library."""

import os
import subprocess
import sys
import venv
from configparser import ConfigParser
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
VENV = BENCH / ".venv"
BIN = VENV / "bin"
_STAMP = VENV / "installed.txt"


def enter(*more: str) -> None:
    """Go on in bench/.venv with everything installed, `more` requirements too; made anew for another Python."""
    wanted = _wanted()
    inside = Path(sys.prefix).resolve() == VENV.resolve()
    if not _STAMP.exists() or (_STAMP.read_text() != wanted and not inside):
        print(f"making {VENV}: this takes a minute", file=sys.stderr)
        venv.create(VENV, with_pip=True, clear=True)
        install("--editable", f"{ROOT}[bench]", "--requirement", str(BENCH / "peers.txt"))
        _STAMP.write_text(wanted)
    if more:
        install(*more)
    if not inside:
        os.execv(BIN / "python", [str(BIN / "python"), *sys.argv])


def _wanted() -> str:
    """Say what has to be installed, and for which Python."""
    (setup := ConfigParser()).read(ROOT / "setup.cfg")
    ours = setup["options"]["install_requires"] + setup["options.extras_require"]["bench"]
    return "\n".join([sys.version, ours, (BENCH / "peers.txt").read_text()])


def install(*words: str) -> None:
    """Have pip install into bench/.venv; its words are the user's if it fails."""
    pip = [str(BIN / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if subprocess.run([*pip, *words], check=False).returncode:
        raise SystemExit(f"bench: pip could not install {' '.join(words)}; its words are above")
