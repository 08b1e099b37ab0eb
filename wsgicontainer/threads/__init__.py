"""The threads that run the application.

`tick` decides, purely, how many more to wake; `pool` holds the threads, their queue and the lead: the right to read the
nested set of connections, which a thread with nothing to run takes for itself. `machine` is what they stand on.
"""

from wsgicontainer.threads.pool import ApplicationThreads

__all__ = ["ApplicationThreads"]
