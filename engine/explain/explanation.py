"""`Explanation`: SHAP values of a model's predictions, in the forms that users read."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class ModelExplanation(NamedTuple):
    """Importances of a model's features, and the SHAP values that they are made of.

    Attributes
    ----------
    shap_values:
        (n_rows, n_features) arrays: for classification a list of them over the classes, for
        regression one.
    expected_values:
        A number for each class, or one. With the sum of a row's values it gives the class
        probability, or the prediction, to 1e-3.
    overall_summary:
        Mean absolute SHAP value of each feature, descending.
    overall_imp:
        The features' names in that order.
    per_class_summary, per_class_imp:
        The same for each class; ``None`` for regression.

    Examples
    --------
    >>> explanation = ModelExplanation(np.array([[0.5, -2.0]]), 3.0, [2.0, 0.5], ["size", "age"])
    >>> _, expected, _, names, _, _ = explanation
    >>> expected, names, explanation.overall_imp
    (3.0, ['size', 'age'], ['size', 'age'])
    """

    shap_values: Any
    expected_values: Any
    overall_summary: list[float]
    overall_imp: list[str]
    per_class_summary: list[list[float]] | None = None
    per_class_imp: list[list[str]] | None = None


@dataclass(frozen=True)
class Explanation:
    """SHAP values of a model's predictions.

    ``expected + values.sum(axis=1)`` is the model's output: class probabilities, or values.

    Attributes
    ----------
    values:
        (n_rows, n_features, n_outputs), an output a class; one for regression.
    expected:
        (n_outputs,) the model's mean output over the background rows.
    columns:
        Names of the features.
    classes:
        Labels of the outputs, as texts; ``None`` for regression.
    rows:
        (n_rows,) numbers of the explained rows among the given rows.
    data:
        (n_rows, n_features) the rows' features as numbers, categories as codes, for the plots;
        (n_rows, 0) where they are not kept.
    n_given:
        Number of given rows; more than were explained where the time was over before.
    source:
        Where the rows come from, for the report.

    Examples
    --------
    >>> values = np.array([[[0.5], [-2.0]], [[0.1], [1.0]]])
    >>> explanation = Explanation(
    ...     values, np.array([3.0]), ("age", "size"), None, np.arange(2), values[:, :, 0], 2
    ... )
    >>> (explanation.expected + values.sum(axis=1)).ravel().tolist()
    [1.5, 4.1]
    >>> explanation.overall().tolist()
    [0.3, 1.5]
    >>> explanation.as_six()[3]
    ['size', 'age']
    """

    values: Array
    expected: Array
    columns: tuple[str, ...]
    classes: tuple[str, ...] | None
    rows: NDArray[np.int64]
    data: Array
    n_given: int
    source: str = ""

    def without_data(self) -> Explanation:
        """Return the same explanation without the values of the rows' features.

        Examples
        --------
        >>> values, expected = np.array([[[0.5], [-2.0]]]), np.array([3.0])
        >>> explanation = Explanation(
        ...     values, expected, ("age", "size"), None, np.arange(1), values[:, :, 0], 1
        ... )
        >>> explanation.without_data().data.shape
        (1, 0)
        """
        return replace(self, data=np.empty((len(self.rows), 0)))

    def overall(self) -> Array:
        """Return the (n_features,) mean absolute SHAP value, over the classes too.

        Examples
        --------
        >>> values = np.array([[[0.5], [-2.0]], [[-0.1], [1.0]]])
        >>> expected, data = np.array([3.0]), np.zeros((2, 2))
        >>> Explanation(values, expected, ("age", "size"), None, np.arange(2), data, 2).overall()
        array([0.3, 1.5])
        """
        return np.asarray(np.abs(self.values).mean(axis=(0, 2)))

    def of_class(self, index: int) -> Array:
        """Return the (n_features,) mean absolute SHAP value of one output.

        Examples
        --------
        >>> values = np.array([[[0.5, -0.5], [0.0, 0.0]]])
        >>> expected, data = np.array([0.5, 0.5]), np.array([[30.0, 1.5]])
        >>> columns, classes = ("age", "size"), ("no", "yes")
        >>> explanation = Explanation(values, expected, columns, classes, np.arange(1), data, 1)
        >>> explanation.of_class(1).tolist()
        [0.5, 0.0]
        """
        return np.asarray(np.abs(self.values[:, :, index]).mean(axis=0))

    def as_six(self) -> ModelExplanation:
        """Return the six values that `engine.retrieve_model_explanation` returns.

        Examples
        --------
        >>> values, columns = np.array([[[0.5], [-2.0]]]), ("age", "size")
        >>> expected, data = np.array([3.0]), np.zeros((1, 2))
        >>> explanation = Explanation(values, expected, columns, None, np.arange(1), data, 1)
        >>> explanation.as_six()[1:4]
        (3.0, [2.0, 0.5], ['size', 'age'])
        """
        overall = _ranked(self.overall(), self.columns)
        if self.classes is None:
            return ModelExplanation(self.values[:, :, 0], float(self.expected[0]), *overall)
        each = [_ranked(self.of_class(k), self.columns) for k in range(len(self.classes))]
        return ModelExplanation(
            [self.values[:, :, k] for k in range(len(self.classes))],
            self.expected.tolist(),
            *overall,
            [summary for summary, _ in each],
            [names for _, names in each],
        )

    def summary(self) -> dict[str, Any]:
        """Return importances as plain values, for JSON.

        Examples
        --------
        >>> values = np.array([[[0.5, -0.5], [0.0, 0.0]]])
        >>> expected, data = np.array([0.5, 0.5]), np.array([[30.0, 1.5]])
        >>> columns, classes = ("age", "size"), ("no", "yes")
        >>> explanation = Explanation(values, expected, columns, classes, np.arange(1), data, 1)
        >>> explanation.summary()["per_class_imp"]
        [['age', 'size'], ['age', 'size']]
        """
        _, expected, overall_summary, overall_imp, per_class_summary, per_class_imp = self.as_six()
        return {
            "source": self.source,
            "rows_given": self.n_given,
            "rows_explained": len(self.rows),
            "classes": self.classes,
            "expected_values": expected,
            "overall_summary": overall_summary,
            "overall_imp": overall_imp,
            "per_class_summary": per_class_summary,
            "per_class_imp": per_class_imp,
        }

    def to_bytes(self) -> bytes:
        """Write an ``.npz`` file without pickles.

        Examples
        --------
        >>> values = np.array([[[0.5, -0.5], [0.0, 0.0]]])
        >>> expected, data = np.array([0.5, 0.5]), np.array([[30.0, 1.5]])
        >>> columns, classes = ("age", "size"), ("no", "yes")
        >>> explanation = Explanation(values, expected, columns, classes, np.arange(1), data, 1)
        >>> Explanation.from_bytes(explanation.to_bytes()).classes
        ('no', 'yes')
        """
        file = io.BytesIO()
        texts = {
            "columns": list(self.columns),
            "classes": self.classes,
            "n_given": self.n_given,
            "source": self.source,
        }
        np.savez_compressed(
            file,
            values=self.values,
            expected=self.expected,
            rows=self.rows,
            data=self.data,
            texts=np.array(json.dumps(texts)),
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Explanation:
        """Read what `to_bytes` has written."""
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            texts = json.loads(str(file["texts"]))
            classes = texts["classes"]
            return cls(
                file["values"],
                file["expected"],
                tuple(texts["columns"]),
                None if classes is None else tuple(classes),
                file["rows"],
                file["data"],
                texts["n_given"],
                texts["source"],
            )


def _ranked(importance: Array, columns: tuple[str, ...]) -> tuple[list[float], list[str]]:
    order = np.argsort(-importance, kind="stable")
    return importance[order].tolist(), [columns[index] for index in order]
