"""Files of one directory, served without the application.

`mount` answers requests (IResponder); `beneath` opens a file that can't be outside; `conditional` and `ranges` decide
about 304, 412, 206 and 416 (pure); `kinds` is the table of content types (pure).
"""

from wsgicontainer.static.mount import StaticMount

__all__ = ["StaticMount"]
