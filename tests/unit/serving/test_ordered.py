"""What needs privileges comes first, once, whoever starts the service."""

from __future__ import annotations

import pytest
from twisted.application.service import MultiService, Service

from wsgicontainer.serving.ordered import OrderedService


class Noting(Service):
    def __init__(self, name: str, seen: list[str]) -> None:
        self.name, self.seen = name, seen

    def privilegedStartService(self) -> None:
        self.seen.append(f"{self.name} opens")

    def startService(self) -> None:
        self.seen.append(f"{self.name} starts")


def made(seen: list[str], parent: MultiService | None = None) -> OrderedService:
    service = OrderedService()
    for name in "ab":
        Noting(name, seen).setServiceParent(service)
    if parent is not None:
        service.setServiceParent(parent)
    return service


@pytest.mark.parametrize("asked", [True, False], ids=["twistd", "twist"])
def test_all_ports_are_open_before_anything_starts(asked: bool) -> None:
    """`twistd` asks for that; `twist` does not, and gets the same."""
    seen: list[str] = []
    service = made(seen)
    for _ in range(2):  # and so does a start after a stop
        if asked:
            service.privilegedStartService()
        service.startService()
        assert seen == ["a opens", "b opens", "a starts", "b starts"]
        seen.clear()
