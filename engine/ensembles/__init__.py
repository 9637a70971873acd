"""Ensembles: voting and stacking over out-of-fold predictions.

`estimators` holds the fitted ensembles, `voting` and `stacking` choose members and their weights,
`second_level` fits boosting on the members' predictions, `preference` compares an ensemble with a
single pipeline. The room may import `engine.evaluation` and what stands below it.
"""
