"""Rules for combinations of parameters: each yields a sentence for every contradiction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from engine.config.settings import FIELDS
from engine.data.keys import ARRAY_KEYS, TABLE_KEYS
from engine.data.tables import are_read_by_trials
from engine.ensembles.names import META_LEARNERS
from engine.metrics.metric import DEFAULT_METRIC, metrics_of, primary_metrics_of
from engine.pipelines.catalogue.estimators import estimators_of

#: Parameters that hold data.
DATA_PARAMETERS = (*ARRAY_KEYS, *TABLE_KEYS)

#: Two names of one parameter.
_SYNONYMS = (
    ("allowed_models", "whitelist_models"),
    ("blocked_models", "blacklist_models"),
    ("preprocess", "featurization"),
)
#: A parameter, and the one that must be given with it.
_NEEDS = (
    ("X", "y"),
    ("y", "X"),
    ("training_data", "label_column_name"),
    ("validation_data", "training_data"),
    ("label_column_name", "training_data"),
    ("weight_column_name", "training_data"),
    ("drop_column_names", "training_data"),
    ("y_valid", "X_valid"),
    ("sample_weight_valid", "y_valid"),
)
_SPLITS = ("n_cross_validations", "validation_size")
#: A switch, and the parameters that have no effect when it is off.
_SWITCHES = {
    "enable_early_stopping": ("early_stopping_n_iters",),
    "enable_stack_ensemble": (
        "stack_meta_learner_type",
        "stack_meta_learner_kwargs",
        "stack_meta_learner_train_percentage",
    ),
    "model_explainability": ("explain_timeout_minutes",),
}

#: Parameter name -> value, for the parameters that are given and have an allowed value.
Given = Mapping[str, Any]
Rule = Callable[[Given], Iterator[str]]


def impossible_combinations(values: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each contradiction between parameters.

    Parameters
    ----------
    values:
        Parameter name -> value, settings and data; ``None`` counts as not given.

    Examples
    --------
    >>> values = {"task": "regression", "X": [[1], [2]], "positive_label": 1}
    >>> impossible_combinations(values)
    ['X needs y', "positive_label: only for task='classification'"]
    """
    given = {name: value for name, value in values.items() if value is not None}
    return [problem for rule in RULES for problem in rule(given)]


def _available_task(given: Given) -> Iterator[str]:
    if given.get("task") == "forecasting":
        yield "task='forecasting': not available yet; use 'regression' on lagged columns"


def _metric_of_the_task(given: Given) -> Iterator[str]:
    metric, task = given.get("primary_metric"), given.get("task", "")
    if metric is None or task not in DEFAULT_METRIC or metric in primary_metrics_of(task):
        return
    why = "recorded, but it cannot be primary" if metric in metrics_of(task) else "unknown here"
    yield (
        f"primary_metric={metric!r}: not a primary metric of {task} ({why}); "
        f"allowed is one of {', '.join(primary_metrics_of(task))}"
    )


def _models_of_the_task(given: Given) -> Iterator[str]:
    task = given.get("task", "")
    if task not in DEFAULT_METRIC:
        return
    known = estimators_of(task)
    for name in ("allowed_models", "whitelist_models", "blocked_models", "blacklist_models"):
        unknown = [model for model in given.get(name, ()) if model not in known]
        if unknown:
            yield f"{name}: {unknown} are no {task} models; allowed is any of {', '.join(known)}"


def _a_model_is_left(given: Given) -> Iterator[str]:
    task = given.get("task", "")
    if task not in DEFAULT_METRIC:
        return
    known = estimators_of(task)
    allowed = {*(given.get("allowed_models") or given.get("whitelist_models") or known)}
    blocked = {*(given.get("blocked_models") or given.get("blacklist_models") or ())}
    if allowed <= blocked:
        yield f"blocked_models: {sorted(allowed)} are all that may be tried; leave one of them out"


def _one_name_of_each_parameter(given: Given) -> Iterator[str]:
    for one, other in _SYNONYMS:
        if one in given and other in given:
            yield f"{one} and {other} are two names of one parameter; give one"


def _one_source_of_data(given: Given) -> Iterator[str]:
    sources = [name for name in ("data_script", "X", "training_data") if name in given]
    if len(sources) > 1:
        yield f"{' and '.join(sources)}: give one source of data, not {len(sources)}"
    elif not sources:
        yield "no data: give data_script, or X and y, or training_data and label_column_name"


def _needed_partners(given: Given) -> Iterator[str]:
    for name, needed in _NEEDS:
        if name in given and needed not in given:
            yield f"{name} needs {needed}"


