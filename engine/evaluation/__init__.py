"""Evaluation: fits and scores one pipeline on the folds of one dataset.

`cross_validation` does it, with `fit_options`, the `parts` that are fitted, the `rounds` of a fit
and the `predictions` to score. `pruning` judges first folds, `diagnostics` feeds the charts.
The room imports `engine.pipelines` and the rooms below.
"""
