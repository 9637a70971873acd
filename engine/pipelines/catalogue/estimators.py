"""Every estimator and scaler by the name a user knows, with what it copes with and its ranges.

Ranges are in the words of ``optuna.distributions``. They follow the estimators' own documentation
and, for gradient boosting and forests, the spaces of Probst, Boulesteix & Bischl (2019),
"Tunability: importance of hyperparameters of machine learning algorithms".
"""

from __future__ import annotations

from collections.abc import Mapping

from engine.metrics.metric import Task
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry, Space, Wrapper
from engine.pipelines.catalogue.scalers import _CENTRING, _DISTANCE, _LINEAR, _NETWORK, _TREE
from engine.pipelines.catalogue.size_rules import fewer_rounds, forest, network
from engine.pipelines.catalogue.spaces import (
    _CATBOOST_FIXED,
    _CATBOOST_SPACE,
    _FOREST_SPACE,
    _HISTOGRAM_FIXED,
    _HISTOGRAM_SPACE,
    _LIGHTGBM_FIXED,
    _LIGHTGBM_SPACE,
    _MLP_SPACE,
    _ROUNDS,
    _TREE_SPACE,
    _XGBOOST_FIXED,
    _XGBOOST_SPACE,
    _log,
    _log_int,
    _one_of,
    _share,
)


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
        "engine.pipelines.estimators.mlp:AnnealedMLPClassifier",
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
        "engine.pipelines.estimators.mlp:AnnealedMLPRegressor",
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
