"""The web service: listens, looks after every connection's clock, and lets them all leave in order."""

from wsgicontainer.serving.ordered import OrderedService
from wsgicontainer.serving.telling import Telling, Watchdog
from wsgicontainer.serving.web import Listener, WebService, where
from wsgicontainer.serving.writing import AccessLogService

__all__ = ["AccessLogService", "Listener", "OrderedService", "Telling", "Watchdog", "WebService", "where"]
