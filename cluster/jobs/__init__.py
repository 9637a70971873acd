"""Jobs: a driver submitted to a cluster's head, and what supervises it there.

`head.Head` speaks to Ray's job server; `supervisor` starts a driver again that has died.
"""
