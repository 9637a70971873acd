"""The functions that users call for explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.errors import ConfigException

if TYPE_CHECKING:
    from engine.client.iteration import IterationRun
    from engine.client.run import AutoMLRun

#: Training rows that rows are compared with.
_BACKGROUND = 100


def retrieve_model_explanation(best_run: IterationRun | AutoMLRun) -> tuple[Any, ...]:
    """The explanation that was kept with an iteration.

    Parameters
    ----------
    best_run:
        An iteration, as ``run.get_output()`` gives it first; of a run, its best iteration.

    Returns
    -------
    tuple
        ``(shap_values, expected_values, overall_summary, overall_imp, per_class_summary,
        per_class_imp)``. ``shap_values``: for classification a list over classes of arrays
        (n_rows, n_features), for regression one array. ``expected_values``: one a class, or one
        number; with the sum of a row's values it gives the class probability, or the prediction, to
        1e-3. ``overall_summary``: mean absolute SHAP value a feature, descending;
        ``overall_imp``: the features' names in that order. ``per_class_summary``,
        ``per_class_imp``: the same a class; ``None`` for regression.

    Raises
    ------
    RunException
        When it has not been explained.
    """
    from engine.explain.files import load_explanation

    if hasattr(best_run, "get_output"):
        best_run = best_run.get_output()[0]
    return load_explanation(best_run.store, best_run.id).as_six()


def explain_model(
    fitted_model: Any,
    X_train: Any,
    X_test: Any,
    best_run: IterationRun | None = None,
    features: str | Sequence[str] | None = None,
) -> tuple[Any, ...]:
    """SHAP values of any model.

    Parameters
    ----------
    fitted_model:
        Of a run, or any estimator with ``predict_proba`` or ``predict``.
    X_train:
        Training rows: what predictions are compared with; a hundred are taken.
    X_test:
        Rows to explain.
    best_run:
        Keep the explanation with this iteration.
    features:
        ``raw`` (default): values for the columns of ``X_test``; ``engineered``: for those that
        the pipeline's first step makes; a list: names for the raw columns.

    Returns
    -------
    tuple
        As `retrieve_model_explanation`.

    Raises
    ------
    ConfigException
        For what is not two-dimensional, or names that do not fit.
    """
    from engine.data.dataset import rows_of
    from engine.explain.pieces import Work, in_this_process

    background, rows = _matrix(X_train, "X_train"), _matrix(X_test, "X_test")
    if background.shape[1] != rows.shape[1]:
        raise ConfigException(
            [f"X_test has {rows.shape[1]} columns, X_train has {background.shape[1]}"]
        )
    kind = features if isinstance(features, str) else "raw"
    if kind not in ("raw", "engineered"):
        raise ConfigException(
            [f"features={features!r}: allowed is 'raw', 'engineered' or a list of names"]
        )
    if kind == "engineered" and not hasattr(fitted_model, "named_steps"):
        raise ConfigException(["features='engineered': the model is no pipeline"])
    if features is not None and not isinstance(features, str):
        names = [str(name) for name in features]
        if len(names) != rows.shape[1]:
            raise ConfigException(
                [f"features has {len(names)} names, X_test has {rows.shape[1]} columns"]
            )
    elif isinstance(rows, pd.DataFrame):
        names = [str(name) for name in rows.columns]
    else:
        names = [f"column_{index}" for index in range(rows.shape[1])]
    if background.shape[0] > _BACKGROUND:
        chosen = np.random.default_rng(0).choice(background.shape[0], _BACKGROUND, replace=False)
        background = rows_of(background, np.sort(chosen))
    work = Work(fitted_model, background, rows, tuple(names), "X_test", kind)
    explanation = _on_the_cluster(work) if _has_cluster() else in_this_process(work)
    if best_run is not None:
        from engine.explain.files import save_explanation

        save_explanation(best_run.store, best_run.id, explanation)
    return explanation.as_six()


def _has_cluster() -> bool:
    import ray

    return bool(ray.is_initialized())


def _on_the_cluster(work: Any) -> Any:
    from engine.driver.explain_actors import explain_with_actors

    return explain_with_actors(work, "explainer")


def _matrix(X: Any, name: str) -> Any:
    if hasattr(X, "to_pandas") and not isinstance(X, pd.DataFrame):
        X = X.to_pandas()
    if sparse.issparse(X):
        return sparse.csr_matrix(X)
    if not isinstance(X, pd.DataFrame):
        X = np.asarray(X)
    if X.ndim != 2 or 0 in X.shape:
        raise ConfigException([f"{name} has the shape {X.shape}; expected (n_rows, n_columns)"])
    return X
