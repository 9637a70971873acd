"""Evaluation: cross-validated scores of a pipeline, pruning, and diagnostics of predictions.

`cross_validation.evaluate` scores a specification on a dataset's folds. The room may import
`engine.pipelines` and what stands below it.
"""
