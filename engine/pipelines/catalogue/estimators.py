"""Every estimator by the name that users write, with its abilities and its search space."""

from __future__ import annotations

from collections.abc import Mapping

from engine.metrics.metric import Task
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry
from engine.pipelines.catalogue.memory_needs import MemoryNeeds, kernel_model
from engine.pipelines.catalogue.ranges import FloatRange, log_integers, log_uniform, one_of
from engine.pipelines.catalogue.scalers import (
    CENTRING,
    FOR_DISTANCES,
    FOR_LINEAR_MODELS,
    FOR_NETWORKS,
)
from engine.pipelines.catalogue.size_rules import network_within_bounds
from engine.pipelines.catalogue.spaces import NETWORK_SPACE
from engine.pipelines.catalogue.trees import tree_entries

#: For estimators that need little beside the fold's rows and what the scaler makes of them.
_ONE_COPY = MemoryNeeds(copies=2.2)


def _knn(task: Task, factory: str) -> EstimatorEntry:
    return EstimatorEntry(
        "KNN",
        task,
        factory,
        cost=0.2,
        space={
            "n_neighbors": log_integers(1, 50),
            "weights": one_of("uniform", "distance"),
            "p": one_of(1, 2),
        },
        scalers=FOR_DISTANCES,
        threads_parameter="n_jobs",
        seed_parameter=None,
        handles_weights=False,
        max_rows=50_000,
        memory=MemoryNeeds(copies=4.8),
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
        space={"C": log_uniform(1e-4, 1e2), "class_weight": one_of(None, "balanced")},
        scalers=FOR_LINEAR_MODELS,
        memory=_ONE_COPY,
    ),
    EstimatorEntry(
        "SGD",
        "classification",
        "sklearn.linear_model:SGDClassifier",
        cost=0.2,
        # Only losses that give probabilities; the default, hinge, does not.
        fixed={"loss": "log_loss"},
        space={
            "loss": one_of("log_loss", "modified_huber"),
            "penalty": one_of("l2", "l1", "elasticnet"),
            "alpha": log_uniform(1e-6, 1e-1),
        },
        scalers=FOR_LINEAR_MODELS,
        threads_parameter="n_jobs",
        memory=_ONE_COPY,
    ),
    EstimatorEntry(
        "MultinomialNaiveBayes",
        "classification",
        "sklearn.naive_bayes:MultinomialNB",
        cost=0.05,
        space={"alpha": log_uniform(1e-3, 10.0), "fit_prior": one_of(True, False)},
        scalers=("MinMaxScaler",),
        seed_parameter=None,
        handles_sparse=False,
        memory=_ONE_COPY,
    ),
    EstimatorEntry(
        "BernoulliNaiveBayes",
        "classification",
        "sklearn.naive_bayes:BernoulliNB",
        cost=0.05,
        space={"alpha": log_uniform(1e-3, 10.0), "fit_prior": one_of(True, False)},
        scalers=(NO_SCALER, *CENTRING),
        seed_parameter=None,
        memory=_ONE_COPY,
    ),
    EstimatorEntry(
        "SVM",
        "classification",
        "sklearn.svm:SVC",
        fixed={"cache_size": 500},
        space={
            "C": log_uniform(0.1, 1e3),
            "kernel": one_of("rbf", "poly"),
            "class_weight": one_of(None, "balanced"),
        },
        scalers=FOR_LINEAR_MODELS,
        wrappers=("calibrated",),
        max_rows=10_000,
        memory=MemoryNeeds(model=kernel_model),
        converts_to_onnx=False,
    ),
    EstimatorEntry(
        "LinearSVM",
        "classification",
        "sklearn.svm:LinearSVC",
        cost=0.4,
        fixed={"dual": "auto", "max_iter": 2000},
        space={"C": log_uniform(1e-4, 1e2), "class_weight": one_of(None, "balanced")},
        scalers=FOR_LINEAR_MODELS,
        wrappers=("calibrated",),
        max_rows=100_000,
        memory=MemoryNeeds(copies=4.6),
        converts_to_onnx=False,
    ),
    _knn("classification", "sklearn.neighbors:KNeighborsClassifier"),
    *tree_entries("classification"),
    EstimatorEntry(
        "MLP",
        "classification",
        "engine.pipelines.estimators.mlp:AnnealedMLPClassifier",
        size_rule=network_within_bounds,
        steps_parameter="max_iter",
        cost=1.5,
        space=NETWORK_SPACE,
        scalers=FOR_NETWORKS,
    ),
)


REGRESSORS: Mapping[str, EstimatorEntry] = _by_name(
    EstimatorEntry(
        "ElasticNet",
        "regression",
        "sklearn.linear_model:ElasticNet",
        cost=0.1,
        fixed={"max_iter": 2000},
        space={"alpha": log_uniform(1e-5, 1.0), "l1_ratio": FloatRange(0.0, 1.0)},
        scalers=FOR_LINEAR_MODELS,
        wrappers=("scaled_target",),
        memory=_ONE_COPY,
    ),
    EstimatorEntry(
        "LassoLars",
        "regression",
        "sklearn.linear_model:LassoLars",
        cost=0.1,
        space={"alpha": log_uniform(1e-5, 0.1)},
        scalers=FOR_LINEAR_MODELS,
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
            "loss": one_of("squared_error", "huber"),
            "penalty": one_of("l2", "l1", "elasticnet"),
            "alpha": log_uniform(1e-6, 1e-1),
        },
        scalers=FOR_LINEAR_MODELS,
        wrappers=("scaled_target",),
        memory=_ONE_COPY,
    ),
    _knn("regression", "sklearn.neighbors:KNeighborsRegressor"),
    *tree_entries("regression"),
    EstimatorEntry(
        "MLP",
        "regression",
        "engine.pipelines.estimators.mlp:AnnealedMLPRegressor",
        size_rule=network_within_bounds,
        steps_parameter="max_iter",
        cost=1.5,
        space=NETWORK_SPACE,
        scalers=FOR_NETWORKS,
        wrappers=("scaled_target",),
    ),
)


def estimators_of(task: str) -> Mapping[str, EstimatorEntry]:
    """Return the estimators of a task by name, whether their packages are installed or not.

    Examples
    --------
    >>> estimators_of("regression")["LightGBM"].rounds_parameter
    'n_estimators'
    """
    return CLASSIFIERS if task == "classification" else REGRESSORS
