"""Data: tables and data scripts read, checked and split.

`sources` names the three ways in which data comes in; `check.check_data` turns it into a
`dataset.Dataset`, which `splits.make_splits` divides. The room may import `engine.metrics` and
`engine.errors`.
"""
