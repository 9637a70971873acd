"""The tracking URI that MLflow's users have set for their process."""

from __future__ import annotations

import os
import sys

#: MLflow's own environment variable; ``mlflow.set_tracking_uri`` sets it too.
MLFLOW_VARIABLE = "MLFLOW_TRACKING_URI"


def uri_set_in_mlflow() -> str | None:
    """Return the tracking URI that MLflow's functions use, when somebody has set one.

    Examples
    --------
    >>> import os
    >>> os.environ["MLFLOW_TRACKING_URI"] = "http://mlflow.example.org"
    >>> uri_set_in_mlflow()
    'http://mlflow.example.org'
    >>> del os.environ["MLFLOW_TRACKING_URI"]
    >>> uri_set_in_mlflow() is None
    True
    """
    # Who has not imported MLflow cannot have called it, and its import takes a second.
    tracking = sys.modules.get("mlflow.tracking")
    if tracking is None:
        return os.environ.get(MLFLOW_VARIABLE) or None
    return tracking.get_tracking_uri() if tracking.is_tracking_uri_set() else None
