"""Writes what happens in a run to the store, in a thread of its own, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.pipelines.spec import PipelineSpec
from engine.store.memory import release_memory
from engine.store.mlflow_store import LOG_FILE, RunStore
from engine.store.records import IterationEnd, RunRecord

#: Ends of iterations, with their models, that may wait to be written before the driver waits too.
_QUEUED_ENDS = 4


class Recorder:
    """The driver's pen: each call returns at once.

    A write that fails is kept in `error`: a run whose record has holes must not call itself
    completed.
    """

    def __init__(self, store: RunStore, record: RunRecord) -> None:
        self._store = store
        self._record = record
        self._children: dict[int, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="raysmith-recorder")
        self._room = threading.BoundedSemaphore(_QUEUED_ENDS)
        self.error: Exception | None = None

    def knows(self, children: Mapping[int, str]) -> None:
        """Iterations that have a child run already: number -> its id."""
        self._children.update(children)

    def started(
        self, iteration: int, spec: PipelineSpec, properties: Mapping[str, Any], time: float
    ) -> None:
        self._submit(lambda: self._start(iteration, spec, properties, time))

    def ended(self, iteration: int, end: IterationEnd, scores: Mapping[str, float]) -> None:
        """``scores`` are the points of the parent run's curves at this iteration, if any."""
        self._room.acquire()

        def write() -> None:
            try:
                self._store.end_iteration(self._children[iteration], end)
                if scores:
                    self._store.log_best(self._record.run_id, iteration, scores)
            finally:
                self._room.release()
                release_memory()

        self._submit(write)

    def retried(self, iteration: int, reasons: Sequence[str]) -> None:
        """An iteration's node was lost, and it will be begun again; all reasons so far."""
        told = list(reasons)
        self._submit(lambda: self._store.retry_iteration(self._children[iteration], told))

    def log(self, iteration: int, text: str) -> None:
        """The log of a running iteration, as far as it is."""
        self._submit(lambda: self._store.write_text(self._children[iteration], LOG_FILE, text))

    def close(self) -> None:
        """Wait until everything is written."""
        self._thread.shutdown(wait=True)

    def _start(
        self, iteration: int, spec: PipelineSpec, properties: Mapping[str, Any], time: float
    ) -> None:
        properties = {
            "iteration": iteration,
            "run_algorithm": spec.estimator,
            "run_preprocessor": spec.scaler,
            "pipeline_spec": spec.to_json(),
            **properties,
        }
        child = self._children.get(iteration)
        if child is not None:
            self._store.restart_iteration(child, properties, time)
            return
        self._children[iteration] = self._store.start_iteration(
            self._record, iteration, spec.name, spec.flat(), properties, time
        )

    def _submit(self, write: Callable[[], None]) -> None:
        def run() -> None:
            try:
                write()
            except Exception as error:
                self.error = self.error or error

        self._thread.submit(run)