def _explained_rows(given: Given) -> Iterator[str]:
    if _is_only_explained(given) and given.get("model_explainability") is False:
        yield (
            "X_valid without y_valid is only explained, and model_explainability is False; give "
            "y_valid too, or leave one of them out"
        )


def _data_beside_a_script(given: Given) -> Iterator[str]:
    if "data_script" not in given:
        return
    explained = {"X_valid"} if _is_only_explained(given) else set()
    mixed = sorted(given.keys() & set(DATA_PARAMETERS) - explained)
    if mixed:
        yield f"{', '.join(mixed)}: with data_script, get_data() returns the data"


def _arrays_beside_a_table(given: Given) -> Iterator[str]:
    if "training_data" not in given:
        return
    arrays = ["sample_weight", "sample_weight_valid", *(["y_valid"] if "X_valid" in given else [])]
    mixed = [name for name in arrays if name in given]
    if mixed:
        yield (
            f"{', '.join(mixed)}: with training_data, weights are a column of the table "
            "(weight_column_name) and validation_data is the validation part"
        )


def _one_kind_of_validation(given: Given) -> Iterator[str]:
    own = [name for name in ("y_valid", "validation_data") if name in given]
    if own and "cv_splits_indices" in given:
        yield f"{own[0]} is the validation data; leave out cv_splits_indices"
    if not any(name in given for name in _SPLITS):
        return
    if own:
        yield (
            f"{own[0]} is the validation data; leave out n_cross_validations and validation_size"
        )
    if "cv_splits_indices" in given:
        yield "cv_splits_indices are the splits; leave out n_cross_validations and validation_size"


def _meta_learner_of_the_task(given: Given) -> Iterator[str]:
    learner, task = given.get("stack_meta_learner_type"), given.get("task", "")
    if learner is not None and task in META_LEARNERS and learner not in META_LEARNERS[task]:
        yield (
            f"stack_meta_learner_type={learner!r}: not for {task}; "
            f"allowed is one of {', '.join(META_LEARNERS[task])}"
        )


def _without_effect(given: Given) -> Iterator[str]:
    for switch, names in _SWITCHES.items():
        if given.get(switch) is False:
            changed = [name for name in names if _is_changed(name, given)]
            if changed:
                yield f"{', '.join(changed)}: without effect, as {switch} is False"
    both = ("enable_voting_ensemble", "enable_stack_ensemble")
    if all(given.get(name) is False for name in both) and _is_changed("ensemble_iterations", given):
        yield f"ensemble_iterations: without effect, as {' and '.join(both)} are False"


def _is_changed(name: str, given: Given) -> bool:
    return name in given and given[name] != FIELDS[name].default


def _only_for_classification(given: Given) -> Iterator[str]:
    for name in ("class_weight", "positive_label"):
        if given.get("task") == "regression" and name in given:
            yield f"{name}: only for task='classification'"


def _data_for_a_cluster(given: Given) -> Iterator[str]:
    if given.get("keep_data") is not False or given.get("compute_target", "local") == "local":
        return
    tables = {name: given[name] for name in TABLE_KEYS if name in given}
    direct = [name for name in ARRAY_KEYS if name in given and name != "cv_splits_indices"]
    direct += [name for name, table in tables.items() if not are_read_by_trials([table], True)]
    if direct:
        yield (
            f"keep_data=False: {', '.join(direct)} would reach the cluster through the store; have "
            "data_script or a table's URI read there, or leave keep_data out"
        )


def _iteration_within_the_run(given: Given) -> Iterator[str]:
    iteration = given.get("iteration_timeout_minutes")
    experiment = given.get("experiment_timeout_minutes")
    if iteration is not None and experiment is not None and iteration > experiment:
        yield (
            f"iteration_timeout_minutes={iteration} is more than "
            f"experiment_timeout_minutes={experiment}"
        )


def _is_only_explained(given: Given) -> bool:
    """Whether ``X_valid`` is no validation part, but rows that the best model is explained for."""
    return "X_valid" in given and not {"y_valid", "sample_weight_valid"} & given.keys()


#: All rules, in the order in which their sentences are listed.
RULES: tuple[Rule, ...] = (
    _available_task,
    _metric_of_the_task,
    _models_of_the_task,
    _a_model_is_left,
    _one_name_of_each_parameter,
    _one_source_of_data,
    _needed_partners,
    _explained_rows,
    _data_beside_a_script,
    _arrays_beside_a_table,
    _one_kind_of_validation,
    _meta_learner_of_the_task,
    _only_for_classification,
    _without_effect,
    _iteration_within_the_run,
    _data_for_a_cluster,
)
