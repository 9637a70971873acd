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

from engine.config.settings import Settings
from engine.data.dataset import Dataset, Layout
from engine.data.splits import SplitPlan, make_splits
from engine.deadline import Deadline
from engine.driver.node_data import node_features
from engine.driver.resources import concurrency, node_resources, trial_cores, trial_resources
from engine.ensembles.second_level import Fitting, SecondLevel, fit_second_level

logger = logging.getLogger("raysmith.driver")

#: Seconds of a second level beside its fits: for the stack's weights and its row, and on a cluster
#: for a process of its own.
_AROUND = 3.0
_ITS_PROCESS = 3.0
_LEAST_SECONDS = 1.0


class SecondLevelJob:
    """Begins to fit a second level where the data is.

    Parameters
    ----------
    run_id:
        The run.
    settings:
        Its settings.
    reference:
        In a list, the run's data in Ray's object store.
    until:
        When the run's time is over.
    """

    def __init__(
        self, run_id: str, settings: Settings, reference: list[Any], until: Deadline
    ) -> None:
        self._run_id = run_id
        self._settings = settings
        self._reference = reference[0]
        self._until = until

    def begin(self, outputs: list[NDArray[np.float64]], inputs: list[list[int]]) -> Fitting | None:
        """Begin to fit; return ``None`` when there is no time for it.

        Parameters
        ----------
        outputs, inputs:
            Out-of-fold predictions, and which of them are seen; see `fit_second_level`.
        """
        settings = self._settings
        nodes = [int(node.get("CPU", 0)) for node in node_resources()]
        is_here = not settings.is_remote and len(nodes) == 1
        seconds = self._until.left() - _AROUND - (0.0 if is_here else _ITS_PROCESS)
        if seconds < _LEAST_SECONDS:
            return None
        cores = trial_cores(settings)
        cores *= max(1, min(concurrency(settings, cores), max(nodes) // cores))
        plan = settings.split_plan
        how: dict[str, Any] = {
            "run_id": self._run_id,
            "inputs": inputs,
            "cores": cores,
            "random_state": settings.random_state,
            "class_weight": settings.class_weight,
            "seconds": seconds if self._until.is_set else None,
        }
        until = self._until.at if self._until.is_set else None
        if is_here:
            dataset: Dataset = ray.get(self._reference)
            import_libraries(dataset.layout)
            return FittingHere(lambda stop: fit_on(dataset, plan, outputs, stop=stop, **how), until)
        room = trial_resources(settings, "num_cpus", cores)
        task = ray.remote(fit_on).options(max_retries=0, **room)
        return FittingThere(task.remote(self._reference, plan, outputs, **how), until)


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
