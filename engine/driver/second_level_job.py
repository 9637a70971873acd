"""The fit of a second level: begun in this process, or on a node of the cluster."""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import ray

from engine.config.settings import Settings
from engine.data.dataset import Dataset, Layout
from engine.data.splits import SplitPlan, is_k_fold, make_splits
from engine.deadline import NEVER, Deadline
from engine.driver.node_data import node_features
from engine.driver.resources import concurrency, node_resources, trial_cores, trial_resources
from engine.ensembles.giving_up import Stop, never
from engine.ensembles.meta_features import Array
from engine.ensembles.second_level import (
    Fitting,
    SecondLevel,
    SecondLevelOptions,
    fit_second_level,
)
from engine.evaluation.fit_options import ClassWeight

logger = logging.getLogger("raysmith.driver")

#: Seconds that a second level takes beside its fits: for the stack's weights and its iteration and,
#: on a cluster, for a process of its own.
_AROUND = 3.0
_ITS_PROCESS = 3.0
#: With fewer seconds than this for its fits, none is begun.
_LEAST_SECONDS = 1.0
#: Seconds that a run without a time limit waits for a fit on another node.
_LONGEST_SECONDS = 3600.0


@dataclass(frozen=True)
class SecondLevelFit:
    """One fit of a second level, in a form that travels to another node.

    Attributes
    ----------
    splits:
        How the folds are made.
    outputs, inputs, options:
        As in `engine.ensembles.second_level.fit_second_level`.
    run_id, driver:
        The run, and the token of its driver, whose trials may have kept features on the node;
        ``None``: all are made.
    """

    splits: SplitPlan
    outputs: Sequence[Array]
    inputs: Sequence[Sequence[int]] | None = None
    options: SecondLevelOptions = SecondLevelOptions()
    run_id: str | None = None
    driver: str = ""

    def on(self, dataset: Dataset, stop: Stop = never) -> SecondLevel:
        """Fit on this data.

        Raises
        ------
        GivenUp
            When ``stop`` returned true.
        """
        return fit_second_level(
            dataset,
            make_splits(dataset, self.splits),
            self.outputs,
            self.inputs,
            self.options,
            stop=stop,
            kept=None if self.run_id is None else node_features(self.run_id, self.driver),
        )


class SecondLevelJob:
    """Begins the fit of a run's second level where the data is.

    Parameters
    ----------
    run_id, settings:
        The run.
    reference:
        The run's `Dataset` in Ray's object store, in a list.
    until:
        When the run's time is over.
    driver:
        Token of the run's driver.
    """

    def __init__(
        self,
        run_id: str,
        settings: Settings,
        reference: list[Any],
        until: Deadline,
        driver: str = "",
    ) -> None:
        self._driver = driver
        self._run_id = run_id
        self._settings = settings
        self._reference = reference
        self._until = until

    @staticmethod
    def plan(settings: Settings, targets: Dataset) -> bool:
        """Whether the run can have a second level: time should be kept for it then.

        Parameters
        ----------
        settings:
            The run's settings.
        targets:
            The data; its features are not looked at.
        """
        return settings.second_level and is_k_fold(
            make_splits(targets, settings.split_plan), targets.n_rows
        )

    def begin(self, outputs: Sequence[Array], inputs: Sequence[Sequence[int]]) -> Fitting | None:
        """Begin a fit; ``None`` when there is no time for it.

        With one node that belongs to this process, the fit is a thread here; else it is a Ray task
        that takes the room of a trial, or of several on the same node.

        Parameters
        ----------
        outputs, inputs:
            As in `engine.ensembles.second_level.fit_second_level`.
        """
        settings = self._settings
        nodes = [int(resources.get("CPU", 0)) for resources in node_resources()]
        is_here = not settings.is_remote and len(nodes) == 1
        seconds = self._until.left() - _AROUND - (0.0 if is_here else _ITS_PROCESS)
        if seconds < _LEAST_SECONDS:
            return None
        cores = trial_cores(settings)
        if cores is None:  # the nodes have gone
            return None
        cores *= max(1, min(concurrency(settings, cores), max(nodes) // cores))
        options = SecondLevelOptions(
            cores,
            settings.random_state,
            cast(ClassWeight | None, settings.class_weight),  # checked by the settings
            seconds if self._until.is_set else None,
        )
        fit = SecondLevelFit(
            settings.split_plan, outputs, inputs, options, self._run_id, self._driver
        )
        if is_here:
            dataset: Dataset = ray.get(self._reference[0])
            import_libraries(dataset.layout)
            return FittingHere(lambda stop: fit.on(dataset, stop), self._until)
        room = trial_resources(settings, "num_cpus", cores)
        task = ray.remote(_fit).options(max_retries=0, **room)
        # A cluster may have no room for it, for as long as other runs use the cores.
        until = self._until if self._until.is_set else Deadline.after(_LONGEST_SECONDS)
        return FittingThere(task.remote(fit, self._reference[0]), until)


def _fit(fit: SecondLevelFit, dataset: Dataset) -> SecondLevel:
    """`SecondLevelFit.on` as a function: Ray's tasks are functions."""
    return fit.on(dataset)


def import_libraries(layout: Layout | None) -> None:
    """Import what fits, and models that are loaded meanwhile, need.

    Of two threads that import a package at once, one by a module inside it as pickles do, one may
    find half of it.

    Parameters
    ----------
    layout:
        The data's columns: dates and texts need an encoder's library.
    """
    importlib.import_module("lightgbm")
    if layout is not None and any(c.purpose in ("DateTime", "Text") for c in layout.columns):
        importlib.import_module("skrub")


class FittingHere:
    """A fit in a thread of this process, which has the data when Ray is embedded.

    Another process would be ready only after half of the time for the fit.

    Parameters
    ----------
    fit:
        Fits; asks the function that it is given whether to give up.
    until:
        When to give up waiting for the fit; default: never.

    Examples
    --------
    >>> FittingHere(lambda stop: "fitted").result()
    'fitted'
    """

    def __init__(self, fit: Callable[[Stop], SecondLevel], until: Deadline = NEVER) -> None:
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
        """Wait for the second level; ``None`` when it failed or was not ready in time."""
        self._thread.join(_seconds(self._until))
        if self._thread.is_alive():
            logger.warning("the second level was not ready in time")
            self.cancel()
        elif self._error is not None:
            logger.warning("no second level", exc_info=self._error)
        return self._fitted

    def cancel(self) -> None:
        """End the fit after its next round: it would take cores from what is done meanwhile."""
        self._cancelled.set()


class FittingThere:
    """A fit as a Ray task.

    Parameters
    ----------
    future:
        The task's result.
    until:
        When to give up waiting for the fit; default: never.
    """

    def __init__(self, future: Any, until: Deadline = NEVER) -> None:
        self._future = future
        self._until = until

    def result(self) -> SecondLevel | None:
        """Wait for the second level; ``None`` when it failed or was not ready in time."""
        if not ray.wait([self._future], timeout=_seconds(self._until))[0]:
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
        """End the task's process."""
        ray.cancel(self._future, force=True)


def _seconds(until: Deadline) -> float | None:
    """Seconds to wait, as threads and Ray take them."""
    return max(0.0, until.left()) if until.is_set else None
