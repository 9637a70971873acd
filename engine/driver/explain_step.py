"""An explanation that a client asks for: the data is got again, on this process's Ray."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import ray

from cluster.targets.embedded import connect
from engine.data.check import check_features
from engine.data.dataset import Dataset, rows_of
from engine.driver.data_source import DataSource
from engine.driver.explain_actors import explain_with_actors
from engine.driver.node_data import end_node_data, node_data_somewhere
from engine.driver.specification_files import load_specification
from engine.errors import AutoMLError, DataException
from engine.explain.explanation import Explanation
from engine.explain.files import save_explanation
from engine.explain.pieces import Progress, Work
from engine.store.mlflow_model import load_model
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord


def explain_run(
    store: RunStore,
    run_id: str,
    iteration: IterationRecord,
    X: Any,
    features: str,
    seconds: float | None,
    show_output: bool,
) -> Explanation:
    """See `engine.client.run.AutoMLRun.explain`."""
    given = load_specification(store, run_id)
    settings = given.settings
    connect()
    told = time.monotonic()

    def progress(done: int, n_rows: int) -> None:
        nonlocal told
        if show_output and (done == n_rows or time.monotonic() - told > 2.0):
            told = time.monotonic()
            print(f"explained {done} of {n_rows} rows", file=sys.stdout, flush=True)

    # Not the run's own name: its driver may be at work on this cluster.
    data_id = f"{run_id}-explain"
    try:
        if given.dataset is not None:
            reference = [ray.put(given.dataset)]
        else:
            source = DataSource.of(data_id, given)
            node = ray.get(node_data_somewhere.options(num_cpus=1).remote(source))
            loaded = ray.get(node.load.remote())
            if loaded.error is not None:
                raise DataException(loaded.error)
            reference = loaded.reference
        return explain_iteration(
            store,
            iteration.run_id,
            reference,
            given.X_explain if X is None else X,
            seconds=seconds,
            name=f"explainer-{run_id[:8]}-{iteration.iteration}",
            features=features,
            random_state=settings.random_state,
            progress=progress,
        )
    finally:
        end_node_data(data_id)


logger = logging.getLogger("raysmith.driver")


#: Training rows that rows are compared with, and that are explained where no others are given.
_BACKGROUND = 100


_SAMPLE = 200


@ray.remote(num_cpus=0)
def take_rows(reference: list[Any], X: Any, random_state: int) -> tuple[Any, ...]:
    """Of the data of a run: background rows, rows to explain, columns, and where they are from."""
    return rows_from(ray.get(reference[0]), X, random_state)


def rows_from(
    dataset: Dataset, X: Any = None, random_state: int = 0
) -> tuple[Any, Any, tuple[str, ...], str]:
    """What `Work` needs of a dataset.

    Parameters
    ----------
    X:
        Rows to explain; ``None``: the validation part, else a sample of the training rows.
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


def explain_iteration(
    store: RunStore,
    child_id: str,
    reference: list[Any],
    X: Any = None,
    *,
    seconds: float | None,
    name: str,
    features: str = "raw",
    random_state: int = 0,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Explanation:
    """Explain an iteration's model on the cluster and keep the result with the iteration.

    Parameters
    ----------
    reference:
        The run's `Dataset` in Ray's object store, in a list.
    X:
        See `rows_from`.
    seconds:
        Explain as many rows as this allows.
    name:
        Of the actors.
    """
    try:
        background, rows, columns, source = ray.get(take_rows.remote(reference, X, random_state))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, AutoMLError):
            raise error.cause from None
        raise
    model = load_model(store, child_id)
    work = Work(model, background, rows, columns, source, features, random_state)
    explanation = explain_with_actors(work, name, seconds, progress, stop)
    logger.info("explained %d of %d rows", len(explanation.rows), explanation.n_given)
    save_explanation(store, child_id, explanation)
    return explanation
