"""Settings + reactor -> one MultiService. The one place that knows everybody."""

from wsgicontainer.assembly.checking import check
from wsgicontainer.assembly.single import makeService, makeWorker, prepare

__all__ = ["check", "makeService", "makeWorker", "prepare"]
