"""Errors of models and scripts: told with an id, logged without the rows that caused them."""

from __future__ import annotations

import logging
import sys
import traceback
import uuid

from engine.serving.problems import RequestProblem

_log = logging.getLogger("ray.serve")
_FRAMES = 8


def failure(who: str) -> RequestProblem:
    """Log the error that is handled now; return what the client is told.

    The message of an error may quote values of the rows, so only its kind and place are logged.

    Parameters
    ----------
    who:
        Who failed: ``the model`` or ``the script``.
    """
    number = uuid.uuid4().hex[:12]
    kind, _, trace = sys.exc_info()
    places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
    where = " < ".join(reversed(places[-_FRAMES:]))
    _log.error("prediction %s failed: %s at %s", number, kind.__name__ if kind else "?", where)
    return RequestProblem(
        500, f"{who} failed; the endpoint's log has the place under the id {number}"
    )
