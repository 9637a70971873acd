"""Metrics: their names, tasks and directions, and the scores themselves.

`metric` needs only the standard library. `classification` and `regression` hold one function a
metric and need scikit-learn; `scores` computes all metrics of a task, or one.
The room imports nothing else of raysmith.
"""
