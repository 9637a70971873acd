"""Explanations of a run's iterations on the cluster, by its driver or for a client."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import ray

from cluster.targets.connection import connect
from engine.config.specification import RunSpecification
from engine.data.check import check_features
from engine.data.dataset import Dataset, rows_of
from engine.deadline import Deadline
from engine.driver.data_source import DataSource
from engine.driver.explain_actors import explain_with_actors
from engine.driver.node_data import end_node_data
from engine.driver.ray_data_host import RayDataHost
from engine.driver.specification_files import load_specification
from engine.errors import AutoMLError, RunException
from engine.explain.explanation import Explanation
from engine.explain.files import FOLDER, save_explanation
from engine.explain.pieces import Progress, Work
from engine.store.mlflow_model import load_model
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord

logger = logging.getLogger("raysmith.driver")

#: Training rows that rows are compared with, and that are explained where no others are given.
_BACKGROUND = 100
_SAMPLE = 200
#: Seconds between two lines about progress.
_PRINT_SECONDS = 2.0
_LOOK_SECONDS = 0.25


@dataclass(frozen=True)
class ExplainRequest:
    """What to explain, and within which limits.

    Attributes
    ----------
    X:
        Rows to explain; default: the validation part, else a sample of the training rows.
    features:
        ``raw``, or ``engineered`` for the columns that the pipeline's first step makes.
    seconds:
        Explain as many rows as this allows, counted from the request on; default: all.
    progress:
        Called with the rows done and all rows.
    stop:
        Asked four times a second whether to give up; default: never.
    folder:
        Folder of the iteration that keeps the result.
    """

    X: Any = None
    features: str = "raw"
    seconds: float | None = None
    progress: Progress | None = None
    stop: Callable[[], bool] | None = None
    folder: str = FOLDER


class ExplainStep:
    """Explains models of a run on the connected cluster, and keeps the results in the store.

    Parameters
    ----------
    store, run_id:
        The run.
    reference:
        The run's `Dataset` in Ray's object store, in a list.
    random_state:
        Seed of the rows that are drawn, and of sampled explanations.
    keep_data:
        Whether the values of the explained rows are kept with the explanation.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        reference: list[Any],
        random_state: int = 0,
        keep_data: bool = True,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._reference = reference
        self._random_state = random_state
        self._keep_data = keep_data

    def explain(self, iteration: IterationRecord, request: ExplainRequest) -> Explanation:
        """Explain an iteration's model, and keep the result with the iteration.

        Raises
        ------
        DataException
            When the rows do not have the training data's columns.
        RunException
            When actors die again and again, nothing was explained in time, or the work was stopped.
        Exception
            Whatever the model raised.
        """
        until = Deadline.after(request.seconds)
        work = self._work(iteration, request, until)
        name = f"explainer-{self._run_id[:8]}-{iteration.iteration}"
        explanation = explain_with_actors(
            work,
            name,
            max(0.0, until.left()) if until.is_set else None,
            request.progress,
            request.stop,
        )
        logger.info("explained %d of %d rows", len(explanation.rows), explanation.n_given)
        if not self._keep_data:
            explanation = explanation.without_data()
        save_explanation(self._store, iteration.run_id, explanation, request.folder)
        return explanation

    def _work(self, iteration: IterationRecord, request: ExplainRequest, until: Deadline) -> Work:
        future = _take_rows.remote(self._reference, request.X, self._random_state)
        try:
            while not ray.wait([future], timeout=_LOOK_SECONDS)[0]:
                if request.stop is not None and request.stop():
                    raise RunException("the explanation was stopped")
                if until.is_over:
                    raise RunException("the rows to explain were not at hand in time")
            background, rows, columns, source = ray.get(future)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, AutoMLError):
                raise error.cause from None
            raise
        model = load_model(self._store, iteration.run_id)
        return Work(model, background, rows, columns, source, request.features, self._random_state)


