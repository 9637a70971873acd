"""Translation of SDK v1's parameters to those of `engine.AutoMLConfig`."""

from __future__ import annotations

import difflib
import logging
import numbers
from collections.abc import Callable, Collection, Mapping
from typing import Any

from engine.azureml.train.automl.old_names import (
    MODELS,
    RENAMED,
    STAND_INS,
    TIMES,
    WITHOUT_MEANING,
)
from engine.config.combinations import DATA_PARAMETERS, impossible_combinations
from engine.config.settings import FIELDS
from engine.data.featurization import FeaturizationConfig
from engine.errors import AutoMLError, ConfigException
from engine.pipelines.catalogue.estimators import estimators_of

_KNOWN = frozenset({*FIELDS, *DATA_PARAMETERS})
_ITERATIONS = 100
#: Up to this many iterations there were no ensembles.
_NO_ENSEMBLES = 2
_OF_STACK = (
    "stack_meta_learner_type",
    "stack_meta_learner_kwargs",
    "stack_meta_learner_train_percentage",
)


def translated(given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Translate parameters of SDK v1.

    Parameters
    ----------
    given:
        Parameter name -> value; ``None`` stands for the default.

    Returns
    -------
    tuple
        Parameters of `engine.AutoMLConfig`, and a warning for each change that a user should know.

    Raises
    ------
    ConfigException
        For what cannot be had: forecasting, ``spark_context``, ``cv_split_column_names``.

    Examples
    --------
    >>> values, notes = translated({"task": "regression", "max_time_sec": 90, "iterations": 10})
    >>> values["iteration_timeout_minutes"], values["iterations"]
    (1.5, 8)
    >>> notes
    ['max_time_sec is iteration_timeout_minutes now']
    """
    values = {name: value for name, value in given.items() if value is not None}
    notes: list[str] = []
    for step in _STEPS:
        notes += step(values)
    return values, notes


def _refused(values: dict[str, Any]) -> list[str]:
    """Raise for words that must not be left out, and for a task that is not available."""
    task = {"task": values["task"]} if values.get("task") == "forecasting" else {}
    unavailable = [one for one in impossible_combinations(task) if one.startswith("task=")]
    if unavailable:
        # Without warnings for the words that belong to the task.
        raise ConfigException(unavailable)
    ways = {
        "spark_context": (
            "Spark is not available; leave it out, and give compute_target for a cluster"
        ),
        "cv_split_column_names": "give the rows of each fold with cv_splits_indices",
    }
    problems = [f"{n}: {way}" for n, way in ways.items() if n in values and n not in _KNOWN]
    if problems:
        raise ConfigException(problems)
    return []


def _times(values: dict[str, Any]) -> list[str]:
    notes = []
    for old, (name, minutes) in TIMES.items():
        if old not in values:
            continue
        value = values.pop(old)
        if name in values:
            notes.append(f"{old} is used, {name} is left out: both are the same limit")
        elif old.endswith("_sec"):
            notes.append(f"{old} is {name} now")
        is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        values[name] = value * minutes if is_number else value
    iteration = values.get("iteration_timeout_minutes")
    whole = values.get("experiment_timeout_minutes")
    try:
        if iteration is not None and whole is not None and iteration > whole > 0:
            values["iteration_timeout_minutes"] = whole
            notes.append(f"iteration_timeout_minutes={iteration:g}: the whole run has {whole:g}")
    except TypeError:
        pass  # values that are no numbers are refused as such
    return notes


def _old_names(values: dict[str, Any]) -> list[str]:
    notes = []
    for old, name in RENAMED.items():
        if old not in values:
            continue
        value = values.pop(old)
        if name.endswith("_models"):
            values[name] = [*_as_list(values.get(name, ())), *_as_list(value)]
        else:
            values.setdefault(name, value)
        if old in ("exit_score", "concurrent_iterations", "blacklist_algos"):
            notes.append(f"{old} is {name} now")
    if "enable_ensembling" in values:
        is_on = values.pop("enable_ensembling")
        values.setdefault("enable_voting_ensemble", bool(is_on))
        values.setdefault("enable_stack_ensemble", bool(is_on))
        notes.append("enable_ensembling is enable_voting_ensemble and enable_stack_ensemble now")
    if isinstance(values.get("drop_column_names"), str):
        values["drop_column_names"] = [values["drop_column_names"]]
    return notes


def _words(values: dict[str, Any]) -> list[str]:
    """Leave out words without a meaning, and words that SDK v1 did not know either."""
    notes = []
    for name in [name for name in values if name not in _KNOWN]:
        del values[name]
        if name in WITHOUT_MEANING:
            notes.append(f"{name}: without a meaning here, it is left out")
            continue
        close = difflib.get_close_matches(name, _KNOWN, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        notes.append(f"{name}: unknown parameter, it is left out{hint}")
    return notes


def _models(values: dict[str, Any]) -> list[str]:
    task = str(values.get("task"))
    if task not in MODELS:
        return []
    notes = []
    for name in ("allowed_models", "blocked_models"):
        if name not in values:
            continue
        given = _as_list(values[name])
        found = [_model(model, task) for model in given]
        unknown = [model for model, our in zip(given, found, strict=True) if our is None]
        chosen = list(dict.fromkeys(our for our in found if our is not None))
        if name == "allowed_models" and not chosen:
            chosen = _stand_ins(given, task)
            if chosen:
                notes.append(f"{name}: {chosen} in place of {unknown}, which are not here")
                values[name] = chosen
                continue
        if unknown and (chosen or name == "blocked_models"):
            notes.append(f"{name}: {unknown} are no {task} models here, they are left out")
        if chosen:
            values[name] = chosen
        elif name == "blocked_models":
            del values[name]  # of an allowed_models without known names all are reported
    return notes


def _model(name: object, task: str) -> str | None:
    known = {model.lower(): model for model in estimators_of(task)}
    plain = _plain(name)
    return known.get(plain) or known.get(MODELS[task].get(plain, "").lower())


def _plain(name: object) -> str:
    """Return the name of a model as the tables of old names have it."""
    return str(name).lower().replace(" ", "")


def _stand_ins(models: Collection[object], task: str) -> list[str]:
    """Return the nearest models here for those of the service that are missing."""
    found = (STAND_INS[task].get(_plain(model)) for model in models)
    return list(dict.fromkeys(model for model in found if model is not None))


def _validation(values: dict[str, Any]) -> list[str]:
    if values.get("n_cross_validations") == "auto":
        del values["n_cross_validations"]
    return []


def _defaults(values: dict[str, Any]) -> list[str]:
    """Set the defaults of July 2019 where they differ from today's."""
    notes = []
    values.setdefault("enable_pruning", False)
    values.setdefault("enable_early_stopping", False)
    if not values["enable_early_stopping"] and values.pop("early_stopping_n_iters", None):
        notes.append("early_stopping_n_iters: early stopping is off by default; it is left out")
    values.setdefault("verbosity", logging.INFO)
    only_explained = "X_valid" in values and "y_valid" not in values
    values.setdefault("model_explainability", only_explained)
    if not values["model_explainability"]:
        values.pop("explain_timeout_minutes", None)
    notes += _featurization(values)
    return notes


def _featurization(values: dict[str, Any]) -> list[str]:
    notes = []
    if "featurization" in values:
        if values.pop("preprocess", None) is not None:
            notes.append("preprocess is left out: featurization is its newer name")
        chosen = values["featurization"]
        if chosen is True:
            values["featurization"] = "auto"
        elif isinstance(chosen, FeaturizationConfig):
            # Models must not need this room when they are loaded.
            values["featurization"] = FeaturizationConfig(**chosen.to_dict())
    elif "training_data" in values:
        values["featurization"] = "off" if values.pop("preprocess", None) is False else "auto"
    else:
        values.setdefault("preprocess", False)
    return notes


def _ensembles(values: dict[str, Any]) -> list[str]:
    """Let ``iterations`` count the ensembles in, and leave the stack out where SDK v1 did."""
    iterations = values.get("iterations", _ITERATIONS)
    names = ("enable_voting_ensemble", "enable_stack_ensemble")
    if not isinstance(iterations, numbers.Integral) or isinstance(iterations, bool):
        return []
    if iterations <= _NO_ENSEMBLES:
        values |= dict.fromkeys(names, False)
    elif values.get("enable_onnx_compatible_models") or values["model_explainability"]:
        values["enable_stack_ensemble"] = False
    elif iterations == _NO_ENSEMBLES + 1 and values.get("enable_voting_ensemble", True):
        # Both ensembles would leave one pipeline, which nothing can be combined with.
        values["enable_stack_ensemble"] = False
    on = sum(bool(values.get(name, True)) for name in names)
    values["iterations"] = int(iterations) - on
    notes = []
    if not values.get("enable_stack_ensemble", True):
        unused = [name for name in _OF_STACK if values.pop(name, None) is not None]
        notes += [f"{name}: there is no stack, it is left out" for name in unused]
    if not on:
        values.pop("ensemble_iterations", None)
    elif values.get("ensemble_iterations") == 1:
        values["ensemble_iterations"] = 2
        notes.append("ensemble_iterations=1: an ensemble has two candidates at least")
    kwargs = values.get("stack_meta_learner_kwargs")
    if isinstance(kwargs, Mapping) and "multi_class" in kwargs:
        values["stack_meta_learner_kwargs"] = {
            name: value for name, value in kwargs.items() if name != "multi_class"
        }
        notes.append("stack_meta_learner_kwargs: scikit-learn has no multi_class any more")
    return notes


def _local(values: dict[str, Any]) -> list[str]:
    """Leave out the environment of a local run: it runs in the environment that there is."""
    configuration = values.get("run_configuration")
    if configuration is None:
        return []
    target = values.get("compute_target") or getattr(configuration, "target", None)
    if getattr(target, "name", target) not in (None, "local"):
        return []
    try:
        # It copies the files of the configuration's data references, too.
        environment = configuration.to_runtime_env()
    except (AutoMLError, AttributeError, TypeError):
        return []  # `engine.AutoMLConfig` says what is wrong with it
    del values["run_configuration"]
    if not environment:
        return []
    return ["run_configuration: a local run uses the packages that are installed, it is left out"]


def _as_list(models: object) -> list[Any]:
    if isinstance(models, str):
        return [models]
    return list(models) if isinstance(models, Collection) else [models]


_STEPS: tuple[Callable[[dict[str, Any]], list[str]], ...] = (
    _refused,
    _times,
    _old_names,
    _words,
    _models,
    _validation,
    _defaults,
    _ensembles,
    _local,
)
