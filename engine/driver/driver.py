"""One run from start to end: data, trials, ensembles, the best model and its explanation."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from engine.config.specification import RunSpecification
from engine.data.splits import check_plan
from engine.driver.clock import Clock, RealClock
from engine.driver.debug_log import debug_log
from engine.driver.outcome import EndedBy, Outcome
from engine.driver.specification_files import keep_data
from engine.errors import AutoMLError, RunException
from engine.store.driver_identity import DriverIdentity
from engine.store.memory import release_memory
from engine.store.mlflow_model import import_flavour
from engine.store.mlflow_store import RunStore
from engine.store.recorder import Recorder
from engine.store.records import IterationRecord
from engine.store.status import RunStatus

if TYPE_CHECKING:
    from engine.driver.data_host import RunData
    from engine.driver.data_step import DataStep
    from engine.driver.ensemble_step import BeginSecondLevel
    from engine.driver.platform import Platform
    from engine.driver.time_budget import TimeBudget
    from engine.driver.watch import Watch

logger = logging.getLogger("raysmith.driver")

_LEAST_EXPLAIN_SECONDS = 1.0


class Driver:
    """Drives one run in the process that calls `run`.

    Parameters
    ----------
    store:
        Where the run is kept.
    run_id:
        The run. Iterations that have ended already are not repeated.
    given:
        Its settings and data.
    platform:
        The machines; default: the Ray cluster that this process is part of, or else one that is
        started on this machine.
    clock:
        Tells the present; default: this machine's.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        given: RunSpecification,
        platform: Platform | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._given = given
        self._settings = given.settings
        self._clock = RealClock() if clock is None else clock
        self._started = self._clock.time()
        self._identity = DriverIdentity.of_this_process()
        self._platform = platform

    def claim(self) -> None:
        """Make this process the run's driver: who looks sees that the run is alive."""
        self._store.tag_driver(self._run_id, self._identity)
        self._store.set_status(self._run_id, RunStatus.PREPARING)

    def run(self) -> None:
        """Drive the run to its end; never raises: what goes wrong is the run's error.

        The final state comes last: who sees it finds report and log.
        """
        from engine.driver.results import write_report

        with debug_log(self._settings, self._store, self._run_id):
            outcome, error = self._outcome()
            if outcome.value is not None:
                if error is not None:
                    self._store.tag_error(self._run_id, error)
                write_report(self._store, self._run_id, outcome.value.value)
        # This may be a notebook, which lives on.
        release_memory()
        if outcome.value is not None:
            self._store.set_status(self._run_id, outcome.value)

    def _outcome(self) -> tuple[Outcome, Exception | None]:
        try:
            return self._drive(), None
        except AutoMLError as refused:
            logger.error("run %s failed: %s", self._run_id, refused)
            return Outcome.FAILED, refused
        except Exception as failure:
            logger.exception("run %s failed", self._run_id)
            return Outcome.FAILED, RunException(f"{type(failure).__name__}: {failure}")

    def _drive(self) -> Outcome:
        """Take the steps of the run, each within its part of the time."""
        from engine.driver.results import TOO_SHORT, describe, keep_best

        platform = self._connect()
        try:
            budget, watch = self._limits()
            cores = platform.trial_cores()
            platform.ask_for_nodes(cores)
            step = self._data_step(platform, budget, watch)
            data = step.prepare(self._given, cores)
            if data is None and watch.ended_by is EndedBy.TIMEOUT:
                raise RunException(f"no iteration gave a model; {TOO_SHORT}")
            if data is None:
                return Outcome.after(watch.ended_by)
            begin_second_level = platform.second_level(data, budget.run)
            if begin_second_level is not None:
                budget.reserve_second_level()
            outcome = self._tune(platform, data, budget, watch, cores)
            if outcome is Outcome.TAKEN_OVER:
                return outcome
            self._store.set_status(self._run_id, RunStatus.FINALIZING)
            if outcome is Outcome.COMPLETED:
                self._add_ensembles(data, budget, watch, begin_second_level)
            best = keep_best(self._store, self._store.run(self._run_id))
            if best is not None and outcome is Outcome.COMPLETED:
                describe(self._store, self._run_id, best, data, step)
                self._explain(platform, best, data, budget, watch)
            return outcome
        finally:
            platform.close()

    def _connect(self) -> Platform:
        if not self._settings.is_remote:
            self._given = keep_data(self._store, self._run_id, self._given)
        platform = self._platform
        if platform is None:
            from engine.driver.ray_platform import RayPlatform

            metric = self._store.run(self._run_id).metric
            platform = RayPlatform(self._run_id, self._settings, metric)
        platform.connect()
        threading.Thread(target=import_flavour, name="raysmith-import", daemon=True).start()
        return platform

    def _limits(self) -> tuple[TimeBudget, Watch]:
        from engine.driver.time_budget import TimeBudget
        from engine.driver.watch import Watch

        explains = self._given.explains(dataset_is_split=True)
        budget = TimeBudget(self._settings, self._started, self._clock, explains)
        return budget, Watch(self._store, self._run_id, self._identity, budget, self._clock)

    def _data_step(self, platform: Platform, budget: TimeBudget, watch: Watch) -> DataStep:
        from engine.driver.data_step import DataStep

        seconds = budget.iteration_seconds
        return DataStep(platform, watch, self._store, self._run_id, self._clock, seconds)

    def _tune(
        self, platform: Platform, data: RunData, budget: TimeBudget, watch: Watch, cores: int
    ) -> Outcome:
        """Try pipelines, after what an earlier driver has tried."""
        from engine.driver.resuming import schedule_after, search_for, tell_earlier
        from engine.driver.tuning import Tuning

        notes = (*data.summary.notes, *check_plan(data.summary, self._settings.split_plan))
        for note in notes:
            logger.warning(note)
        self._store.tag_notes(self._run_id, notes)
        record = self._store.run(self._run_id)
        earlier = self._store.iterations(self._run_id)
        search = search_for(self._settings, data.summary, record.metric)
        tell_earlier(search, earlier, record.metric)
        schedule = schedule_after(self._settings, earlier, record.metric)
        recorder = Recorder(self._store, record)
        recorder.knows({r.iteration: r.run_id for r in earlier})
        self._store.set_status(self._run_id, RunStatus.RUNNING)
        backend = platform.trial_backend(data, cores, budget.iteration_limits())
        tuning = Tuning(backend, watch, budget, self._clock, platform.gauges())
        return tuning.run(search, schedule, recorder, record.metric, platform.concurrency(cores))

    def _add_ensembles(
        self,
        data: RunData,
        budget: TimeBudget,
        watch: Watch,
        begin_second_level: BeginSecondLevel | None,
    ) -> None:
        from engine.driver.ensemble_step import EnsembleStep

        EnsembleStep(
            self._store,
            self._store.run(self._run_id),
            self._settings,
            lambda: data.targets,
            budget.run,
            watch.is_to_stop,
            begin_second_level,
        ).run()

    def _explain(
        self,
        platform: Platform,
        best: IterationRecord,
        data: RunData,
        budget: TimeBudget,
        watch: Watch,
    ) -> None:
        """Explain the best model; what goes wrong is a warning, the run has its models anyway."""
        if not self._given.explains(data.summary.validation == "split"):
            return
        until = budget.explanation()
        try:
            if until.left() < _LEAST_EXPLAIN_SECONDS:
                raise RunException("experiment_timeout_minutes is over")
            platform.explain(
                self._store, best, data, self._given.X_explain, until, watch.is_to_stop
            )
        except Exception as error:
            logger.exception("no explanation")
            note = f"the best model was not explained: {type(error).__name__}: {error}"
            notes = self._store.run(self._run_id).notes
            self._store.tag_notes(self._run_id, (*notes, note.splitlines()[0]))
