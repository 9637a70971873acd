"""`AutoMLConfig`: what a run should do, checked as a whole before anything is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.config import value_rules as allow
from engine.config.combinations import DATA_PARAMETERS, _impossible, _unknown_names
from engine.config.settings import FIELDS, Settings, not_available, wrong_values
from engine.config.specification import RunSpecification
from engine.data.data_script import check_script
from engine.data.tables import read_table
from engine.errors import AutoMLError, ConfigException, DataException
from engine.metrics.metric import DEFAULT_METRIC, Task


class AutoMLConfig:
    """What an AutoML run should do.

    Parameters
    ----------
    task:
        ``classification`` or ``regression`` (``forecasting`` is not available yet).
    **parameters:
        primary_metric : str, default ``accuracy`` / ``spearman_correlation``
            What decides which pipeline is best; see `engine.metrics.METRICS`.
        name : str, optional
            A name for the run in the store.
        path : path, default ``.``; data_script : path, optional
            Project folder, and a script with ``get_data()``; a relative script is looked for in
            the working directory, then in ``path``.
        X, y, sample_weight, X_valid, y_valid, sample_weight_valid, cv_splits_indices
            Data given directly: numpy, pandas or scipy sparse, (n_rows, n_columns) and (n_rows,).
        training_data, validation_data, label_column_name, weight_column_name, drop_column_names
            Data as one table: pandas, polars or pyarrow, a Ray Dataset, or the path of a CSV or
            Parquet file.
        iterations : int, default 100
            Pipelines to try.
        iteration_timeout_minutes, experiment_timeout_minutes : float, optional
            Limits of one iteration, which is then killed, and of the whole run.
        experiment_exit_score : float, optional
            Stop once the primary metric is this good.
        n_cross_validations : int, validation_size : float in (0, 1), default by size
            k folds; with ``validation_size`` Monte Carlo splits. Neither: 10 folds up to 1,000
            rows, 5 up to 20,000, above that a 10 % hold-out.
        max_concurrent_iterations : int, default what the cores allow
            Trials at a time, over the whole cluster; on a compute target other than ``local``
            the default is 1.
        max_cores_per_iteration : int, default 1
            Cores of a trial; -1 for a whole node.
        mem_in_mb : int, optional
            Memory of a trial, in MB, that the cluster must have free.
        preprocess : bool, featurization : str or FeaturizationConfig, default ``auto``
            True / ``auto``: columns of any kind, see `engine.pipelines.featurize`. False / ``off``:
            numeric columns only.
        allowed_models (or whitelist_models), blocked_models (or blacklist_models) : list of str
            Names of estimators, as in `engine.pipelines.estimators_of`.
        enable_early_stopping : bool, default True; early_stopping_n_iters : int, default 20
            End when the best score has stood still for that many iterations.
        enable_voting_ensemble, enable_stack_ensemble : bool, default True
            Ensembles of the best pipelines, as the last rows, on top of ``iterations``.
        ensemble_iterations : int, default 15
            That many of the best iterations are candidates for them, two of each estimator before
            a third of one.
        stack_meta_learner_type, stack_meta_learner_kwargs, stack_meta_learner_train_percentage
            What sits on top of the stack, its parameters, and the share of the rows it is fitted on
            (default all). Default: LightGBM over features and predictions, in a mean with the
            members; where that is not possible or no better, ``LogisticRegression`` and
            ``ElasticNet`` over the predictions.
        exclude_nan_labels : bool, default True
            Drop rows without a target, with a warning that says how many.
        model_explainability : bool, default True if ``X_valid`` is given
            SHAP values of the best model at the end, for the rows of ``X_valid`` (which needs no
            ``y_valid`` for that), else for a sample of the training rows.
        explain_timeout_minutes : float, default 5
            What is not explained by then is left out.
        enable_onnx_compatible_models : bool, default False
            Only pipelines that convert to ONNX (no SVM, no CatBoost, categories encoded; dates and
            text are left out, with a warning): ``get_output(return_onnx_model=True)``.
        class_weight : ``"balanced"`` or dict, optional
            Multiplied into the sample weights of every fit.
        positive_label : label, optional
            Of two classes, the one whose own metrics are recorded too: ``AUC_binary``,
            ``average_precision_score_binary``, ``f1_score_binary``, ``precision_score_binary``,
            ``recall_score_binary``.
        verbosity : int, default ``logging.INFO``; debug_log : path, default ``automl.log``
            Level and file of the driver's log.
        compute_target : compute target or its name, default ``"local"``
            Where the run is driven: this machine's embedded Ray, or a cluster of the workspace.
        run_configuration : RunConfiguration, optional
            Packages, image and environment variables of a run on a cluster.
        random_state : int, default 0
            The same seed, data and iterations give the same pipelines and scores at concurrency 1.

    Raises
    ------
    ConfigException
        Lists every problem at once: unknown names (with the close match), wrong types, impossible
        combinations, what is not available yet. Nothing is started.
    """

    def __init__(self, task: str | None = None, **parameters: Any) -> None:
        problems = _unknown_names(parameters)
        data = {key: parameters.get(key) for key in DATA_PARAMETERS}
        values: dict[str, Any] = {"task": task}
        values |= {key: value for key, value in parameters.items() if key in FIELDS}
        wrong = wrong_values(values)
        problems += wrong.values()
        good = {key: value for key, value in values.items() if key not in wrong}
        problems += _place(good)
        problems += not_available(good)
        problems += _impossible(good, data)
        if problems:
            raise ConfigException(problems)
        for key in ("path", "data_script", "debug_log"):
            if good.get(key) is not None:
                good[key] = str(good[key])
        good["primary_metric"] = good.get("primary_metric") or DEFAULT_METRIC[good["task"]]
        self.settings = Settings(**good)
        self.data: Mapping[str, Any] = {k: v for k, v in data.items() if v is not None}

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self.settings, name)!r}"
            for name, f in FIELDS.items()
            if getattr(self.settings, name) != f.default
        ]
        return f"AutoMLConfig({', '.join([*changed, *(f'{key}=...' for key in self.data)])})"

    @property
    def task(self) -> Task:
        return "regression" if self.settings.task == "regression" else "classification"

    def prepare(self) -> RunSpecification:
        """Check the data and bring everything into the form that a run is made of.

        Returns
        -------
        RunSpecification
            The settings with absolute paths, and the data: checked when it was given directly; as
            paths when a script or files provide it, which are read where the trials run.

        Raises
        ------
        DataException
            When the data cannot be used, or the script is missing or has no ``get_data``.
        """
        settings = self.settings
        changes: dict[str, Any] = {"path": str(Path(settings.path).absolute())}
        if settings.debug_log is not None:
            changes["debug_log"] = str(Path(settings.debug_log).absolute())
        if settings.data_script is not None:
            changes["data_script"] = str(check_script(settings.data_script, settings.path))
        settings = settings.with_changes(changes)
        data = dict(self.data)
        X_explain = data.pop("X_valid") if "X_valid" in data and "y_valid" not in data else None
        if settings.data_script is not None and settings.is_remote:
            return RunSpecification(settings.with_changes(_project(settings)), X_explain=X_explain)
        if settings.data_script is not None:
            return RunSpecification(settings, X_explain=X_explain)
        if "training_data" in data:
            data["label"] = settings.label_column_name
            data["weight"] = settings.weight_column_name
            data["drop_columns"] = settings.drop_column_names
            tables = [key for key in ("training_data", "validation_data") if key in data]
            is_path = all(isinstance(data[key], str | os.PathLike) for key in tables)
            if is_path and not (
                settings.is_remote and any("://" not in str(data[k]) for k in tables)
            ):
                paths = {key: _absolute(data[key]) for key in tables}
                return RunSpecification(settings, tables=data | paths, X_explain=X_explain)
            data |= {key: read_table(data[key]) for key in tables}
        return RunSpecification.of_data(settings, data, X_explain)


def _absolute(path: str | os.PathLike[str]) -> str:
    """A path that means the same in another process; a URI as it is."""
    text = os.fspath(path)
    if "://" in text:
        return text
    if not Path(text).is_file():
        raise DataException(f"the file {Path(text).absolute()} does not exist")
    return str(Path(text).absolute())


def _project(settings: Settings) -> dict[str, Any]:
    """The folder that goes to the cluster, and the script in it: the same in every process."""
    assert settings.data_script is not None
    script, folder = Path(settings.data_script), Path(settings.path).resolve()
    if folder == Path.cwd().resolve() or not script.is_relative_to(folder):
        folder = script.parent
    return {"path": str(folder), "data_script": str(script.relative_to(folder))}


def _place(values: dict[str, Any]) -> list[str]:
    """Compute target and run configuration as plain values, in place; what is wrong with them."""
    configuration, target = values.get("run_configuration"), values.get("compute_target")
    runtime_env: dict[str, Any] = {}
    if configuration is not None:
        target = target or configuration.target
        wrong = None if target is None else allow.compute_target(target)
        if wrong is not None:
            return [f"run_configuration.target={target!r}: allowed is {wrong}"]
        try:
            runtime_env = configuration.to_runtime_env()
        except AutoMLError as error:
            return [f"run_configuration: {error}"]
    name = target if target is None or isinstance(target, str) else target.name
    values["compute_target"] = name
    values["run_configuration"] = runtime_env or None
    if runtime_env and name in (None, "local"):
        return [
            "run_configuration: packages, images and variables are for a compute target other "
            "than 'local'; install them here and leave it out"
        ]
    return []
