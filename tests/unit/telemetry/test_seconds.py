"""Each line has its own second, whichever order they come in, and whatever is done to the clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wsgicontainer.telemetry import seconds
from wsgicontainer.telemetry.seconds import Seconds, WallClock


def text(when: datetime) -> str:
    return when.isoformat()


@given(st.floats(min_value=0, max_value=1e8), st.floats(min_value=0, max_value=4e9))
def test_a_moment_lies_in_its_second(moment: float, ahead: float):
    begin, end, written = Seconds(WallClock(UTC, lambda: ahead), text).at(moment)
    assert begin - 1e-5 <= moment < end + 1e-5
    assert written == datetime.fromtimestamp(int(moment + ahead), UTC).isoformat()


def test_each_second_is_written_once(monkeypatch):
    """Also when requests that began long ago end beside others; what is remembered is bounded."""
    asked: list[datetime] = []

    def write(when: datetime) -> str:
        asked.append(when)
        return text(when)

    found = Seconds(WallClock(UTC, lambda: 0.0), write)
    for moment in (1.0, 60.5, 1.5, 60.0):
        assert found.at(moment)[2] == text(datetime.fromtimestamp(int(moment), UTC))
        assert found.last == found.at(moment)
    assert len(asked) == 2
    monkeypatch.setattr(seconds, "_REMEMBERED", 3)
    for moment in (2.0, 3.0, 4.0):
        found.at(moment)
    assert len(found._written) <= 3


def test_the_machines_clock_and_zone():
    found = Seconds(WallClock(), text)
    before = int(time.time())
    _, _, written = found.at(time.monotonic())
    assert before - 1 <= datetime.fromisoformat(written).timestamp() <= time.time()
    assert datetime.fromisoformat(written).utcoffset() == datetime.now().astimezone().utcoffset()
