"""A description of a dataset's columns and target for the report."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.dataset import Dataset

_MOST_COLUMNS = 500


_COUNTED_ROWS = 50_000


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Rows, columns, and of each column its kind, missing share and number of different values.

    The values are those of the first rows where there are very many.
    """
    purposes = {} if dataset.layout is None else {c.name: c for c in dataset.layout.columns}
    columns = []
    for index, name in enumerate(dataset.feature_names[:_MOST_COLUMNS]):
        if sparse.issparse(dataset.X):
            values = pd.Series(dataset.X[:, [index]].toarray().ravel())
        elif isinstance(dataset.X, pd.DataFrame):
            values = dataset.X.iloc[:, index]
        else:
            values = pd.Series(dataset.X[:, index])
        column = purposes.get(name)
        columns.append(
            {
                "name": name,
                "type": "Numeric" if column is None else column.purpose,
                "missing": round(float(values.isna().mean()), 4),
                "unique": int(values.iloc[:_COUNTED_ROWS].nunique()),
            }
        )
    target: dict[str, Any] = {}
    if dataset.classes is not None:
        found, counts = np.unique(dataset.y, return_counts=True)
        pairs = zip(found.tolist(), counts.tolist(), strict=True)
        target = {str(label): count for label, count in list(pairs)[:_MOST_COLUMNS]}
    return {
        "n_rows": dataset.n_rows,
        "n_columns": int(dataset.X.shape[1]),
        "columns": columns,
        "class_counts": target,
        "n_validation_rows": 0 if dataset.y_valid is None else len(dataset.y_valid),
    }
