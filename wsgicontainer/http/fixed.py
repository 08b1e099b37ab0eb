"""Answers everything with the same status and a line of text: what nobody serves, and `OPTIONS *`."""

from __future__ import annotations

from zope.interface import implementer

from wsgicontainer.interfaces import IExchange, IResponder
from wsgicontainer.messages import Fields


@implementer(IResponder)
class Fixed:
    """The same answer to everything."""

    def __init__(self, status: str, fields: Fields | None = None) -> None:
        """Answer with a status, and fields beside those that every error has."""
        self._status, self._fields = status, fields

    def respond(self, exchange: IExchange) -> None:
        """Answer. Raises PeerGone. Runs in: application thread."""
        exchange.error(self._status, self._fields)
