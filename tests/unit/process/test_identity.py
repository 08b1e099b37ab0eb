"""What the process becomes at its start."""

from __future__ import annotations

import tempfile

import pytest
from twisted.logger import capturedLogs

from wsgicontainer.errors import BootError
from wsgicontainer.process.identity import Identity, check_spool, tell_unreadable_interpreter


def test_the_steps_are_taken_in_order_at_the_start() -> None:
    taken: list[int] = []
    identity = Identity([lambda: taken.append(1), lambda: taken.append(2)])
    identity.privilegedStartService()
    assert taken == []
    identity.startService()
    assert taken == [1, 2]


def test_an_interpreter_that_only_root_can_read_is_told(tmp_path) -> None:
    """Root's own, below /root: the application would miss modules that are there."""
    with capturedLogs() as told:
        tell_unreadable_interpreter("--user www")
        tell_unreadable_interpreter("--user www", str(tmp_path / "os.py"))
    [event] = told
    assert "can't be read with --user www" in event["log_format"].format(**event)


def test_a_folder_for_temporary_files_that_the_user_cannot_write_is_told(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the first large upload would fail."""
    check_spool("--user www")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(BootError, match=r"--user www: temporary files can't be written \(No such file.*set TMPDIR to"):
        check_spool("--user www")