def explain_run(
    store: RunStore, run_id: str, iteration: IterationRecord, request: ExplainRequest
) -> Explanation:
    """Explain an iteration for a client: the data is got again, on this process's Ray.

    Parameters
    ----------
    store, run_id, iteration:
        The iteration to explain.
    request:
        What to explain of it. Without rows, those that the run was given are explained.

    Raises
    ------
    DataException
        When the data cannot be got, or the rows do not have its columns.
    RunException
        When actors die again and again.
    ComputeTargetException
        When the cluster is lost meanwhile.
    """
    given = load_specification(store, run_id)
    connection = connect()
    # Not the run's own name: its driver may be at work on this cluster.
    data_id = f"{run_id}-explain"
    try:
        with connection.telling_losses():
            reference = _reference(data_id, given)
            settings = given.settings
            step = ExplainStep(store, run_id, reference, settings.random_state, settings.keep_data)
            X = given.X_explain if request.X is None else request.X
            return step.explain(iteration, replace(request, X=X))
    finally:
        if connection.loss is None:
            end_node_data(data_id)


class PrintedProgress:
    """Prints how many rows are explained, every other second and at the end.

    Parameters
    ----------
    clock:
        Returns seconds.

    Examples
    --------
    >>> progress = PrintedProgress()
    >>> progress(10, 30)
    >>> progress(30, 30)
    explained 30 of 30 rows
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._printed = clock()

    def __call__(self, done: int, n_rows: int) -> None:
        if done == n_rows or self._clock() - self._printed > _PRINT_SECONDS:
            self._printed = self._clock()
            print(f"explained {done} of {n_rows} rows", flush=True)


def _reference(data_id: str, given: RunSpecification) -> list[Any]:
    """Return the run's data in Ray's object store, in a list."""
    if given.dataset is not None:
        return [ray.put(given.dataset)]
    host = RayDataHost(DataSource.of(data_id, given), {"num_cpus": 1})
    host.start().result()
    loaded = host.load().result()
    loaded.checked()
    return loaded.reference


@ray.remote(num_cpus=0)
def _take_rows(reference: list[Any], X: Any, random_state: int) -> tuple[Any, ...]:
    """`rows_from` where the data is."""
    return rows_from(ray.get(reference[0]), X, random_state)


def rows_from(
    dataset: Dataset, X: Any = None, random_state: int = 0
) -> tuple[Any, Any, tuple[str, ...], str]:
    """Draw the rows that an explanation needs from a dataset.

    Parameters
    ----------
    dataset:
        The run's data.
    X:
        Rows to explain; default: the validation part, else a sample of the training rows.
    random_state:
        Seed of what is drawn.

    Returns
    -------
    tuple
        Background rows, rows to explain, the columns' names, and where the rows come from, see
        `engine.explain.pieces.Work`.

    Raises
    ------
    DataException
        When ``X`` does not have the data's columns.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> X = np.random.default_rng(0).normal(size=(500, 2))
    >>> dataset = check_data({"X": X, "y": X[:, 0]}, "regression")
    >>> background, rows, columns, source = rows_from(dataset)
    >>> background.shape, rows.shape, source
    ((100, 2), (200, 2), 'a sample of 200 of 500 training rows')
    """
    generator = np.random.default_rng(random_state)

    def some(count: int) -> Any:
        if dataset.n_rows <= count:
            return dataset.X
        chosen = np.sort(generator.choice(dataset.n_rows, count, replace=False))
        return rows_of(dataset.X, chosen)

    background = some(_BACKGROUND)
    if X is not None:
        rows, source = check_features(X, dataset), "X_valid"
    elif dataset.X_valid is not None:
        rows, source = dataset.X_valid, "the validation part"
    else:
        rows = some(_SAMPLE)
        source = f"a sample of {rows.shape[0]} of {dataset.n_rows} training rows"
    return background, rows, dataset.feature_names, source
