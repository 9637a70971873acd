"""Requests that are refused: a status, a reason, and where known a column."""

from __future__ import annotations

from collections.abc import Mapping


class RequestProblem(Exception):
    """Why a request is refused.

    Parameters
    ----------
    status:
        HTTP status.
    reason:
        What was given, and what is allowed.
    column:
        The column that does not fit, where it is one.
    headers:
        Further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        column: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.column = column
        self.headers = dict(headers or {})


def come_again(reason: str) -> RequestProblem:
    """Return the problem of a request that may succeed a second later: status 503.

    >>> come_again("no model is loaded yet").headers
    {'Retry-After': '1'}
    """
    return RequestProblem(503, reason, None, {"Retry-After": "1"})


def does_not_fit(reason: str, column: str | None = None) -> RequestProblem:
    """Return the problem of rows that do not fit the training columns: status 422.

    >>> does_not_fit("column 'age': it is missing", "age").status
    422
    """
    return RequestProblem(422, reason, column)
