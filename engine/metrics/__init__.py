"""Metrics: their names, tasks and directions, and the scores themselves.

`metric` needs only the standard library; `scores` and `single_score` need scikit-learn.
The room imports nothing else of raysmith.
"""
