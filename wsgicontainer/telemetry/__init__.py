"""What the server tells about its requests.

accessline  renders a finished request as one line (pure)     seconds    writes its moment
escaping    so that no peer can forge one (pure)              accesslog  collects lines, writes them in batches
"""

from wsgicontainer.telemetry.accesslog import AccessLog

__all__ = ["AccessLog"]
