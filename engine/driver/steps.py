"""The steps of a run: data, trials, ensembles, the best model and its explanation."""

from __future__ import annotations

import logging
from functools import partial

from engine.config.specification import DATA_NOT_KEPT, RunSpecification
from engine.data.splits import check_plan
from engine.driver.barred_nodes import BarredNodes
from engine.driver.claim import Claim
from engine.driver.clock import Clock
from engine.driver.data_host import RunData
from engine.driver.data_step import DataStep
from engine.driver.ensemble_step import BeginSecondLevel, EnsembleStep
from engine.driver.first_node import first_node
from engine.driver.outcome import EndedBy, Outcome
from engine.driver.platform import Platform
from engine.driver.results import TOO_SHORT, add_note, describe, keep_best
from engine.driver.resuming import check_same_data, schedule_after, search_for, tell_earlier
from engine.driver.time_budget import TimeBudget
from engine.driver.tuning import Tuning
from engine.driver.watch import Watch
from engine.errors import RunException
from engine.store.mlflow_store import RunStore
from engine.store.recorder import Recorder
from engine.store.records import IterationRecord
from engine.store.status import RunStatus

logger = logging.getLogger("raysmith.driver")

_LEAST_EXPLAIN_SECONDS = 1.0


class RunSteps:
    """Takes the steps of one run, each within its part of the run's time.

    Parameters
    ----------
    store, run_id:
        The run.
    given:
        Its settings and data.
    claim:
        This driver's claim to the run.
    platform:
        The machines, connected.
    clock:
        Gives the present time.
    started:
        When the run's time began, in seconds of the clock's `Clock.monotonic`.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        given: RunSpecification,
        claim: Claim,
        platform: Platform,
        clock: Clock,
        started: float,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._given = given
        self._settings = given.settings
        self._claim = claim
        self._platform = platform
        self._clock = clock
        explains = given.explains(dataset_is_split=True)
        self._budget = TimeBudget(given.settings, started, clock, explains)
        self._watch = Watch(claim, self._budget, clock, self._is_lost)
        seconds = self._budget.iteration_seconds
        self._data = DataStep(platform, self._watch, store, run_id, clock, seconds, self._add_note)

    def take(self) -> Outcome:
        """Take all steps, or those that come before the run is ended early.

        Raises
        ------
        AutoMLError
            When the run fails: its data cannot be used or is not what its earlier iterations have
            seen, nothing fits the machines, no iteration gave a model, or the store could not be
            written.
        """
        stop = self._watch.start()
        try:
            outcome = self._take()
        except Exception:
            self._claim.look()
            if not self._watch.is_taken_over:
                raise
            logger.exception("another driver has taken run %s over", self._run_id)
            return Outcome.TAKEN_OVER
        finally:
            stop()
        self._claim.look()
        return Outcome.TAKEN_OVER if self._watch.is_taken_over else outcome

    def _is_lost(self) -> bool:
        return self._platform.loss is not None

    def _take(self) -> Outcome:
        cores = first_node(self._platform, self._watch, self._clock)
        data = None
        if cores is not None:
            self._platform.ask_for_nodes(cores)
            data = self._data.prepare(self._given, cores)
            if data is not None and data.barred:
                self._platform.ask_for_nodes(cores, data.barred.keys())
            # The machines have it: a second copy would stay in memory for the whole run.
            self._given = self._given.handed_over()
        if data is None or cores is None:
            return self._ended_without_data()
        begin_second_level = self._plan_second_level(data)
        outcome = self._tune(data, cores)
        if outcome is Outcome.TAKEN_OVER:
            return outcome
        self._store.set_status(self._run_id, RunStatus.FINALIZING)
        if outcome is Outcome.COMPLETED:
            self._add_ensembles(data, begin_second_level)
            outcome = self._unless_canceled(outcome)
        best = keep_best(self._store, self._store.run(self._run_id))
        if best is not None and outcome is Outcome.COMPLETED:
            describe(self._store, self._run_id, best, data, self._data)
            self._explain(best, data)
        return self._unless_canceled(outcome)

    def _unless_canceled(self, outcome: Outcome) -> Outcome:
        """Return the outcome of a run that a client may have cancelled after its last trial."""
        is_canceled = outcome is Outcome.COMPLETED and self._watch.is_canceled
        return Outcome.CANCELED if is_canceled else outcome

    def _ended_without_data(self) -> Outcome:
        if self._watch.ended_by is EndedBy.TIMEOUT:
            raise RunException(f"no iteration gave a model; {TOO_SHORT}")
        return Outcome.after(self._watch.ended_by)

    def _plan_second_level(self, data: RunData) -> BeginSecondLevel | None:
        """Keep time for a second level where there can be one."""
        begin = self._platform.second_level(data, self._budget.run)
        if begin is not None:
            self._budget.reserve_second_level()
        return begin

    def _tune(self, data: RunData, cores: int) -> Outcome:
        """Try pipelines, after what an earlier driver has tried."""
        notes = (
            *data.summary.notes,
            *check_plan(data.summary, self._settings.split_plan),
            *data.barred.values(),
            *(() if self._given.is_resumable else (DATA_NOT_KEPT,)),
        )
        for note in notes:
            logger.warning(note)
        record = self._store.run(self._run_id)
        # The client may have left notes about the settings.
        self._store.tag_notes(self._run_id, tuple(dict.fromkeys((*record.notes, *notes))))
        earlier = self._store.iterations(self._run_id)
        check_same_data(record.data, data.summary.fingerprint, earlier)
        self._store.tag_data(self._run_id, data.summary.fingerprint)
        memory_mb = partial(self._platform.trial_memory_mb, cores)
        search = search_for(self._settings, data.summary, record.metric, memory_mb)
        tell_earlier(search, earlier, record.metric)
        schedule = schedule_after(self._settings, earlier, record.metric)
        recorder = Recorder(self._store, record)
        recorder.adopt({r.iteration: r.run_id for r in earlier})
        self._store.set_status(self._run_id, RunStatus.RUNNING)
        limits = self._budget.iteration_limits()
        backend = self._platform.trial_backend(data, cores, limits)
        gauges = self._platform.gauges()
        nodes = BarredNodes(data.barred, backend.has_nodes_besides, self._add_note)
        tuning = Tuning(
            backend,
            self._watch,
            self._budget,
            self._clock,
            gauges,
            nodes,
            lambda: self._platform.has_room(cores, nodes.ids),
            self._add_note,
        )
        concurrency = self._platform.concurrency(cores)
        return tuning.run(search, schedule, recorder, record.metric, concurrency)

    def _add_ensembles(self, data: RunData, begin_second_level: BeginSecondLevel | None) -> None:
        EnsembleStep(
            self._store,
            self._store.run(self._run_id),
            self._settings,
            lambda: data.targets,
            self._budget.run,
            self._watch.is_to_stop,
            begin_second_level,
            self._clock.time,
        ).run()

    def _explain(self, best: IterationRecord, data: RunData) -> None:
        """Explain the best model; an error becomes a note, as the run has its models anyway."""
        if not self._given.explains(data.summary.validation != "given"):
            return
        until = self._budget.explanation()
        try:
            if until.left() < _LEAST_EXPLAIN_SECONDS:
                raise RunException("experiment_timeout_minutes is over")
            rows, stop = self._given.X_explain, self._watch.is_to_stop
            self._platform.explain(self._store, best, data, rows, until, stop)
        except Exception as error:
            logger.exception("no explanation")
            note = f"the best model was not explained: {type(error).__name__}: {error}"
            self._add_note(note)

    def _add_note(self, note: str) -> None:
        """Add a warning to the run's; a store that does not answer goes without it."""
        try:
            add_note(self._store, self._run_id, note)
        except Exception:
            logger.exception("a note could not be written: %s", note)
