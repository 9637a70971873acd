"""Metrics: their names, tasks and directions, and the scores themselves.

`metric` needs only the standard library. `scores` computes all metrics of a task, or one, by the
formulas of `classification` and `regression`, which take the views of `scored`.
The room imports nothing else of raysmith.
"""
