"""Requests to an endpoint: rows as a body, and the reason of a refusal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from engine.errors import DataException


def body_of(table: object) -> dict[str, Any]:
    """Return rows in a form of MLflow's scoring protocol."""
    if hasattr(table, "to_pandas") and not isinstance(table, pd.DataFrame):
        table = table.to_pandas()
    if isinstance(table, pd.DataFrame):
        split = json.loads(table.to_json(orient="split", date_format="iso", index=False))
        return {"dataframe_split": {"columns": split["columns"], "data": split["data"]}}
    if isinstance(table, list) and all(isinstance(row, Mapping) for row in table):
        return {"dataframe_records": [dict(row) for row in table]}
    array = np.asarray(table, dtype=object)
    if array.ndim != 2:
        raise DataException(f"the rows have the shape {array.shape}; expected (n_rows, n_columns)")
    frame = pd.DataFrame(array.tolist()).astype(object)
    return {"instances": frame.where(frame.notna(), None).to_numpy().tolist()}


def reason_of(answer: Any) -> str:
    """Return why a request was refused."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        return str(answer.json()["error"])
    return str(answer.text[:500])


def is_of_a_lost_replica(answer: Any) -> bool:
    """Whether Ray Serve answered in place of a replica that ended with the request.

    The endpoint itself says in JSON why it has failed.
    """
    kind = answer.headers.get("Content-Type", "")
    return answer.status_code == 500 and not kind.startswith("application/json")
