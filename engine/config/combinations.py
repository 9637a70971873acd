"""Combinations of settings that are impossible."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from engine.config.settings import FIELDS
from engine.ensembles.names import META_LEARNERS
from engine.metrics.metric import DEFAULT_METRIC, metrics_of
from engine.pipelines.catalogue.estimators import estimators_of

DATA_PARAMETERS = (
    "X",
    "y",
    "sample_weight",
    "X_valid",
    "y_valid",
    "sample_weight_valid",
    "cv_splits_indices",
    "training_data",
    "validation_data",
)


def _unknown_names(parameters: Mapping[str, Any]) -> list[str]:
    known = [*FIELDS, *DATA_PARAMETERS]
    problems = []
    for name in parameters:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(sorted(known))}"
        problems.append(f"{name}: unknown parameter; {hint}")
    return problems


def _impossible(values: Mapping[str, Any], data: Mapping[str, Any]) -> list[str]:
    """Combinations that contradict each other."""
    problems = []
    given = {key for key, value in {**values, **data}.items() if value is not None}

    def together(*names: str) -> bool:
        return given.issuperset(names)

    metric, task = values.get("primary_metric"), str(values.get("task"))
    if metric is not None and task in DEFAULT_METRIC and metric not in metrics_of(task):
        problems.append(
            f"primary_metric={metric!r}: not a metric of {task}; "
            f"allowed is one of {', '.join(metrics_of(task))}"
        )
    for name in ("allowed_models", "whitelist_models", "blocked_models", "blacklist_models"):
        known = estimators_of(task) if task in DEFAULT_METRIC else None
        unknown = [m for m in values.get(name) or () if known is not None and m not in known]
        if unknown and known is not None:
            problems.append(
                f"{name}: {unknown} are no {task} models; allowed is any of {', '.join(known)}"
            )
    for new, old in (
        ("allowed_models", "whitelist_models"),
        ("blocked_models", "blacklist_models"),
    ):
        if together(new, old):
            problems.append(f"{new} and {old} are two names of one parameter; give one")
    if values.get("preprocess") is not None and values.get("featurization") is not None:
        problems.append("preprocess and featurization are two names of one parameter; give one")

    sources = [name for name in ("data_script", "X", "training_data") if name in given]
    if len(sources) > 1:
        problems.append(f"{' and '.join(sources)}: give one source of data, not {len(sources)}")
    elif not sources:
        problems.append(
            "no data: give data_script, or X and y, or training_data and label_column_name"
        )
    for first, needs in (
        ("X", "y"),
        ("y", "X"),
        ("training_data", "label_column_name"),
        ("validation_data", "training_data"),
        ("label_column_name", "training_data"),
        ("weight_column_name", "training_data"),
        ("drop_column_names", "training_data"),
        ("y_valid", "X_valid"),
        ("sample_weight_valid", "X_valid"),
    ):
        if (
            first in given
            and needs not in given
            and not (first in ("y_valid", "sample_weight_valid") and "X_valid" in given)
        ):
            problems.append(f"{first} needs {needs}")
    is_explained = "X_valid" in given and not {"y_valid", "sample_weight_valid"} & given
    if is_explained and values.get("model_explainability") is False:
        problems.append(
            "X_valid without y_valid is only explained, and model_explainability is False; give "
            "y_valid too, or leave one of them out"
        )
    if "data_script" in given:
        mixed = sorted(given & set(DATA_PARAMETERS) - ({"X_valid"} if is_explained else set()))
        if mixed:
            problems.append(f"{', '.join(mixed)}: with data_script, get_data() returns the data")
    own_validation = {"y_valid", "validation_data"} & given
    if own_validation and {"n_cross_validations", "validation_size"} & given:
        problems.append(
            f"{own_validation.pop()} is the validation data; leave out n_cross_validations and "
            "validation_size"
        )
    if "cv_splits_indices" in given and {"n_cross_validations", "validation_size"} & given:
        problems.append(
            "cv_splits_indices are the splits; leave out n_cross_validations and validation_size"
        )
    learner = values.get("stack_meta_learner_type")
    if learner is not None and learner not in META_LEARNERS.get(task, (learner,)):
        problems.append(
            f"stack_meta_learner_type={learner!r}: not for {task}; "
            f"allowed is one of {', '.join(META_LEARNERS[task])}"
        )
    for name in ("class_weight", "positive_label"):
        if task == "regression" and values.get(name) is not None:
            problems.append(f"{name}: only for task='classification'")
    iteration = values.get("iteration_timeout_minutes")
    experiment = values.get("experiment_timeout_minutes")
    if iteration is not None and experiment is not None and iteration > experiment:
        problems.append(
            f"iteration_timeout_minutes={iteration} is more than "
            f"experiment_timeout_minutes={experiment}"
        )
    return problems
