"""Repeating tasks of the application, run by its own threads.

`repeating` is the service: it submits a job for each interval that has passed.
"""

from wsgicontainer.timers.repeating import RepeatingTasks, Timer

__all__ = ["RepeatingTasks", "Timer"]
