"""What the server tells about its requests.

accessline  renders a finished request as one line (pure)     seconds    writes its moment
escaping    so that no peer can forge one (pure)              accesslog  collects lines, writes them in batches
sparing     one line a minute of what comes too often
"""

from wsgicontainer.telemetry.accesslog import AccessLog
from wsgicontainer.telemetry.sparing import Sparing

__all__ = ["AccessLog", "Sparing"]
