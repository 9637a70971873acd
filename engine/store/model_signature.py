"""What a registered model takes and gives: MLflow's signature, and rows as an example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from engine.data.raw_types import RawType
from engine.data.training_summary import ColumnSummary, TrainingSummary

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

_EXAMPLE_ROWS = 3
#: MLflow's types, by the type of the raw column. It takes no floats, and so no missing values,
#: where whole numbers are declared: such a column, and one of any other type, takes all values.
_MLFLOW_TYPES = {
    RawType.FLOAT: "double",
    RawType.BOOLEAN: "boolean",
    RawType.TEXT: "string",
    RawType.DATE: "datetime",
}


@dataclass(frozen=True)
class ModelInterface:
    """The columns that a fitted pipeline takes.

    Attributes
    ----------
    columns:
        The raw columns in their order, with counts where the training data has a summary.
    named:
        Whether the names are the user's. Where they are not, rows are taken by position.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from engine.pipelines.features.numeric_matrix import NumericMatrix
    >>> table = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    >>> model = make_pipeline(NumericMatrix(), LinearRegression()).fit(table, [0, 1])
    >>> interface = ModelInterface.of(model, None)
    >>> [column.name for column in interface.columns], interface.named
    (['a', 'b'], True)
    >>> interface.example().shape
    (3, 2)
    """

    columns: tuple[ColumnSummary, ...]
    named: bool

    @classmethod
    def of(cls, model: Any, summary: TrainingSummary | None) -> ModelInterface | None:
        """Read the columns of a pipeline, and their raw types from the summary of its data.

        Returns
        -------
        ModelInterface or None
            ``None`` when the first step of the pipeline does not describe its columns.
        """
        first = model.steps[0][1]
        if not hasattr(first, "get_featurization_summary"):
            return None
        # SharedFeatures of an ensemble wraps the first step of a member.
        inner = getattr(first, "transformer", first)
        named = bool(getattr(inner, "named", hasattr(inner, "feature_names_in_")))
        known = {} if summary is None else {c.name: c for c in summary.columns}
        columns = []
        for row in first.get_featurization_summary():
            name = str(row["RawFeatureName"])
            purpose = "Ignore" if row["Dropped"] == "Yes" else str(row["TypeDetected"])
            found = known.get(name)
            if found is None:
                found = ColumnSummary(name, purpose)
            elif purpose == "Ignore":
                found = ColumnSummary(name, purpose, found.raw_type)
            columns.append(found)
        return cls(tuple(columns), named)

    def example(self) -> Any:
        """Return three made-up rows, which hold no row of the training data.

        Numbers and dates are quantiles of their column, categories are frequent ones. It is a
        DataFrame where the columns have names, else an array.
        """
        values = {c.name: list(_values(c)) for c in self.columns}
        table = pd.DataFrame(values)
        return table if self.named else table.to_numpy(dtype=np.float64)

    def signature(self, predictions: Any) -> ModelSignature:
        """Return the signature of a model that gives such predictions."""
        from mlflow.models import ModelSignature, infer_signature
        from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec

        if self.named:
            inputs = Schema(
                [
                    ColSpec(
                        _MLFLOW_TYPES.get(c.raw_type) or AnyType(),
                        c.name,
                        required=c.purpose != "Ignore",
                    )
                    for c in self.columns
                ]
            )
        else:
            shape = (-1, len(self.columns))
            inputs = Schema([TensorSpec(np.dtype(np.float64), shape)])
        return ModelSignature(inputs, infer_signature(model_output=predictions).outputs)


def _values(column: ColumnSummary) -> Iterator[Any]:
    """Yield a value of the column's raw type for each example row."""
    for row in range(_EXAMPLE_ROWS):
        if column.edges and column.purpose in ("Numeric", "DateTime"):
            edge = column.edges[(row + 1) * len(column.edges) // (_EXAMPLE_ROWS + 1)]
            edge = edge if column.purpose == "DateTime" else float(f"{edge:.3g}")
        else:
            edge = float(row)
        match column.raw_type:
            case RawType.INTEGER:
                yield round(edge)
            case RawType.BOOLEAN:
                yield bool(row % 2)
            case RawType.DATE:
                yield pd.Timestamp(round(edge), unit="s")
            case _ if column.categories:
                yield column.categories[row % len(column.categories)]
            case _ if column.purpose == "DateTime":
                yield str(pd.Timestamp(round(edge), unit="s"))
            case _ if column.purpose == "Numeric" and column.raw_type is not RawType.TEXT:
                yield edge
            case _:
                yield str(edge) if column.purpose == "Numeric" else "text"
