"""Catalogue: every scaler and estimator a pipeline may have, with its search space.

`estimators` and `scalers` hold the tables, `entries` their types, `ranges` the types of search
spaces, `size_rules` the parameters that depend on the number of rows. Nothing here imports an
estimator's package.
"""
