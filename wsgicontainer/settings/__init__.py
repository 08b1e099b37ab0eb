"""What can be set: the narrow waist between the doors and the server. Pure: nothing here opens, listens or imports.

`table` is the one table of options and `Settings`; `option` is a row of it; `kinds`, `sites` and `listening` are what
values may be; `pages` renders the table for people.
"""

from wsgicontainer.settings.option import Option, Spelling
from wsgicontainer.settings.sites import Mount, Static, Timer
from wsgicontainer.settings.table import OPTIONS, Settings

__all__ = ["OPTIONS", "Mount", "Option", "Settings", "Spelling", "Static", "Timer"]
