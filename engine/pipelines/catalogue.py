"""Every estimator and scaler by the name a user knows, with what it copes with and its ranges.

Ranges are in the words of ``optuna.distributions``. They follow the estimators' own documentation
and, for gradient boosting and forests, the spaces of Probst, Boulesteix & Bischl (2019),
"Tunability: importance of hyperparameters of machine learning algorithms".
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from engine.metrics.metric import Task
from engine.pipelines.parts import Output
from engine.pipelines.settle import Settle, as_given, fewer_rounds, forest, network

Space = Mapping[str, BaseDistribution]
Wrapper = Literal["calibrated", "text_categories", "encoded", "scaled_target"]
NO_SCALER = ""


def _log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def _share(low: float = 0.2, high: float = 1.0) -> FloatDistribution:
    return FloatDistribution(low, high)


def _log_int(low: int, high: int) -> IntDistribution:
    return IntDistribution(low, high, log=True)


def _one_of(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


@dataclass(frozen=True)
class ScalerEntry:
    """A preprocessor: ``factory`` is ``module:class``; ``for_sparse`` are its changed settings."""

    name: str
    factory: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    seed_parameter: str | None = None
    handles_missing: bool = False
    handles_sparse: bool = True
    handles_dense: bool = True
    for_sparse: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EstimatorEntry:
    """An estimator of the catalogue.

    Attributes
    ----------
    factory:
        ``module:class``, imported when first built.
    fixed:
        Parameters that are never searched.
    space:
        Parameters that are, with their ranges.
    scalers:
        Preprocessors that make sense before it (``""``: none).
    threads_parameter, seed_parameter:
        Its names for the number of cores and the seed.
    wrappers:
        What it is wrapped in, from the inside: ``calibrated`` (margins to probabilities),
        ``text_categories`` (categories to texts), ``encoded`` (labels to codes) or
        ``scaled_target`` (regression target to mean 0 and variance 1).
    rounds_parameter:
        For boosting, its name for the number of rounds. ``fixed`` holds their limit; how many are
        good is found by early stopping on each fold's validation part.
    steps_parameter:
        For forests and networks, its name for the number of trees or epochs: there are fewer of
        them where time is short.
    handles_missing, handles_sparse, handles_weights:
        NaN in X, CSR matrices, ``sample_weight`` in `fit`.
    input:
        What the first step gives it when columns are featurized and no scaler stands between.
    cost:
        Time of an iteration against that of LightGBM, roughly; a guess until one has run.
    settle:
        (parameters of a specification, number of rows) -> what the estimator is given: in its own
        words, and with what keeps its time within bounds on large data.
    max_rows:
        More rows than this and it is not proposed: its time grows with their square.
    converts_to_onnx:
        Whether `engine.pipelines.to_onnx` knows it.
    """

    name: str
    task: Task
    factory: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    scalers: tuple[str, ...] = (NO_SCALER,)
    threads_parameter: str | None = None
    seed_parameter: str | None = "random_state"
    wrappers: tuple[Wrapper, ...] = ()
    rounds_parameter: str | None = None
    steps_parameter: str | None = None
    handles_missing: bool = False
    handles_sparse: bool = True
    handles_weights: bool = True
    input: Output = "encoded"
    cost: float = 1.0
    settle: Settle = as_given
    max_rows: int | None = None
    converts_to_onnx: bool = True

    @property
    def installed(self) -> bool:
        """Whether the package it comes from is there (XGBoost and CatBoost are an extra)."""
        return (
            importlib.util.find_spec(self.factory.partition(".")[0].partition(":")[0]) is not None
        )


SCALERS: Mapping[str, ScalerEntry] = {
    entry.name: entry
    for entry in (
        ScalerEntry(
            "StandardScalerWrapper",
            "sklearn.preprocessing:StandardScaler",
            handles_missing=True,
            for_sparse={"with_mean": False},
        ),
        # clip: a test row outside the training range must stay valid for MultinomialNB.
        ScalerEntry(
            "MinMaxScaler",
            "sklearn.preprocessing:MinMaxScaler",
            fixed={"clip": True},
            handles_missing=True,
            handles_sparse=False,
        ),
        ScalerEntry("MaxAbsScaler", "sklearn.preprocessing:MaxAbsScaler", handles_missing=True),
        ScalerEntry(
            "RobustScaler",
            "sklearn.preprocessing:RobustScaler",
            handles_missing=True,
            for_sparse={"with_centering": False},
        ),
        ScalerEntry(
            "Normalizer",
            "sklearn.preprocessing:Normalizer",
            space={"norm": _one_of("l1", "l2", "max")},
            handles_sparse=False,
        ),
        ScalerEntry(
            "SparseNormalizer",
            "sklearn.preprocessing:Normalizer",
            space={"norm": _one_of("l1", "l2", "max")},
            handles_dense=False,
        ),
        ScalerEntry(
            "PCA",
            "engine.pipelines.estimators:ShareOfColumns",
            fixed={"method": "pca"},
            space={"share": _share()},
            seed_parameter="random_state",
            handles_sparse=False,
        ),
        ScalerEntry(
            "TruncatedSVDWrapper",
            "engine.pipelines.estimators:ShareOfColumns",
            fixed={"method": "svd"},
            space={"share": _share()},
            seed_parameter="random_state",
        ),
    )
}

_CENTRING = ("StandardScalerWrapper", "RobustScaler")
_LINEAR = (*_CENTRING, "MinMaxScaler", "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")
#: A network finds projections of its own.
_NETWORK = (*_CENTRING, "MinMaxScaler", "MaxAbsScaler")
_DISTANCE = (*_LINEAR, "Normalizer", "SparseNormalizer")
_TREE = (NO_SCALER, "MaxAbsScaler", "PCA", "TruncatedSVDWrapper")

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


def _knn(task: Task, factory: str) -> EstimatorEntry:
    return EstimatorEntry(
        "KNN",
        task,
        factory,
        cost=0.2,
        space={
            "n_neighbors": _log_int(1, 50),
            "weights": _one_of("uniform", "distance"),
            "p": _one_of(1, 2),
        },
        scalers=_DISTANCE,
        threads_parameter="n_jobs",
        seed_parameter=None,
        handles_weights=False,
        max_rows=50_000,
    )


def _trees(task: Task, kind: str) -> tuple[EstimatorEntry, ...]:
    """The tree ensembles, alike for both tasks; ``kind`` is ``Classifier`` or ``Regressor``."""
    criterion: Space = {"criterion": _one_of("gini", "entropy")} if kind == "Classifier" else {}
    encoded: tuple[Wrapper, ...] = ("encoded",) if kind == "Classifier" else ()
    settle_forest = forest(3_000_000 if kind == "Classifier" else 750_000)
    return (
        EstimatorEntry(
            "DecisionTree",
            task,
            f"sklearn.tree:DecisionTree{kind}",
            cost=0.1,
            space={**_TREE_SPACE, **criterion},
            scalers=_TREE,
            handles_missing=True,
            input="codes",
        ),
        EstimatorEntry(
            "RandomForest",
            task,
            f"sklearn.ensemble:RandomForest{kind}",
            settle=settle_forest,
            steps_parameter="n_estimators",
            cost=1.0,
            space={**_FOREST_SPACE, **criterion},
            scalers=_TREE,
            threads_parameter="n_jobs",
            handles_missing=True,
            input="codes",
        ),
        EstimatorEntry(
            "ExtremeRandomTrees",
            task,
            f"sklearn.ensemble:ExtraTrees{kind}",
            settle=settle_forest,
            steps_parameter="n_estimators",
            cost=0.8,
            space={**_FOREST_SPACE, **criterion},
            scalers=_TREE,
            threads_parameter="n_jobs",
            handles_missing=True,
            input="codes",
        ),
        EstimatorEntry(
            "LightGBM",
            task,
            f"lightgbm:LGBM{kind}",
            fixed=_LIGHTGBM_FIXED,
            rounds_parameter="n_estimators",
            settle=fewer_rounds("n_estimators", _ROUNDS),
            space=_LIGHTGBM_SPACE,
            threads_parameter="n_jobs",
            handles_missing=True,
            input="native",
        ),
        EstimatorEntry(
            "GradientBoosting",
            task,
            f"sklearn.ensemble:HistGradientBoosting{kind}",
            cost=1.5,
            fixed=_HISTOGRAM_FIXED,
            rounds_parameter="max_iter",
            settle=fewer_rounds("max_iter", 1000),
            space=_HISTOGRAM_SPACE,
            handles_missing=True,
            input="native",
            handles_sparse=False,
        ),
        EstimatorEntry(
            f"XGBoost{kind}",
            task,
            f"xgboost:XGB{kind}",
            fixed=_XGBOOST_FIXED,
            rounds_parameter="n_estimators",
            settle=fewer_rounds("n_estimators", _ROUNDS),
            space=_XGBOOST_SPACE,
            threads_parameter="n_jobs",
            wrappers=encoded,
            handles_missing=True,
            input="native",
        ),
        EstimatorEntry(
            f"CatBoost{kind}",
            task,
            f"catboost:CatBoost{kind}",
            cost=3.0,
            fixed=_CATBOOST_FIXED,
            rounds_parameter="iterations",
            settle=fewer_rounds("iterations", _ROUNDS),
            space=_CATBOOST_SPACE,
            scalers=(NO_SCALER,),
            threads_parameter="thread_count",
            wrappers=("text_categories", *encoded),
            handles_missing=True,
            input="native",
            # CatBoost refuses read-only CSR buffers, which is what the object store hands out.
            handles_sparse=False,
            converts_to_onnx=False,
        ),
    )


def _by_name(*entries: EstimatorEntry) -> Mapping[str, EstimatorEntry]:
    return {entry.name: entry for entry in entries}


CLASSIFIERS: Mapping[str, EstimatorEntry] = _by_name(
    EstimatorEntry(
        "LogisticRegression",
        "classification",
        "sklearn.linear_model:LogisticRegression",
        cost=0.4,
        fixed={"max_iter": 1000},
        space={"C": _log(1e-4, 1e2), "class_weight": _one_of(None, "balanced")},
        scalers=_LINEAR,
    ),
    EstimatorEntry(
        "SGD",
        "classification",
        "sklearn.linear_model:SGDClassifier",
        cost=0.2,
        # Only losses that give probabilities; the default, hinge, does not.
        fixed={"loss": "log_loss"},
        space={
            "loss": _one_of("log_loss", "modified_huber"),
            "penalty": _one_of("l2", "l1", "elasticnet"),
            "alpha": _log(1e-6, 1e-1),
        },
        scalers=_LINEAR,
        threads_parameter="n_jobs",
    ),
    EstimatorEntry(
        "MultinomialNaiveBayes",
        "classification",
        "sklearn.naive_bayes:MultinomialNB",
        cost=0.05,
        space={"alpha": _log(1e-3, 10.0), "fit_prior": _one_of(True, False)},
        scalers=("MinMaxScaler",),
        seed_parameter=None,
        handles_sparse=False,
    ),
    EstimatorEntry(
        "BernoulliNaiveBayes",
        "classification",
        "sklearn.naive_bayes:BernoulliNB",
        cost=0.05,
        space={"alpha": _log(1e-3, 10.0), "fit_prior": _one_of(True, False)},
        scalers=(NO_SCALER, *_CENTRING),
        seed_parameter=None,
    ),
    EstimatorEntry(
        "SVM",
        "classification",
        "sklearn.svm:SVC",
        fixed={"cache_size": 500},
        space={
            "C": _log(0.1, 1e3),
            "kernel": _one_of("rbf", "poly"),
            "class_weight": _one_of(None, "balanced"),
        },
        scalers=_LINEAR,
        wrappers=("calibrated",),
        max_rows=10_000,
        converts_to_onnx=False,
    ),
    EstimatorEntry(
        "LinearSVM",
        "classification",
        "sklearn.svm:LinearSVC",
        cost=0.4,
        fixed={"dual": "auto", "max_iter": 2000},
        space={"C": _log(1e-4, 1e2), "class_weight": _one_of(None, "balanced")},
        scalers=_LINEAR,
        wrappers=("calibrated",),
        max_rows=100_000,
        converts_to_onnx=False,
    ),
    _knn("classification", "sklearn.neighbors:KNeighborsClassifier"),
    *_trees("classification", "Classifier"),
    EstimatorEntry(
        "MLP",
        "classification",
        "engine.pipelines.estimators:AnnealedMLPClassifier",
        settle=network,
        steps_parameter="max_iter",
        cost=1.5,
        space=_MLP_SPACE,
        scalers=_NETWORK,
    ),
)

REGRESSORS: Mapping[str, EstimatorEntry] = _by_name(
    EstimatorEntry(
        "ElasticNet",
        "regression",
        "sklearn.linear_model:ElasticNet",
        cost=0.1,
        fixed={"max_iter": 2000},
        space={"alpha": _log(1e-5, 1.0), "l1_ratio": _share(0.0, 1.0)},
        scalers=_LINEAR,
        wrappers=("scaled_target",),
    ),
    EstimatorEntry(
        "LassoLars",
        "regression",
        "sklearn.linear_model:LassoLars",
        cost=0.1,
        space={"alpha": _log(1e-5, 0.1)},
        scalers=_LINEAR,
        wrappers=("scaled_target",),
        handles_sparse=False,
        handles_weights=False,
    ),
    EstimatorEntry(
        "SGD",
        "regression",
        "sklearn.linear_model:SGDRegressor",
        cost=0.2,
        space={
            "loss": _one_of("squared_error", "huber"),
            "penalty": _one_of("l2", "l1", "elasticnet"),
            "alpha": _log(1e-6, 1e-1),
        },
        scalers=_LINEAR,
        wrappers=("scaled_target",),
    ),
    _knn("regression", "sklearn.neighbors:KNeighborsRegressor"),
    *_trees("regression", "Regressor"),
    EstimatorEntry(
        "MLP",
        "regression",
        "engine.pipelines.estimators:AnnealedMLPRegressor",
        settle=network,
        steps_parameter="max_iter",
        cost=1.5,
        space=_MLP_SPACE,
        scalers=_NETWORK,
        wrappers=("scaled_target",),
    ),
)


def estimators_of(task: str) -> Mapping[str, EstimatorEntry]:
    """The estimators of ``task`` by name, installed or not."""
    return CLASSIFIERS if task == "classification" else REGRESSORS
