"""`MimicWrapper`: explanations of a model for rows of the user's choice."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from engine.azureml.interpret.explanation import GlobalExplanation
from engine.azureml.interpret.explanation_client import ExplanationClient
from engine.client.explanations import drawn, explanation_of, work_of
from engine.errors import ConfigException
from engine.explain.explanation import Explanation
from engine.explain.pieces import as_numbers, in_this_process


class MimicWrapper:
    """Explains a model. Its own SHAP values are computed: no surrogate model takes its place.

    Parameters
    ----------
    workspace : Workspace
        Without a meaning here.
    model : object
        A fitted estimator or pipeline.
    explainable_model : object
        Without a meaning here: class of a surrogate model.
    explainer_kwargs : dict
        Without a meaning here.
    init_dataset : table
        Rows that predictions are compared with, as the model takes them.
    run : Run
        Keep explanations with this run's best iteration, or this iteration.
    features : list of str
        Names of the model's columns.
    classes : list
        Labels of the classes, in the order of the probabilities.
    model_task, explain_subset, transformations, allow_all_transformations : object
        Without a meaning here.
    feature_maps : list of array
        The first is (n_raw, n_features): which raw column each of the model's columns is made of.
    """

    def __init__(
        self,
        workspace: Any,
        model: Any,
        explainable_model: object = None,
        explainer_kwargs: object = None,
        init_dataset: Any = None,
        run: Any = None,
        features: Sequence[str] | None = None,
        classes: Sequence[Any] | None = None,
        model_task: object = None,
        explain_subset: object = None,
        transformations: object = None,
        feature_maps: Sequence[Any] | None = None,
        allow_all_transformations: object = None,
        **ignored: object,
    ) -> None:
        if init_dataset is None:
            raise ConfigException(["init_dataset: give training rows to compare with"])
        self._model = model
        self._background = init_dataset
        self._run = run
        self._features = None if features is None else [str(name) for name in features]
        self._classes = None if classes is None else tuple(str(label) for label in classes)
        self._map = None if not feature_maps else _dense(feature_maps[0])

    @property
    def explainer(self) -> MimicWrapper:
        """The object itself: it holds the model and the rows that are compared with."""
        return self

    def explain(
        self,
        explanation_types: Sequence[str] = ("local", "global"),
        eval_dataset: Any = None,
        top_k: int | None = None,
        upload: bool = True,
        upload_datasets: bool = False,
        tag: str = "",
        get_raw: bool = False,
        raw_feature_names: Sequence[str] | None = None,
        experiment_name: str = "",
        raw_eval_dataset: Any = None,
        true_ys: Any = None,
        **ignored: object,
    ) -> GlobalExplanation:
        """Explain rows.

        Parameters
        ----------
        explanation_types:
            Without a meaning here: an explanation holds both.
        eval_dataset:
            Rows to explain, as the model takes them; default: those of ``init_dataset``.
        top_k:
            How many of the most important features are shown; default: all.
        upload:
            Keep the explanation with the run, if there is one.
        upload_datasets, experiment_name, true_ys:
            Without a meaning here.
        tag:
            The user's words for it.
        get_raw:
            Add up the values of the columns that are made of the same raw column.
        raw_feature_names:
            Names of the raw columns.
        raw_eval_dataset:
            The rows before their transformation.

        Raises
        ------
        ConfigException
            With ``get_raw`` when there are no ``feature_maps``, or names do not fit.
        """
        rows = self._background if eval_dataset is None else eval_dataset
        found = self._named(explanation_of(self._model, self._background, rows, self._features))
        if get_raw:
            found = self._folded(found, raw_feature_names, raw_eval_dataset)
        explanation = GlobalExplanation(found, get_raw, tag, top_k)
        if upload and self._run is not None:
            ExplanationClient.from_run(self._run).upload_model_explanation(explanation)
        return explanation

    def alone(self, feature_maps: Sequence[Any] | None = None) -> MimicWrapper:
        """Return the same explainer without its run, with few rows to compare with."""
        new = copy.copy(self)
        new._run, new._background = None, drawn(self._background)
        if feature_maps:
            new._map = _dense(feature_maps[0])
        return new

    def explain_here(self, rows: Any, get_raw: bool = False) -> Explanation:
        """Explain rows in this process, without Ray; see `explain`."""
        work = work_of(self._model, self._background, rows, self._features)
        found = self._named(in_this_process(work))
        return self._folded(found, None, None) if get_raw else found

    def _named(self, found: Explanation) -> Explanation:
        """Name the classes, where the names fit."""
        if self._classes is not None and len(self._classes) == found.values.shape[2]:
            return replace(found, classes=self._classes)
        return found

    def _folded(self, found: Explanation, names: Sequence[str] | None, rows: Any) -> Explanation:
        """Add up the values of columns that are made of the same raw column."""
        if self._map is None:
            raise ConfigException(["get_raw: MimicWrapper needs feature_maps for raw columns"])
        values = np.einsum("nfk,rf->nrk", found.values, self._map)
        columns = (
            tuple(f"column_{n}" for n in range(values.shape[1]))
            if names is None
            else tuple(str(name) for name in names)
        )
        if len(columns) != values.shape[1]:
            raise ConfigException(
                [f"raw_feature_names has {len(columns)} names for {values.shape[1]} raw columns"]
            )
        if hasattr(rows, "to_pandas_dataframe"):
            rows = rows.to_pandas_dataframe()
        data = np.full(values.shape[:2], np.nan)
        if rows is not None and tuple(rows.shape) == (found.n_given, values.shape[1]):
            data = as_numbers(rows)[found.rows]
        return replace(found, values=values, columns=columns, data=data)


def _dense(matrix: Any) -> Any:
    """Return (n_raw, n_features) as numbers."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, dtype=np.float64)
