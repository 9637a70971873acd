"""Features: columns of a table turned into what estimators take.

`transformer` is a pipeline's first step; each kind of column has a file of its own.
"""
