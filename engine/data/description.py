"""A description of a dataset's columns and target for the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.data.dataset import Dataset, column_of

#: Columns and classes that a report lists.
_MOST_COLUMNS = 500
#: Rows in which different values are counted.
_COUNTED_ROWS = 50_000


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Return numbers of rows and columns, a description of each column, and the class counts.

    A column is described by its type, its share of missing values and its number of different
    values, which are counted in the first 50,000 rows. The values are plain and fit JSON. Only the
    first 500 columns and classes are listed.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> data = check_data({"X": [[1.0], [None], [1.0]], "y": [0, 1, 0]}, "classification")
    >>> describe_data(data)["columns"]
    [{'name': 'column_0', 'type': 'Numeric', 'missing': 0.3333, 'unique': 1}]
    >>> describe_data(data)["class_counts"]
    {'0': 2, '1': 1}
    """
    layout = dataset.layout
    purposes = {} if layout is None else {c.name: c.purpose for c in layout.columns}
    columns = []
    for index, name in enumerate(dataset.feature_names[:_MOST_COLUMNS]):
        values = column_of(dataset.X, index)
        columns.append(
            {
                "name": name,
                "type": purposes.get(name, "Numeric"),
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
