"""The pipelines that are tried first: one good guess of every kind, strong and cheap ones early."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.pipelines import PipelineSpec


def _try(scaler: str, estimator: str, **params: Any) -> PipelineSpec:
    return PipelineSpec(estimator, scaler, params)


_FOREST = {"n_estimators": 200, "min_samples_leaf": 1}

_CLASSIFICATION = (
    _try("MaxAbsScaler", "LightGBM", learning_rate=0.1),
    _try("StandardScalerWrapper", "LogisticRegression", C=1.0),
    _try("StandardScalerWrapper", "SVM", C=3.0),
    _try("", "ExtremeRandomTrees", **_FOREST),
    _try("", "XGBoostClassifier", learning_rate=0.1, max_depth=6),
    _try("MinMaxScaler", "KNN", n_neighbors=5, weights="distance"),
    _try("", "RandomForest", **_FOREST),
    _try("RobustScaler", "SGD", loss="log_loss", alpha=1e-4),
    _try("StandardScalerWrapper", "MLP", hidden_layer_sizes=100, alpha=1e-3),
    _try("", "CatBoostClassifier", learning_rate=0.1, depth=6),
    _try("MinMaxScaler", "SVM", C=10.0),
    _try("MaxAbsScaler", "LinearSVM", C=0.1),
    _try("MinMaxScaler", "MultinomialNaiveBayes", alpha=1.0),
    _try("", "DecisionTree", max_depth=8, min_samples_leaf=5),
    _try("StandardScalerWrapper", "BernoulliNaiveBayes", alpha=1.0),
    _try("", "GradientBoosting", learning_rate=0.1, max_leaf_nodes=15),
    _try("PCA", "SVM", C=3.0),
    _try("TruncatedSVDWrapper", "LogisticRegression", C=1.0),
    _try("Normalizer", "KNN", n_neighbors=3, weights="distance"),
    _try("", "LightGBM", learning_rate=0.05, num_leaves=15),
    _try("SparseNormalizer", "KNN", n_neighbors=10, weights="distance"),
    _try("PCA", "ExtremeRandomTrees", **_FOREST),
)

_REGRESSION = (
    _try("MaxAbsScaler", "LightGBM", learning_rate=0.1),
    _try("StandardScalerWrapper", "ElasticNet", alpha=0.01, l1_ratio=0.5),
    _try("", "ExtremeRandomTrees", **_FOREST),
    _try("", "XGBoostRegressor", learning_rate=0.1, max_depth=5),
    _try("", "RandomForest", **_FOREST),
    _try("StandardScalerWrapper", "KNN", n_neighbors=8, weights="distance"),
    _try("", "GradientBoosting", learning_rate=0.08, max_leaf_nodes=31),
    _try("StandardScalerWrapper", "MLP", hidden_layer_sizes=100, alpha=1e-3),
    _try("", "CatBoostRegressor", learning_rate=0.08, depth=6),
    _try("StandardScalerWrapper", "LassoLars", alpha=1e-3),
    _try("RobustScaler", "SGD", loss="squared_error", alpha=1e-4),
    _try("", "DecisionTree", max_depth=8, min_samples_leaf=5),
    _try("", "LightGBM", learning_rate=0.05, num_leaves=15),
    _try("PCA", "ElasticNet", alpha=0.001, l1_ratio=0.5),
    _try("MinMaxScaler", "KNN", n_neighbors=20, weights="distance", p=1),
)

PORTFOLIO: Mapping[str, Sequence[PipelineSpec]] = {
    "classification": _CLASSIFICATION,
    "regression": _REGRESSION,
}
