"""Search spaces and fixed parameters of the estimators.

Ranges follow the estimators' own documentation and, for gradient boosting and forests, Probst,
Boulesteix & Bischl (2019), "Tunability: importance of hyperparameters of machine learning
algorithms".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.pipelines.catalogue.ranges import (
    FloatRange,
    IntRange,
    Space,
    log_integers,
    log_uniform,
    one_of,
)

TREE_SPACE: Space = {
    "max_depth": log_integers(2, 32),
    "min_samples_leaf": log_integers(1, 32),
}

FOREST_SPACE: Space = {
    "n_estimators": log_integers(50, 400),
    "max_features": FloatRange(0.05, 1.0),
    "min_samples_leaf": log_integers(1, 16),
}

LIGHTGBM_SPACE: Space = {
    "learning_rate": log_uniform(0.01, 0.3),
    "num_leaves": log_integers(4, 255),
    "min_child_samples": log_integers(2, 100),
    "subsample": FloatRange(0.5, 1.0),
    "colsample_bytree": FloatRange(0.3, 1.0),
    "reg_alpha": log_uniform(1e-6, 10.0),
    "reg_lambda": log_uniform(1e-6, 10.0),
    "extra_trees": one_of(False, True),
}

HISTOGRAM_SPACE: Space = {
    "learning_rate": log_uniform(0.02, 0.3),
    "max_leaf_nodes": log_integers(7, 63),
    "min_samples_leaf": log_integers(2, 60),
    "l2_regularization": log_uniform(1e-6, 10.0),
}

XGBOOST_SPACE: Space = {
    "learning_rate": log_uniform(0.02, 0.3),
    "max_depth": IntRange(3, 10),
    "min_child_weight": log_uniform(0.5, 30.0),
    "subsample": FloatRange(0.5, 1.0),
    "colsample_bytree": FloatRange(0.3, 1.0),
    "reg_lambda": log_uniform(1e-3, 30.0),
}

CATBOOST_SPACE: Space = {
    "learning_rate": log_uniform(0.02, 0.3),
    "depth": IntRange(4, 8),
    "l2_leaf_reg": log_uniform(1.0, 30.0),
}

#: ``n_layers`` hidden layers of ``hidden_layer_sizes`` units each. Few epochs (``max_iter``) keep a
#: network from overfitting small data.
NETWORK_SPACE: Space = {
    "hidden_layer_sizes": log_integers(16, 256),
    "n_layers": IntRange(1, 3),
    "max_iter": log_integers(20, 300),
    "alpha": log_uniform(1e-6, 1e-1),
    "learning_rate_init": log_uniform(3e-4, 1e-2),
}

#: Most rounds of a booster: early stopping ends most fits long before.
MOST_ROUNDS = 2000
MOST_HISTOGRAM_ROUNDS = 1000

LIGHTGBM_FIXED: Mapping[str, Any] = {
    "verbosity": -1,
    "subsample_freq": 1,
    "n_estimators": MOST_ROUNDS,
}
HISTOGRAM_FIXED: Mapping[str, Any] = {"early_stopping": False, "max_iter": MOST_HISTOGRAM_ROUNDS}
XGBOOST_FIXED: Mapping[str, Any] = {"enable_categorical": True, "n_estimators": MOST_ROUNDS}
CATBOOST_FIXED: Mapping[str, Any] = {
    "verbose": 0,
    "allow_writing_files": False,
    "iterations": MOST_ROUNDS,
}
