"""A second level while it is being fitted: in this process, or on the cluster."""

from __future__ import annotations

import importlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Layout
from engine.data.splits import SplitPlan, make_splits
from engine.driver.node_data import node_features
from engine.ensembles.second_level import SecondLevel, fit_second_level

logger = logging.getLogger("raysmith.driver")


def fit_on(
    dataset: Dataset,
    plan: SplitPlan,
    outputs: Sequence[NDArray[np.float64]],
    run_id: str | None = None,
    **how: Any,
) -> SecondLevel:
    """`fit_second_level` on the folds of ``plan``, with the features that trials of a run kept."""
    kept = None if run_id is None else node_features(run_id)
    return fit_second_level(dataset, make_splits(dataset, plan), outputs, kept=kept, **how)


def import_libraries(layout: Layout | None) -> None:
    """Import what `fit_on` and models that are loaded meanwhile need.

    Of two threads that import a package at once, one by a module inside it as pickles do, one may
    find half of it.
    """
    importlib.import_module("lightgbm")
    if layout is not None and any(c.purpose in ("DateTime", "Text") for c in layout.columns):
        importlib.import_module("skrub")


class FittingHere:
    """In a thread of this process, which is where the data is when Ray is embedded.

    Another process would be up only when half of the time for it is over.

    Parameters
    ----------
    fit:
        What is done; given what tells it to give up.
    until:
        When it is given up, in seconds since the epoch; ``None`` for no limit.
    """

    def __init__(
        self, fit: Callable[[Callable[[], bool]], SecondLevel], until: float | None
    ) -> None:
        self._fit = fit
        self._until = until
        self._cancelled = threading.Event()
        self._fitted: SecondLevel | None = None
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="raysmith-second-level", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._fitted = self._fit(self._cancelled.is_set)
        except Exception as error:
            self._error = error

    def result(self) -> SecondLevel | None:
        """Wait for it; ``None`` when it failed or was not ready in time."""
        self._thread.join(_left(self._until))
        if self._thread.is_alive():
            logger.warning("the second level was not ready in time")
            self.cancel()
        elif self._error is not None:
            logger.warning("no second level", exc_info=self._error)
        return self._fitted

    def cancel(self) -> None:
        """Have it end before its next fit: it would take cores from what is done meanwhile."""
        self._cancelled.set()


class FittingThere:
    """As a Ray task.

    Parameters
    ----------
    future:
        The task's result.
    until:
        When it is given up, in seconds since the epoch; ``None`` for no limit.
    """

    def __init__(self, future: Any, until: float | None) -> None:
        self._future = future
        self._until = until

    def result(self) -> SecondLevel | None:
        """Wait for it; ``None`` when it failed or was not ready in time."""
        if not ray.wait([self._future], timeout=_left(self._until))[0]:
            logger.warning("the second level was not ready in time")
            self.cancel()
            return None
        try:
            fitted: SecondLevel = ray.get(self._future)
        except ray.exceptions.RayError as error:
            logger.warning("no second level", exc_info=error)
            return None
        return fitted

    def cancel(self) -> None:
        """End it."""
        ray.cancel(self._future, force=True)


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.time())
