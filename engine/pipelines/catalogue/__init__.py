"""Catalogue: every scaler and estimator a pipeline may have, with its search space.

`estimators` and `scalers` hold the tables, `entries` their types, `size_rules` the parameters that
depend on the number of rows. It imports nothing else of `engine.pipelines`.
"""
