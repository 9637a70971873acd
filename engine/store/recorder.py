"""A thread that writes the events of a run to the store, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from engine.pipelines.spec import PipelineSpec
from engine.store.files import LOG_FILE
from engine.store.memory import release_memory
from engine.store.mlflow_store import RunStore
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd, RunRecord

#: Ends of iterations, with their models, that may wait to be written before the driver waits too.
_QUEUED_ENDS = 4


class Recorder:
    """Write iterations of a run without letting the driver wait.

    Calls return at once and are carried out in their order. Only `ended` waits, while four ends
    are still to be written, because they hold models in memory.

    Parameters
    ----------
    store:
        Where to write.
    record:
        The run.

    Attributes
    ----------
    error:
        The first write that failed; ``None`` when all succeeded. A run whose record has holes must
        not call itself completed.
    """

    def __init__(self, store: RunStore, record: RunRecord) -> None:
        self._store = store
        self._record = record
        self._children: dict[int, str] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="raysmith-recorder")
        self._room = threading.BoundedSemaphore(_QUEUED_ENDS)
        self.error: Exception | None = None

    def adopt(self, children: Mapping[int, str]) -> None:
        """Add iterations that have a child run already: number -> its id."""
        self._children.update(children)

    def started(
        self, iteration: int, spec: PipelineSpec, properties: IterationProperties, time: float
    ) -> None:
        """Write that an iteration has started at ``time`` (seconds since the epoch)."""
        self._submit(lambda: self._start(iteration, spec, properties, time))

    def ended(self, iteration: int, end: IterationEnd, scores: Mapping[str, float]) -> None:
        """Write that an iteration has ended.

        Parameters
        ----------
        scores:
            Points of the parent run's curves at this iteration; may be empty.
        """
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
        """Write that an iteration's node was lost and it will be started again.

        Parameters
        ----------
        reasons:
            All reasons so far, the last one for this retry.
        """
        kept = list(reasons)
        self._submit(lambda: self._store.retry_iteration(self._children[iteration], kept))

    def log(self, iteration: int, text: str) -> None:
        """Write the log of a running iteration, in place of an earlier one."""
        self._submit(lambda: self._store.write_text(self._children[iteration], LOG_FILE, text))

    def close(self) -> None:
        """Wait until everything is written."""
        self._thread.shutdown(wait=True)

    def _start(
        self, iteration: int, spec: PipelineSpec, properties: IterationProperties, time: float
    ) -> None:
        properties = properties.with_pipeline(spec, iteration)
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
