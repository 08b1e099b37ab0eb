"""Picks who answers a request: the longest path prefix wins. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from wsgicontainer.interfaces import IResponder


class Routes:
    """Path prefixes and their responders; a prefix matches whole segments only."""

    def __init__(self, mounts: Iterable[tuple[str, IResponder]], fallback: IResponder, server_wide: IResponder) -> None:
        """`mounts` are pairs of a prefix (`"/static"`, without trailing slash) and its responder.

        `server_wide` answers `OPTIONS *`, which asks about the server, not about a resource (RFC 9110 section 9.3.7).
        """
        self._mounts = sorted(((prefix.rstrip("/"), responder) for prefix, responder in mounts), key=_longest_first)
        self._fallback, self._server_wide = fallback, server_wide

    def behind(self, stand_before: Callable[[IResponder], IResponder]) -> Routes:
        """Return the same routes with something before each responder, but not before what is server-wide."""
        mounts = [(prefix, stand_before(responder)) for prefix, responder in self._mounts]
        return Routes(mounts, stand_before(self._fallback), self._server_wide)

    def beside(self, mounts: Iterable[tuple[str, IResponder]]) -> Routes:
        """Return the same routes with some more."""
        return Routes([*self._mounts, *mounts], self._fallback, self._server_wide)

    def find(self, path: str) -> tuple[str, IResponder]:
        """Return the prefix that matched ("" for the fallback) and who answers there."""
        for prefix, responder in self._mounts:
            if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in ("", "/"):
                return prefix, responder
        return "", self._server_wide if path == "*" else self._fallback


def _longest_first(mount: tuple[str, IResponder]) -> int:
    return -len(mount[0])
