"""An explanation that a client asks for: the data is got again, on this process's Ray."""

from __future__ import annotations

import sys
import time
from typing import Any

import ray

from cluster.embedded import connect
from engine.config.specification import Given
from engine.driver.data_source import DataSource
from engine.driver.node_data import end_node_data, node_data_somewhere
from engine.errors import DataException
from engine.explain.explanation import Explanation
from engine.explain.runs import explain_iteration
from engine.metrics.metric import METRICS
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
    """See `engine.run.AutoMLRun.explain`."""
    given = Given.from_spec(store, run_id)
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
            task = METRICS[store.run(run_id).primary_metric].task
            source = DataSource.of(data_id, task, given)
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
