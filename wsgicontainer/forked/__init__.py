"""What runs in the processes that the supervisor has started: the zygote, and the workers that it forks.

`zygote` forks on command; `link` is a worker's side of its link to the supervisor; `warmup` is the request that a
worker answers before it listens; `birth` is what a forked child sets right first.
"""
