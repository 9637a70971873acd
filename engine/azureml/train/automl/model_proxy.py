"""`ModelProxy`: the predictions of an iteration's model, as tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from engine.azureml.data.tabular_dataset import TabularDataset
from engine.azureml.interpret.explanation_client import iteration_of
from engine.errors import ConfigException
from engine.store.mlflow_model import load_model


class ModelProxy:
    """The fitted pipeline of an iteration. It predicts in this process.

    Parameters
    ----------
    child_run : Run
        An iteration; a run stands for its best one.
    compute_target, **ignored : object
        Without a meaning here.

    Raises
    ------
    ConfigException
        When it is neither.
    RunException
        When the iteration has no model.
    """

    def __init__(self, child_run: Any, compute_target: object = None, **ignored: object) -> None:
        found = iteration_of(child_run)
        if not hasattr(found, "iteration") or not hasattr(found, "store"):
            raise ConfigException([f"child_run={child_run!r}: expected an iteration of a run"])
        self._model = load_model(found.store, found.run_id)

    def predict(self, values: Any) -> TabularDataset:
        """Return the predictions as a table with the column ``predictions``.

        Parameters
        ----------
        values:
            (n_rows, n_columns) raw columns: a pandas DataFrame, an array, or a `TabularDataset`.
        """
        predictions = self._model.predict(_rows(values))
        return TabularDataset.of(pd.DataFrame({"predictions": predictions}))

    def predict_proba(self, values: Any) -> TabularDataset:
        """Return the probabilities as a table with a column a class; as `predict` otherwise.

        Raises
        ------
        ConfigException
            For a regression.
        """
        if not hasattr(self._model, "predict_proba"):
            raise ConfigException(["predict_proba: the model is a regression; use predict"])
        labels = [str(label) for label in self._model.classes_]
        return TabularDataset.of(
            pd.DataFrame(self._model.predict_proba(_rows(values)), columns=labels)
        )


def _rows(values: Any) -> Any:
    return values.to_pandas_dataframe() if hasattr(values, "to_pandas_dataframe") else values
