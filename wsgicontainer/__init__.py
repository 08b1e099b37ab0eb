"""wsgicontainer: one server for WSGI applications, in development and on the internet.

`Settings` says what to serve; `makeService` turns it into a Twisted service for a .tac file or a plugin of your own.
An application finds `RequestTimeout` raised in it when a request has taken longer than `--timeout`.
Importing this installs no reactor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wsgicontainer.errors import RequestTimeout
from wsgicontainer.settings import Settings

if TYPE_CHECKING:
    from twisted.application.service import MultiService

__all__ = ["RequestTimeout", "Settings", "__version__", "makeService"]
__version__ = "0.1.0"


def makeService(settings: Settings, reactor: Any) -> MultiService:
    """Make the service: a MultiService with named children (`web`, `threads`, `timers`). Raises ConfigurationError."""
    from wsgicontainer import assembly

    return assembly.makeService(settings, reactor)
