"""Search spaces and fixed parameters of the estimators."""

from __future__ import annotations

from typing import Any

from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from engine.pipelines.catalogue.entries import Space


def _log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def _share(low: float = 0.2, high: float = 1.0) -> FloatDistribution:
    return FloatDistribution(low, high)


def _log_int(low: int, high: int) -> IntDistribution:
    return IntDistribution(low, high, log=True)


def _one_of(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


_TREE_SPACE: Space = {
    "max_depth": _log_int(2, 32),
    "min_samples_leaf": _log_int(1, 32),
}


_FOREST_SPACE: Space = {
    "n_estimators": _log_int(50, 400),
    "max_features": _share(0.05, 1.0),
    "min_samples_leaf": _log_int(1, 16),
}


_LIGHTGBM_SPACE: Space = {
    "learning_rate": _log(0.01, 0.3),
    "num_leaves": _log_int(4, 255),
    "min_child_samples": _log_int(2, 100),
    "subsample": _share(0.5, 1.0),
    "colsample_bytree": _share(0.3, 1.0),
    "reg_alpha": _log(1e-6, 10.0),
    "reg_lambda": _log(1e-6, 10.0),
    "extra_trees": _one_of(False, True),
}


_HISTOGRAM_SPACE: Space = {
    "learning_rate": _log(0.02, 0.3),
    "max_leaf_nodes": _log_int(7, 63),
    "min_samples_leaf": _log_int(2, 60),
    "l2_regularization": _log(1e-6, 10.0),
}


_XGBOOST_SPACE: Space = {
    "learning_rate": _log(0.02, 0.3),
    "max_depth": IntDistribution(3, 10),
    "min_child_weight": _log(0.5, 30.0),
    "subsample": _share(0.5, 1.0),
    "colsample_bytree": _share(0.3, 1.0),
    "reg_lambda": _log(1e-3, 30.0),
}


_CATBOOST_SPACE: Space = {
    "learning_rate": _log(0.02, 0.3),
    "depth": IntDistribution(4, 8),
    "l2_leaf_reg": _log(1.0, 30.0),
}


#: ``n_layers`` hidden layers of ``hidden_layer_sizes`` units each. Few epochs (``max_iter``) keep a
#: network from overfitting small data.
_MLP_SPACE: Space = {
    "hidden_layer_sizes": _log_int(16, 256),
    "n_layers": IntDistribution(1, 3),
    "max_iter": _log_int(20, 300),
    "alpha": _log(1e-6, 1e-1),
    "learning_rate_init": _log(3e-4, 1e-2),
}


#: Rounds at most: early stopping ends most fits long before.
_ROUNDS = 2000


_LIGHTGBM_FIXED = {"verbosity": -1, "subsample_freq": 1, "n_estimators": _ROUNDS}


_HISTOGRAM_FIXED = {"early_stopping": False, "max_iter": 1000}


_XGBOOST_FIXED = {"enable_categorical": True, "n_estimators": _ROUNDS}


_CATBOOST_FIXED = {"verbose": 0, "allow_writing_files": False, "iterations": _ROUNDS}
