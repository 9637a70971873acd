"""Ensembles: voting and stacking over out-of-fold predictions.

`estimators` are the fitted ensembles, `voting` and `stacking` choose their members, `second_level`
fits a model on members' predictions. The room may import `engine.evaluation` and below.
"""
