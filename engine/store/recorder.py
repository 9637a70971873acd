"""A thread that writes the events of a run to the store, in order."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.errors import StoreUnavailable
from engine.pipelines.spec import PipelineSpec
from engine.store.fence import ClaimLost
from engine.store.files import LOG_FILE
from engine.store.memory import release_memory
from engine.store.mlflow_store import RunStore
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd, RunRecord
from engine.store.retrying import NONE
from engine.store.spool import IterationStart, Spool, SpooledIteration
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")

#: Ends of iterations, with their models, that may wait before new iterations wait too.
_QUEUED_ENDS = 4
#: A write that takes longer than this is one that the store does not take.
_SLOW_SECONDS = 10.0
#: A write that takes longer than this will never return: every call of MLflow has its own limit.
_HUNG_SECONDS = 480.0
#: Logs of running iterations take at most every other second of the thread, with this pause at
#: least between two of them: an iteration's log is brought every second among five iterations,
#: every twenty seconds among a hundred.
_LEAST_LOG_PAUSE = 0.2


@dataclass(frozen=True)
class _Started:
    start: IterationStart


@dataclass(frozen=True)
class _Ended:
    number: int
    end: IterationEnd
    ended: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class _Retried:
    number: int
    reasons: tuple[str, ...]


_Event = _Started | _Ended | _Retried


class Recorder:
    """Write iterations of a run without letting the driver wait.

    Calls return at once and are carried out in their order. The store repeats what fails, see
    `engine.store.retrying`. When its patience is over, nothing more is tried: the iterations that
    have ended are kept in the spool.

    The log of a running iteration is written when nothing else is, and only its latest text.

    Parameters
    ----------
    store:
        Where to write.
    record:
        The run.
    spool:
        Where results are kept that the store does not take; default: the run's own spool.

    Attributes
    ----------
    error:
        The first write that failed; ``None`` when all succeeded. A run whose record has holes must
        not call itself completed.
    """

    def __init__(self, store: RunStore, record: RunRecord, spool: Spool | None = None) -> None:
        self._store = store
        self._store_of_logs = store.with_patience(NONE)
        self._record = record
        self._spool = Spool(record.run_id) if spool is None else spool
        self._children: dict[int, str] = {}
        self._starts: dict[int, IterationStart] = {}
        #: Iterations that have started and not ended; the others take no live log.
        self._open: set[int] = set()
        self._changed = threading.Condition()
        self._events: deque[_Event] = deque()
        self._logs: dict[int, str] = {}
        self._log_due = 0.0
        self._writing_since: float | None = None
        self._is_closing = self._is_over = False
        self._when_lost: Callable[[], None] = lambda: None
        self._lost: StoreUnavailable | None = None
        self.error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="raysmith-recorder", daemon=True)

    @property
    def is_behind(self) -> bool:
        """Whether new iterations had better wait: the store is slow or does not answer."""
        with self._changed:
            return self._is_behind()

    def wait_until_ready(self, seconds: float) -> bool:
        """Wait until it is not behind, or the store is lost; return whether that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._is_behind() or self._is_over, seconds)

    def when_lost(self, do: Callable[[], None]) -> None:
        """Have something done, in the recorder's thread, when nothing more will be written."""
        self._when_lost = do

    def adopt(self, children: Mapping[int, str]) -> None:
        """Add iterations that have a child run already: number -> its id."""
        self._children.update(children)

    def started(
        self, iteration: int, spec: PipelineSpec, properties: IterationProperties, time: float
    ) -> None:
        """Write that an iteration has started at ``time`` (seconds since the epoch)."""
        properties = properties.with_pipeline(spec, iteration)
        start = IterationStart(iteration, spec.name, spec.flat(), properties, time)
        self._starts[iteration] = start
        with self._changed:
            self._open.add(iteration)
        self._add(_Started(start))

    def ended(self, iteration: int, end: IterationEnd, scores: Mapping[str, float]) -> None:
        """Write that an iteration has ended.

        Parameters
        ----------
        scores:
            Points of the parent run's curves at this iteration; may be empty.
        """
        self._add(_Ended(iteration, end, time.time(), dict(scores)))

    def retried(self, iteration: int, reasons: Sequence[str]) -> None:
        """Write that an iteration's node was lost and it will be started again.

        Parameters
        ----------
        reasons:
            All reasons so far, the last one for this retry.
        """
        self._add(_Retried(iteration, tuple(reasons)))

    def log(self, iteration: int, text: str) -> None:
        """Write the log of a running iteration some time, in place of an earlier one.

        The log of an iteration that has not started or has ended already is left out: the last
        text comes with the end, and an earlier one must not replace it.
        """
        with self._changed:
            if iteration in self._open:
                self._logs[iteration] = text
                self._wake()

    def close(self) -> None:
        """Wait until everything is written, or kept in the spool because the store is lost."""
        with self._changed:
            self._is_closing = True
            self._wake()
            while not self._changed.wait_for(lambda: self._is_over, 1.0):
                if self._seconds_of_write() > _HUNG_SECONDS:
                    self._lose(StoreUnavailable("a write to the store did not return"))
        if self._lost is not None:
            self.error = StoreUnavailable(f"{self._lost}; {self._keep_the_rest()}")

    def _add(self, event: _Event) -> None:
        with self._changed:
            self._events.append(event)
            if isinstance(event, _Ended):
                self._open.discard(event.number)
                self._logs.pop(event.number, None)
            self._wake()

    def _wake(self) -> None:
        if self._thread.ident is None:
            self._thread.start()
        self._changed.notify_all()

    def _is_behind(self) -> bool:
        ends = sum(isinstance(event, _Ended) for event in self._events)
        return ends >= _QUEUED_ENDS or self._seconds_of_write() > _SLOW_SECONDS

    def _seconds_of_write(self) -> float:
        since = self._writing_since
        return 0.0 if since is None else time.monotonic() - since

    def _run(self) -> None:
        while (write := self._next()) is not None:
            try:
                write()
            except StoreUnavailable as error:
                with self._changed:
                    self._lose(error)
            except ClaimLost as error:
                with self._changed:
                    self.error, self._is_over = error, True
                self._when_lost()
            except Exception as error:
                logger.exception("an iteration could not be written")
                self.error = self.error or error
            with self._changed:
                self._writing_since = None
                self._changed.notify_all()
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        """Wait for something to write; ``None`` when there will be nothing more."""
        with self._changed:
            while not self._is_over:
                now = time.monotonic()
                if self._events:
                    self._writing_since = now
                    return self._write_event
                if self._is_closing:
                    return None
                if self._logs and now >= self._log_due:
                    number = next(iter(self._logs))
                    text = self._logs.pop(number)
                    return lambda: self._write_log(number, text)
                self._changed.wait(self._log_due - now if self._logs else None)
            return None

    def _write_event(self) -> None:
        # It stays in the queue until it is written: what is there goes to the spool.
        event = self._events[0]
        try:
            if isinstance(event, _Started):
                self._start(event.start)
            elif isinstance(event, _Retried):
                child = self._children[event.number]
                self._store.retry_iteration(child, event.reasons)
            else:
                self._end(event)
        except StoreUnavailable:
            raise
        except Exception:
            self._drop(event)
            raise
        self._drop(event)

    def _drop(self, event: _Event) -> None:
        with self._changed:
            if self._events and self._events[0] is event:
                self._events.popleft()
            if isinstance(event, _Ended):
                self._starts.pop(event.number, None)

    def _start(self, start: IterationStart) -> None:
        child = self._children.get(start.iteration)
        if child is not None:
            self._store.restart_iteration(child, start.properties, start.started)
            return
        self._children[start.iteration] = self._store.start_iteration(
            self._record,
            start.iteration,
            start.pipeline,
            start.params,
            start.properties,
            start.started,
        )

    def _end(self, event: _Ended) -> None:
        child = self._children[event.number]
        try:
            self._store.end_iteration(child, event.end, event.ended)
            if event.scores:
                self._store.log_best(self._record.run_id, event.number, event.scores)
        except (StoreUnavailable, ClaimLost):
            raise
        except Exception as error:
            # The store has refused this one, a model that is too large perhaps.
            logger.exception("iteration %d could not be stored", event.number)
            reason = f"the store did not take its results: {type(error).__name__}: {error}"
            refused = IterationEnd(IterationStatus.FAILED, reason)
            self._store.end_iteration(child, refused, event.ended)
        finally:
            release_memory()

    def _write_log(self, iteration: int, text: str) -> None:
        began = time.monotonic()
        try:
            self._store_of_logs.write_text(self._children[iteration], LOG_FILE, text)
        except Exception as error:
            # It will be written with the iteration's end.
            logger.info("no log of iteration %d for now: %s", iteration, error)
        now = time.monotonic()
        self._log_due = now + max(_LEAST_LOG_PAUSE, now - began)

    def _lose(self, error: StoreUnavailable) -> None:
        if self._lost is None:
            self._lost = self.error = error
            self._is_over = True
            self._when_lost()

    def _keep_the_rest(self) -> str:
        """Keep the iterations that have ended in the spool; say where.

        Those that were ended because the store was lost are not among them: they are to be tried
        again.
        """
        ended = [
            SpooledIteration(self._starts[event.number], event.end, event.ended, event.scores)
            for event in self._events
            if isinstance(event, _Ended)
            and event.end.status is not IterationStatus.CANCELED
            and event.number in self._starts
        ]
        kept = 0
        try:
            for iteration in ended:
                self._spool.keep_iteration(iteration)
                kept += 1
        except OSError as error:
            return f"{len(ended) - kept} finished iterations are lost: {error}"
        if not kept:
            return "no finished iteration is missing there"
        return f"{kept} finished iterations are kept in {self._spool.path}"
