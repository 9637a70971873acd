"""`GlobalExplanation`: an explanation with the methods that SDK v1 had."""

from __future__ import annotations

from typing import Any

from engine.explain.explanation import Explanation


class GlobalExplanation:
    """Importances of features, over all rows and for each row.

    Parameters
    ----------
    explanation : Explanation
        What was computed.
    is_raw : bool
        Whether the features are the raw columns.
    tag : str
        The user's words for it.
    top_k : int, optional
        How many of the most important features are shown; default: all.

    Attributes
    ----------
    explanation : Explanation
        What was computed.
    is_raw : bool
        Whether the features are the raw columns.
    comment : str
        The user's words for it.
    """

    def __init__(
        self, explanation: Explanation, is_raw: bool, tag: str = "", top_k: int | None = None
    ) -> None:
        self.explanation = explanation
        self.is_raw = is_raw
        self.comment = tag
        self._six = explanation.as_six()
        self._top_k = top_k

    def __repr__(self) -> str:
        kind = "raw" if self.is_raw else "engineered"
        return f"GlobalExplanation({len(self.features)} {kind} features)"

    def get_feature_importance_dict(self, top_k: int | None = None) -> dict[str, float]:
        """Return feature -> mean absolute SHAP value, descending."""
        pairs = zip(self._six.overall_imp, self._six.overall_summary, strict=True)
        return dict(list(pairs)[: top_k or self._top_k])

    def get_ranked_global_names(self, top_k: int | None = None) -> list[str]:
        """Return the features' names, most important first."""
        return self._six.overall_imp[: top_k or self._top_k]

    def get_ranked_global_values(self, top_k: int | None = None) -> list[float]:
        """Return the features' importances in that order."""
        return self._six.overall_summary[: top_k or self._top_k]

    def get_ranked_per_class_names(self, top_k: int | None = None) -> list[list[str]]:
        """Return for each class the features' names, most important first."""
        return [names[: top_k or self._top_k] for names in self._six.per_class_imp or []]

    def get_ranked_per_class_values(self, top_k: int | None = None) -> list[list[float]]:
        """Return for each class the importances in that order."""
        return [values[: top_k or self._top_k] for values in self._six.per_class_summary or []]

    @property
    def global_importance_values(self) -> list[float]:
        """Importance of each feature, in the order of `features`."""
        return [float(value) for value in self.explanation.overall()]

    @property
    def local_importance_values(self) -> Any:
        """SHAP values: (n_rows, n_features) as lists, for classification a list over the classes.

        The rows are those of `rows`.
        """
        values = self._six.shap_values
        return [v.tolist() for v in values] if isinstance(values, list) else values.tolist()

    @property
    def rows(self) -> list[int]:
        """Numbers of the explained rows."""
        return [int(row) for row in self.explanation.rows]

    @property
    def expected_values(self) -> Any:
        """Expected output of each class, or one number."""
        return self._six.expected_values

    @property
    def features(self) -> list[str]:
        """Names of the features."""
        return [*self.explanation.columns]

    @property
    def classes(self) -> list[str] | None:
        """Labels of the classes; ``None`` for regression."""
        return None if self.explanation.classes is None else [*self.explanation.classes]

    @property
    def num_features(self) -> int:
        """Number of features."""
        return len(self.explanation.columns)
