"""What an explanation of a fitted pipeline needs: `automl_setup_model_explanations`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.azureml.interpret.mimic.models.lightgbm_model import LGBMExplainableModel
from engine.errors import ConfigException

Array = NDArray[Any]


class AutoMLExplainerSetupClass:
    """A pipeline taken apart: its estimator, and rows as the estimator sees them.

    Attributes
    ----------
    automl_pipeline:
        The fitted pipeline, which takes the raw columns.
    automl_estimator:
        Its steps after the featurization.
    X_transform, X_test_transform:
        Training and test rows after the featurization; ``None`` where no rows were given.
    X_test_raw:
        The test rows.
    engineered_feature_names, raw_feature_names:
        Names of the columns after and before the featurization.
    feature_map:
        (n_raw, n_engineered), 1 where an engineered column is made of a raw one.
    classes:
        Labels of the classes; ``None`` for regression.
    y_pred, y_test_pred:
        Predictions for training and test rows.
    automl_run:
        The run that was given.
    surrogate_model, surrogate_model_params:
        For `MimicWrapper`, which needs none.
    """

    surrogate_model = LGBMExplainableModel
    surrogate_model_params: dict[str, Any]

    def __init__(
        self, pipeline: Any, X: Any, X_test: Any, y: Any, automl_run: Any, is_classifier: bool
    ) -> None:
        first = pipeline[0]
        rows = [None if table is None else first.transform(table) for table in (X, X_test)]
        self.automl_pipeline = pipeline
        self.automl_estimator = pipeline[1:]
        self.X_transform, self.X_test_transform = rows
        self.X_test_raw = X_test
        self.raw_feature_names = _raw_names(first, X, X_test)
        self.engineered_feature_names, sources = _engineered(first, rows, self.raw_feature_names)
        self.feature_map = _feature_map(self.raw_feature_names, sources)
        self.classes: list[Any] | None = None
        if is_classifier:
            found = getattr(pipeline, "classes_", None)
            self.classes = np.unique(y).tolist() if found is None else list(found)
        self.y_pred = None if X is None else pipeline.predict(X)
        self.y_test_pred = None if X_test is None else pipeline.predict(X_test)
        self.automl_run = automl_run
        self.surrogate_model_params = {}


def automl_setup_model_explanations(
    fitted_model: Any,
    task: str,
    X: Any = None,
    X_test: Any = None,
    y: Any = None,
    y_test: object = None,
    features: Sequence[str] | None = None,
    automl_run: Any = None,
    **ignored: object,
) -> AutoMLExplainerSetupClass:
    """Take a fitted pipeline apart for `MimicWrapper`.

    Parameters
    ----------
    fitted_model:
        A pipeline, as ``run.get_output()`` returns it.
    task:
        ``classification`` or ``regression``.
    X, X_test:
        Training rows, and rows to explain, with the raw columns.
    y:
        Targets of the training rows.
    y_test, features:
        Without a meaning here.
    automl_run:
        Kept as an attribute.

    Raises
    ------
    ConfigException
        When there are no rows, or the model is no pipeline.
    """
    if not hasattr(fitted_model, "named_steps") or not hasattr(
        fitted_model[0], "get_engineered_feature_names"
    ):
        raise ConfigException([f"fitted_model={fitted_model!r}: expected a pipeline of a run"])
    if task not in ("classification", "regression"):
        raise ConfigException([f"task={task!r}: allowed is 'classification' or 'regression'"])
    X, X_test = _table(X), _table(X_test)
    if X is None and X_test is None:
        raise ConfigException(["X and X_test: give rows of one of them"])
    return AutoMLExplainerSetupClass(
        fitted_model, X, X_test, _table(y), automl_run, task == "classification"
    )


def _table(rows: Any) -> Any:
    return rows.to_pandas_dataframe() if hasattr(rows, "to_pandas_dataframe") else rows


def _raw_names(first: Any, *tables: Any) -> list[str]:
    names = getattr(first, "feature_names_in_", None)
    if names is None:
        table = next(table for table in tables if table is not None)
        names = (
            table.columns
            if isinstance(table, pd.DataFrame)
            else [f"column_{n}" for n in range(np.shape(table)[1])]
        )
    return [str(name) for name in names]


def _engineered(first: Any, rows: Sequence[Any], raw: list[str]) -> tuple[list[str], list[str]]:
    """Return the names of the columns that the estimator sees, and the raw column of each."""
    width = next(table.shape[1] for table in rows if table is not None)
    names = [str(name) for name in first.get_engineered_feature_names()]
    if len(names) == width and hasattr(first, "get_source_columns"):
        return names, [str(name) for name in first.get_source_columns()]
    # The first step of an ensemble passes the raw columns on to the members.
    return raw, raw


def _feature_map(raw: Sequence[str], sources: Sequence[str]) -> sparse.csr_matrix:
    places = {name: row for row, name in enumerate(raw)}
    rows = [places.get(name, column) for column, name in enumerate(sources)]
    cells = (np.ones(len(sources)), (rows, range(len(sources))))
    return sparse.csr_matrix(cells, shape=(len(raw), len(sources)))
