"""Explainers of a scoring script: they explain the rows of a request, in its own process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib

from engine.azureml.interpret.explanation import GlobalExplanation
from engine.azureml.interpret.mimic_wrapper import MimicWrapper
from engine.errors import ConfigException

_FILE = "scoring_explainer.pkl"


class ScoringExplainer:
    """Explains rows as an explainer does, and can be pickled for a service.

    It holds the model and the training rows that predictions are compared with. Nothing else of
    the explainer comes along, no workspace and no run.

    Parameters
    ----------
    original_explainer : MimicWrapper
        What explains the model, or its attribute ``explainer``.
    feature_maps : list of array
        The first is (n_raw, n_features); default: that of the explainer.
    raw_features, engineered_features : list of str
        Names of the columns, which are kept as attributes.

    Raises
    ------
    ConfigException
        When it is another kind of explainer.
    """

    def __init__(
        self,
        original_explainer: Any,
        feature_maps: Sequence[Any] | None = None,
        raw_features: Sequence[str] | None = None,
        engineered_features: Sequence[str] | None = None,
        **ignored: object,
    ) -> None:
        if not isinstance(original_explainer, MimicWrapper):
            raise ConfigException(
                [
                    f"original_explainer={original_explainer!r}: expected a MimicWrapper, or its "
                    "attribute explainer"
                ]
            )
        self._explainer = original_explainer.alone(feature_maps)
        self.features = engineered_features
        self.raw_features = raw_features

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def explain(
        self, evaluation_examples: Any, get_raw: bool | None = None, **ignored: object
    ) -> list[Any]:
        """Return the SHAP values of rows.

        Parameters
        ----------
        evaluation_examples:
            Rows as the model takes them.
        get_raw:
            Add up the values of the columns that are made of the same raw column.

        Returns
        -------
        list
            (n_rows, n_features) as lists; for classification a list of them, one for each class.

        Raises
        ------
        ConfigException
            With ``get_raw`` when there are no ``feature_maps``.
        """
        found = self._explainer.explain_here(evaluation_examples, bool(get_raw))
        values: list[Any] = GlobalExplanation(found, bool(get_raw)).local_importance_values
        return values


class TreeScoringExplainer(ScoringExplainer):
    """Explains rows of a scoring script; the kind of model is found out."""


class KernelScoringExplainer(ScoringExplainer):
    """Explains rows of a scoring script; the kind of model is found out."""


class LinearScoringExplainer(ScoringExplainer):
    """Explains rows of a scoring script; the kind of model is found out."""


class DeepScoringExplainer(ScoringExplainer):
    """Explains rows of a scoring script; the kind of model is found out."""


def save(
    scoring_explainer: ScoringExplainer, directory: str = ".", exist_ok: bool = False
) -> list[str]:
    """Pickle an explainer as ``scoring_explainer.pkl`` in a folder; return the file's path.

    Raises
    ------
    ConfigException
        When the file is there already and ``exist_ok`` is not set.
    """
    path = Path(directory, _FILE)
    if path.exists() and not exist_ok:
        raise ConfigException([f"{path} is there already; give exist_ok=True"])
    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(scoring_explainer, path)
    return [str(path)]


def load(directory: str) -> ScoringExplainer:
    """Read the explainer that `save` has written to a folder.

    Raises
    ------
    FileNotFoundError
        When there is none.
    """
    found: ScoringExplainer = joblib.load(Path(directory, _FILE))
    return found
