"""Data: tables and data scripts read, checked and split.

`check.check_data` turns a user's tables into a `dataset.Dataset`; `splits.make_splits` divides it.
The room may import `engine.metrics` and `engine.errors`.
"""
