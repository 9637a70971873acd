"""Features: columns of a table, or a matrix, turned into the numbers that estimators take.

`transformer` and `numeric_matrix` are the first steps of pipelines. `part` is the contract of the
features of one kind of column; each kind has a file.
"""
