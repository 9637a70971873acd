"""Estimators and scalers that work with the data and that the user has not ruled out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.data.dataset import DataSummary
from engine.errors import ConfigException
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.scalers import SCALERS


@dataclass(frozen=True)
class Restrictions:
    """The user's wishes that limit which pipelines are tried.

    Attributes
    ----------
    allowed:
        Names of the only estimators to try; ``None`` for all.
    blocked:
        Names of estimators not to try.
    weighted:
        Whether fits get weights although the data has none: an estimator must be able to use them.
    onnx:
        Whether the pipeline must convert to ONNX.

    Examples
    --------
    >>> from engine.data.dataset import DataSummary
    >>> data = DataSummary("regression", 500, 10, False, False, None, "split", "")
    >>> sorted(usable_estimators(data, Restrictions(allowed=["KNN", "SGD"], blocked=["SGD"])))
    ['KNN']
    """

    allowed: Sequence[str] | None = None
    blocked: Sequence[str] = ()
    weighted: bool = False
    onnx: bool = False


def usable_estimators(
    data: DataSummary, restrictions: Restrictions
) -> Mapping[str, EstimatorEntry]:
    """Return the catalogue's entries that may be tried, by name, in the catalogue's order.

    Parameters
    ----------
    data:
        Task, size, and whether X is sparse and rows have weights.
    restrictions:
        The user's wishes.

    Raises
    ------
    ConfigException
        When no estimator is left; the message names the reason for each one.

    Examples
    --------
    >>> data = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "")
    >>> list(usable_estimators(data, Restrictions(allowed=["KNN", "SVM"], blocked=["SVM"])))
    ['KNN']
    """
    entries = estimators_of(data.task).values()
    reasons = {entry.name: _reason_against(entry, data, restrictions) for entry in entries}
    usable = {entry.name: entry for entry in entries if reasons[entry.name] is None}
    if not usable:
        why = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        raise ConfigException([f"no estimator is left to try ({why})"])
    return usable


def usable_scalers(entry: EstimatorEntry, sparse: bool) -> list[str]:
    """Return the scalers that make sense before an estimator and take this kind of X.

    Without one, the list holds `NO_SCALER`.
    """
    return [name for name in entry.scalers if takes(name, sparse)] or [NO_SCALER]


def takes(scaler: str, sparse: bool) -> bool:
    """Whether a scaler takes a sparse X, or a dense one; `NO_SCALER` takes both.

    >>> takes(NO_SCALER, sparse=True)
    True
    """
    if scaler == NO_SCALER:
        return True
    return SCALERS[scaler].handles_sparse if sparse else SCALERS[scaler].handles_dense


def _reason_against(
    entry: EstimatorEntry, data: DataSummary, restrictions: Restrictions
) -> str | None:
    if restrictions.allowed is not None and entry.name not in restrictions.allowed:
        return "not allowed"
    if entry.name in restrictions.blocked:
        return "blocked"
    if restrictions.onnx and not entry.converts_to_onnx:
        return "does not convert to ONNX"
    if not entry.installed:
        return "not installed (pip install 'raysmith[boost]')"
    if data.sparse and not entry.handles_sparse:
        return "cannot use a sparse X"
    if (data.weighted or restrictions.weighted) and not entry.handles_weights:
        return "cannot use weights"
    if entry.max_rows is not None and data.n_rows > entry.max_rows:
        return f"too slow for {data.n_rows} rows"
    return None
