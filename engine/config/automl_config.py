"""`AutoMLConfig`: the configuration of a run, checked as a whole before anything is started."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Literal

from engine.config.parameters import SupportsLaunch, SupportsRuntimeEnv, checked_parameters
from engine.config.preparation import prepare
from engine.config.settings import FIELDS, Settings
from engine.config.specification import RunSpecification
from engine.config.variables import Variables
from engine.data.featurization import FeaturizationConfig
from engine.metrics.metric import Task


class AutoMLConfig:
    """Configuration of an AutoML run, checked as a whole.

    Every parameter but ``task`` is given by its name. Data comes from one of three sources: a
    script (``data_script``), arrays (``X`` and ``y``), or one table (``training_data`` and
    ``label_column_name``).

    Parameters
    ----------
    task : str
        ``classification`` or ``regression`` (``forecasting`` is not available yet).
    primary_metric : str, optional
        Metric that decides which pipeline is best, a name of `engine.metrics.METRICS`. Default:
        ``accuracy`` or ``spearman_correlation``.
    name : str, optional
        Name of the run in the store.
    path : path, default ``"."``
        Project folder.
    data_script : path, optional
        Script with a function ``get_data()``. A relative path is looked for in the working
        directory, then in ``path``.
    X : array, optional
        Features, (n_rows, n_columns): numpy, pandas, polars, pyarrow or scipy sparse.
    y : array, optional
        Target, (n_rows,).
    sample_weight : array, optional
        Weight of each row, (n_rows,), not negative.
    X_valid : array, optional
        Features of a validation part. Without ``y_valid`` they are rows that the best model is
        explained for.
    y_valid : array, optional
        Target of the validation part.
    sample_weight_valid : array, optional
        Weights of the validation part.
    cv_splits_indices : list of (array, array), optional
        Numbers of the training rows and of the validation rows of each fold.
    training_data : table or path, optional
        Table with the target among its columns: pandas, polars or pyarrow, a Ray Dataset, or the
        path of a CSV or Parquet file.
    validation_data : table or path, optional
        Validation part with the same columns.
    label_column_name : label, optional
        Column that holds the target.
    weight_column_name : label, optional
        Column that holds the sample weights.
    drop_column_names : list of labels, optional
        Columns of the table that are left out.
    iterations : int, default 100
        Number of pipelines to try. Ensembles come on top.
    iteration_timeout_minutes : float, optional
        Limit of one iteration, which is killed when it takes longer.
    experiment_timeout_minutes : float, optional
        Limit of the whole run, ensembles and explanation included.
    experiment_exit_score : float, optional
        Score of the primary metric that ends the run.
    n_cross_validations : int, optional
        Number of folds; with ``validation_size`` the number of Monte Carlo splits. Default, where
        neither is given: 10 folds up to 1,000 rows, 5 up to 20,000, above that a 10 % hold-out.
    validation_size : float, optional
        Share of the rows that validates, between 0 and 1.
    max_concurrent_iterations : int, optional
        Number of trials at a time, over the whole cluster. Default: as many as the cores allow;
        on a compute target other than ``local`` it is 1.
    max_cores_per_iteration : int, default 1
        Cores of one trial; -1 for a whole node.
    mem_in_mb : int, optional
        Memory of one trial, in MB: its node must have it free, and a trial that has more of its
        own is ended as ``Failed``. Pipelines that are expected to need more are left out. Default:
        what Ray offers on the largest node.
    preprocess : bool, optional
        Older name of ``featurization``: True is ``auto``, False is ``off``.
    featurization : str or FeaturizationConfig, optional
        ``auto`` (default): columns of any type, see `engine.pipelines.features`. ``off``: numeric
        columns only.
    whitelist_models : list of str, optional
        Older name of ``allowed_models``.
    allowed_models : list of str, optional
        Estimators to choose from, as in `engine.pipelines.estimators_of`. Default: all.
    blacklist_models : list of str, optional
        Older name of ``blocked_models``.
    blocked_models : list of str, optional
        Estimators to leave out.
    enable_early_stopping : bool, default True
        Whether the run ends when the best score has stood still.
    early_stopping_n_iters : int, default 20
        Number of iterations without a better score that end the run.
    enable_pruning : bool, default True
        Whether an iteration ends when its first folds are far behind the best iteration. Without,
        only limits of time end iterations early.
    enable_voting_ensemble : bool, default True
        Whether a weighted mean of the best pipelines is added as a row.
    enable_stack_ensemble : bool, default True
        Whether a stack of the best pipelines is added as the last row.
    ensemble_iterations : int, default 15
        Number of the best iterations that are candidates for ensembles. Each estimator gets two
        places before any gets a third.
    stack_meta_learner_type : str, optional
        Estimator on top of the stack. Default: LightGBM over features and predictions, in a mean
        with the members; where that is not possible or no better, ``LogisticRegression`` or
        ``ElasticNet`` over the predictions.
    stack_meta_learner_kwargs : dict, optional
        Parameters of that estimator.
    stack_meta_learner_train_percentage : float, optional
        Share of the rows that it is fitted on, between 0 and 1. Default: all rows.
    model_explainability : bool, optional
        Whether the best model is explained by SHAP values at the end, for the rows of ``X_valid``,
        else for a sample of the training rows. Default: True if ``X_valid`` is given.
    explain_timeout_minutes : float, default 5.0
        Limit of the explanation; rows that are not explained by then are left out.
    enable_onnx_compatible_models : bool, default False
        Whether only pipelines that convert to ONNX are tried: no SVM, no CatBoost, categories
        encoded. Dates and text are left out, with a warning. The model comes from
        ``get_output(return_onnx_model=True)``.
    keep_data : bool, default True
        Whether the store keeps what another driver of the run would need of data given directly,
        and a summary of each column. With False a run whose driver has died cannot be resumed, nor
        can `AutoMLRun.continue_experiment` add to it; data given directly is for ``local`` runs
        then. Drift is not counted for its models, and explanations are kept without the values of
        the rows. Models may hold rows nonetheless, as those of ``KNN`` and ``SVM`` do.
    exclude_nan_labels : bool, default True
        Whether rows without a target are dropped, with a warning that says how many.
    positive_label : label, optional
        The class, one of two, whose own metrics are recorded too: ``AUC_binary``,
        ``average_precision_score_binary``, ``f1_score_binary``, ``precision_score_binary``,
        ``recall_score_binary``.
    class_weight : ``"balanced"`` or dict, optional
        Weight of each class, at least 0, multiplied into the sample weights of every fit.
    verbosity : int, default ``logging.INFO``
        Level of the driver's log.
    debug_log : path, default ``"automl.log"``
        File of the driver's log; ``None`` for no file.
    compute_target : compute target or str, optional
        Where the run is driven: ``local`` (default) for this machine's embedded Ray, or a cluster
        of the workspace.
    run_configuration : RunConfiguration, optional
        Packages, image and environment variables of a run on a cluster.
    random_state : int, default 0
        Seed, at most 2147483647. The same seed, data and iterations give the same pipelines and
        scores when one trial runs at a time.
    **unknown : object
        No further parameters exist: each name given here is a problem that the exception lists.

    Raises
    ------
    ConfigException
        Lists every problem at once: unknown names (with the closest parameter), wrong types,
        impossible combinations. Nothing is started.

    Examples
    --------
    >>> from engine import AutoMLConfig
    >>> AutoMLConfig("classification", X=[[1], [2], [3], [4]], y=[0, 1, 0, 1], iterations=5)
    AutoMLConfig(task='classification', primary_metric='accuracy', iterations=5, X=..., y=...)
    >>> AutoMLConfig("classification", iterations=0, iteration=5)
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: 3 problems:
      - iteration: unknown parameter; did you mean 'iterations'?
      - iterations=0: allowed is an integer of at least 1
      - no data: give data_script, or X and y, or training_data and label_column_name
    """

    def __init__(
        self,
        task: str | None = None,
        *,
        primary_metric: str | None = None,
        name: str | None = None,
        path: str | os.PathLike[str] = ".",
        data_script: str | os.PathLike[str] | None = None,
        X: object = None,
        y: object = None,
        sample_weight: object = None,
        X_valid: object = None,
        y_valid: object = None,
        sample_weight_valid: object = None,
        cv_splits_indices: object = None,
        training_data: object = None,
        validation_data: object = None,
        label_column_name: object = None,
        weight_column_name: object = None,
        drop_column_names: Collection[Any] | None = None,
        iterations: int = 100,
        iteration_timeout_minutes: float | None = None,
        experiment_timeout_minutes: float | None = None,
        experiment_exit_score: float | None = None,
        n_cross_validations: int | None = None,
        validation_size: float | None = None,
        max_concurrent_iterations: int | None = None,
        max_cores_per_iteration: int = 1,
        mem_in_mb: int | None = None,
        preprocess: bool | None = None,
        featurization: str | Literal[False] | FeaturizationConfig | None = None,
        whitelist_models: Collection[str] | None = None,
        allowed_models: Collection[str] | None = None,
        blacklist_models: Collection[str] | None = None,
        blocked_models: Collection[str] | None = None,
        enable_early_stopping: bool = True,
        early_stopping_n_iters: int = 20,
        enable_pruning: bool = True,
        enable_voting_ensemble: bool = True,
        enable_stack_ensemble: bool = True,
        ensemble_iterations: int = 15,
        stack_meta_learner_type: str | None = None,
        stack_meta_learner_kwargs: Mapping[str, Any] | None = None,
        stack_meta_learner_train_percentage: float | None = None,
        model_explainability: bool | None = None,
        explain_timeout_minutes: float | None = 5.0,
        enable_onnx_compatible_models: bool = False,
        keep_data: bool = True,
        exclude_nan_labels: bool = True,
        positive_label: object = None,
        class_weight: str | Mapping[Any, float] | None = None,
        verbosity: int = logging.INFO,
        debug_log: str | os.PathLike[str] | None = "automl.log",
        compute_target: str | SupportsLaunch | None = None,
        run_configuration: SupportsRuntimeEnv | None = None,
        random_state: int = 0,
        **unknown: object,
    ) -> None:
        self.settings: Settings
        self.data: Mapping[str, Any]
        self.variables: Variables
        self.settings, self.data, self.variables = checked_parameters(locals(), unknown)

    def __repr__(self) -> str:
        changed = [
            f"{name}={getattr(self.settings, name)!r}"
            for name, f in FIELDS.items()
            if getattr(self.settings, name) != f.default
        ]
        return f"AutoMLConfig({', '.join([*changed, *(f'{key}=...' for key in self.data)])})"

    @property
    def task(self) -> Task:
        """``classification`` or ``regression``."""
        return self.settings.learning_task

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
        return replace(prepare(self.settings, self.data), variables=self.variables)
