"""Functions that users call for explanations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.dataset import Matrix, is_sparse, rows_of
from engine.data.matrix import in_pandas
from engine.errors import ConfigException
from engine.explain.explanation import Explanation, ModelExplanation
from engine.explain.files import load_explanation, save_explanation
from engine.explain.pieces import Work
from engine.pipelines.protocols import Predictor

if TYPE_CHECKING:
    from engine.client.iteration import IterationRun
    from engine.client.run import AutoMLRun

#: Training rows that rows are compared with.
_BACKGROUND = 100


def retrieve_model_explanation(best_run: IterationRun | AutoMLRun) -> ModelExplanation:
    """Read the explanation that was kept with an iteration.

    Parameters
    ----------
    best_run:
        An iteration, as ``run.get_output()`` gives it first; a run stands for its best iteration.

    Returns
    -------
    ModelExplanation
        A named tuple ``(shap_values, expected_values, overall_summary, overall_imp,
        per_class_summary, per_class_imp)``.

        - ``shap_values``: arrays of (n_rows, n_features), for classification a list of them over
          the classes, for regression one.
        - ``expected_values``: a number for each class, or one. With the sum of a row's values it
          gives the class probability, or the prediction, to 1e-3.
        - ``overall_summary``: mean absolute SHAP value of each feature, descending.
        - ``overall_imp``: the features' names in that order.
        - ``per_class_summary``, ``per_class_imp``: the same for each class; ``None`` for
          regression.

    Raises
    ------
    RunException
        When the iteration has not been explained.
    """
    if hasattr(best_run, "get_output"):
        best_run = best_run.get_output()[0]
    return load_explanation(best_run.store, best_run.run_id).as_six()


def explain_model(
    fitted_model: Predictor,
    X_train: Matrix,
    X_test: Matrix,
    best_run: IterationRun | None = None,
    features: str | Sequence[str] | None = None,
    y_train: object = None,
) -> ModelExplanation:
    """Compute the SHAP values of any model, on the cluster where this process is connected to one.

    Parameters
    ----------
    fitted_model:
        A model of a run, or any estimator with ``predict_proba`` or ``predict``.
    X_train:
        Training rows that predictions are compared with; a hundred of them are drawn.
    X_test:
        Rows to explain.
    best_run:
        Keep the explanation with this iteration; default: it is returned only.
    features:
        ``raw`` (default): values for the columns of ``X_test``; ``engineered``: for those that
        the pipeline's first step makes; a list: names for the raw columns.
    y_train:
        Targets of the training rows. Older calls give them; SHAP values do not depend on them.

    Returns
    -------
    ModelExplanation
        As `retrieve_model_explanation`.

    Raises
    ------
    ConfigException
        For input that is not two-dimensional, or names that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> model = LinearRegression().fit(X, X @ [3.0, 0.0])
    >>> explain_model(model, X, X[:5], features=["used", "ignored"])[3]
    ['used', 'ignored']
    """
    explanation = explanation_of(fitted_model, X_train, X_test, features)
    if best_run is not None:
        save_explanation(best_run.store, best_run.run_id, explanation)
    return explanation.as_six()


def explanation_of(
    fitted_model: Predictor,
    X_train: Matrix,
    X_test: Matrix,
    features: str | Sequence[str] | None = None,
) -> Explanation:
    """Compute the SHAP values of any model, in the form that `engine.explain` keeps.

    Parameters
    ----------
    fitted_model, X_train, X_test, features:
        As in `explain_model`.

    Raises
    ------
    ConfigException
        For input that is not two-dimensional, or names that do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> model = LinearRegression().fit(X, X @ [3.0, 0.0])
    >>> explanation_of(model, X, X[:5]).columns
    ('column_0', 'column_1')
    """
    from engine.driver.explain_actors import explain_rows

    return explain_rows(work_of(fitted_model, X_train, X_test, features))


def work_of(
    fitted_model: Predictor,
    X_train: Matrix,
    X_test: Matrix,
    features: str | Sequence[str] | None = None,
) -> Work:
    """Return the checked input of an explanation; a hundred of the training rows are drawn.

    Parameters
    ----------
    fitted_model, X_train, X_test, features:
        As in `explain_model`.

    Raises
    ------
    ConfigException
        For input that is not two-dimensional, or names that do not fit.
    """
    background, rows = _matrix(X_train, "X_train"), _matrix(X_test, "X_test")
    if background.shape[1] != rows.shape[1]:
        raise ConfigException(
            [f"X_test has {rows.shape[1]} columns, X_train has {background.shape[1]}"]
        )
    kind = _kind(features, fitted_model)
    names = _names(features, rows)
    return Work(fitted_model, drawn(background), rows, names, "X_test", kind)


def _kind(features: str | Sequence[str] | None, model: object) -> str:
    """Return ``raw`` or ``engineered``."""
    kind = features if isinstance(features, str) else "raw"
    if kind not in ("raw", "engineered"):
        raise ConfigException(
            [f"features={features!r}: allowed is 'raw', 'engineered' or a list of names"]
        )
    if kind == "engineered" and not hasattr(model, "named_steps"):
        raise ConfigException(["features='engineered': the model is no pipeline"])
    return kind


def _names(features: str | Sequence[str] | None, rows: Matrix) -> tuple[str, ...]:
    """Return the names of the raw columns."""
    if features is not None and not isinstance(features, str):
        names = tuple(str(name) for name in features)
        if len(names) != rows.shape[1]:
            raise ConfigException(
                [f"features has {len(names)} names, X_test has {rows.shape[1]} columns"]
            )
        return names
    if isinstance(rows, pd.DataFrame):
        return tuple(str(name) for name in rows.columns)
    return tuple(f"column_{index}" for index in range(rows.shape[1]))


def drawn(background: Matrix) -> Matrix:
    """Draw a hundred rows, always the same ones."""
    if background.shape[0] <= _BACKGROUND:
        return background
    chosen = np.random.default_rng(0).choice(background.shape[0], _BACKGROUND, replace=False)
    return rows_of(background, np.sort(chosen))


def _matrix(X: Matrix, name: str) -> Matrix:
    """Return a table, array or CSR matrix of rows and columns."""
    X = in_pandas(X)
    if is_sparse(X):
        return sparse.csr_matrix(X)
    if not isinstance(X, pd.DataFrame):
        X = np.asarray(X)
    if X.ndim != 2 or 0 in X.shape:
        raise ConfigException([f"{name} has the shape {X.shape}; expected (n_rows, n_columns)"])
    return X
