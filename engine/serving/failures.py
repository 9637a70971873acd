"""Errors of models and scripts: told with an id, logged without the rows that caused them."""

from __future__ import annotations

import logging
import sys
import traceback
import uuid

from engine.serving.problems import RequestProblem

_log = logging.getLogger("ray.serve")
_FRAMES, _FEW_FRAMES = 8, 3


def reason_of(error: BaseException) -> str:
    """Return kind, text and place of an error, for whoever deploys what has raised it.

    >>> reason_of(ValueError("no weights"))
    'ValueError: no weights'
    """
    told = "; ".join(filter(None, (str(error).strip(), _where(error, _FEW_FRAMES))))
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def failure(who: str) -> RequestProblem:
    """Log the error that is handled now; return what the client is told.

    The message of an error may quote values of the rows, so only its kind and place are logged.

    Parameters
    ----------
    who:
        Who failed: ``the model`` or ``the script``.
    """
    number = uuid.uuid4().hex[:12]
    error = sys.exc_info()[1]
    where = "" if error is None else _where(error)
    _log.error("prediction %s failed: %s %s", number, type(error).__name__, where)
    return RequestProblem(
        500, f"{who} failed; the endpoint's log has the place under the id {number}"
    )


def _where(error: BaseException, most: int = _FRAMES) -> str:
    """Return the frames that an error came through, innermost first; empty for none."""
    found = traceback.extract_tb(error.__traceback__)
    places = [f"{f.filename}:{f.lineno} {f.name}" for f in found]
    return "at " + " < ".join(reversed(places[-most:])) if places else ""
