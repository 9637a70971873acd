"""Trees, forests and boosters of the catalogue, alike for both tasks."""

from __future__ import annotations

from collections.abc import Mapping

from engine.metrics.metric import Task
from engine.pipelines.catalogue import spaces
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry, Wrapper
from engine.pipelines.catalogue.memory_needs import MemoryNeeds, trees_model
from engine.pipelines.catalogue.ranges import Space, one_of
from engine.pipelines.catalogue.scalers import FOR_TREES
from engine.pipelines.catalogue.size_rules import fewer_rounds, smaller_forest

#: End of scikit-learn's and the boosters' class names.
_KIND: Mapping[Task, str] = {"classification": "Classifier", "regression": "Regressor"}
#: Leaves of a whole forest. A leaf of a classification holds more rows.
_MOST_LEAVES: Mapping[Task, int] = {"classification": 3_000_000, "regression": 750_000}
#: Leaves for each row that a tree sees, on noisy data. A random forest's draws leave a third of the
#: rows out.
_FOREST_LEAVES: Mapping[tuple[str, Task], float] = {
    ("RandomForest", "classification"): 0.25,
    ("RandomForest", "regression"): 0.65,
    ("ExtremeRandomTrees", "classification"): 0.5,
    ("ExtremeRandomTrees", "regression"): 1.0,
}


def tree_entries(task: Task) -> tuple[EstimatorEntry, ...]:
    """Return all estimators of a task that are made of trees, simple ones first.

    Examples
    --------
    >>> [entry.name for entry in tree_entries("regression")][:4]
    ['DecisionTree', 'RandomForest', 'ExtremeRandomTrees', 'LightGBM']
    """
    return (
        _decision_tree(task),
        _forest(task, "RandomForest", "RandomForest", cost=1.0),
        _forest(task, "ExtremeRandomTrees", "ExtraTrees", cost=0.8),
        _lightgbm(task),
        _histogram_boosting(task),
        _xgboost(task),
        _catboost(task),
    )


def _criterion(task: Task) -> Space:
    return {"criterion": one_of("gini", "entropy")} if task == "classification" else {}


def _label_wrapper(task: Task) -> tuple[Wrapper, ...]:
    return ("encoded",) if task == "classification" else ()


def _decision_tree(task: Task) -> EstimatorEntry:
    return EstimatorEntry(
        "DecisionTree",
        task,
        f"sklearn.tree:DecisionTree{_KIND[task]}",
        cost=0.1,
        space={**spaces.TREE_SPACE, **_criterion(task)},
        scalers=FOR_TREES,
        handles_missing=True,
        input="codes",
        memory=MemoryNeeds(copies=2.0, model=trees_model(1.0, trees=1)),
    )


def _forest(task: Task, name: str, class_name: str, cost: float) -> EstimatorEntry:
    return EstimatorEntry(
        name,
        task,
        f"sklearn.ensemble:{class_name}{_KIND[task]}",
        size_rule=smaller_forest(_MOST_LEAVES[task]),
        steps_parameter="n_estimators",
        cost=cost,
        space={**spaces.FOREST_SPACE, **_criterion(task)},
        scalers=FOR_TREES,
        threads_parameter="n_jobs",
        handles_missing=True,
        input="codes",
        memory=MemoryNeeds(copies=2.5, model=trees_model(_FOREST_LEAVES[name, task])),
    )


def _lightgbm(task: Task) -> EstimatorEntry:
    return EstimatorEntry(
        "LightGBM",
        task,
        f"lightgbm:LGBM{_KIND[task]}",
        fixed=spaces.LIGHTGBM_FIXED,
        rounds_parameter="n_estimators",
        size_rule=fewer_rounds("n_estimators", spaces.MOST_ROUNDS),
        space=spaces.LIGHTGBM_SPACE,
        threads_parameter="n_jobs",
        handles_missing=True,
        input="native",
        memory=MemoryNeeds(copies=2.8),
    )


def _histogram_boosting(task: Task) -> EstimatorEntry:
    return EstimatorEntry(
        "GradientBoosting",
        task,
        f"sklearn.ensemble:HistGradientBoosting{_KIND[task]}",
        cost=1.5,
        fixed=spaces.HISTOGRAM_FIXED,
        rounds_parameter="max_iter",
        size_rule=fewer_rounds("max_iter", spaces.MOST_HISTOGRAM_ROUNDS),
        space=spaces.HISTOGRAM_SPACE,
        handles_missing=True,
        input="native",
        handles_sparse=False,
        memory=MemoryNeeds(copies=1.8, outputs=3.0),
    )


def _xgboost(task: Task) -> EstimatorEntry:
    return EstimatorEntry(
        f"XGBoost{_KIND[task]}",
        task,
        f"xgboost:XGB{_KIND[task]}",
        fixed=spaces.XGBOOST_FIXED,
        rounds_parameter="n_estimators",
        size_rule=fewer_rounds("n_estimators", spaces.MOST_ROUNDS),
        space=spaces.XGBOOST_SPACE,
        threads_parameter="n_jobs",
        wrappers=_label_wrapper(task),
        handles_missing=True,
        input="native",
        memory=MemoryNeeds(copies=3.0, outputs=4.0),
    )


def _catboost(task: Task) -> EstimatorEntry:
    return EstimatorEntry(
        f"CatBoost{_KIND[task]}",
        task,
        f"catboost:CatBoost{_KIND[task]}",
        cost=3.0,
        fixed=spaces.CATBOOST_FIXED,
        rounds_parameter="iterations",
        size_rule=fewer_rounds("iterations", spaces.MOST_ROUNDS),
        space=spaces.CATBOOST_SPACE,
        scalers=(NO_SCALER,),
        threads_parameter="thread_count",
        wrappers=("text_categories", *_label_wrapper(task)),
        handles_missing=True,
        input="native",
        # CatBoost refuses read-only CSR buffers, which is what the object store hands out.
        handles_sparse=False,
        memory=MemoryNeeds(copies=4.5, outputs=4.0),
        converts_to_onnx=False,
    )
