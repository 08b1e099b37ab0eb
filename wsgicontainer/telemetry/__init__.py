"""What the server tells about its requests.

`accessline` renders one entry as one line (pure); `accesslog` collects entries and writes lines in batches.
"""

from wsgicontainer.telemetry.accesslog import AccessLog

__all__ = ["AccessLog"]
