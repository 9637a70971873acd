"""Evaluation: fits and scores one pipeline on the folds of one dataset.

`cross_validation` is the entry. It uses `fit_options`, the `parts` of a fit, the `rounds` of a fit
and `predictions`. `pruning` judges first folds, `diagnostics` feeds the charts.
The room imports `engine.pipelines` and the rooms below.
"""
