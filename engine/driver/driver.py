"""One run from start to end: data on a node, trials through Ray Tune, the best model kept."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.settings import Settings
from engine.config.specification import RunSpecification
from engine.data.splits import check_plan
from engine.driver.schedule import Goals, Schedule
from engine.errors import AutoMLError, RunException
from engine.metrics.metric import METRICS
from engine.search.pipeline_search import PipelineSearch
from engine.search.usable import Restrictions
from engine.store.choice import chosen_iteration
from engine.store.driver_identity import DriverIdentity
from engine.store.memory import release_memory
from engine.store.mlflow_model import import_flavour, save_mlflow_model
from engine.store.mlflow_store import RunStore
from engine.store.recorder import Recorder
from engine.store.records import IterationRecord
from engine.store.status import RunStatus

if TYPE_CHECKING:
    from engine.data.dataset import DataSummary
    from engine.driver.tuning import TuneLoop

logger = logging.getLogger("raysmith.driver")

#: Seconds that the last pieces of an explanation and its pictures take.
_EXPLAIN_TAIL = 6.0
#: Iterations that the report beside the run shows with logs: more would take seconds.
_REPORTED = 40

_TOO_SHORT = "experiment_timeout_minutes was over before the first one started"


class Driver:
    """Drives one run in the process that calls `run`.

    Parameters
    ----------
    store:
        Where the run is.
    run_id:
        The run. Iterations that have ended already are not repeated.
    given:
        Its settings and data.
    """

    def __init__(self, store: RunStore, run_id: str, given: RunSpecification) -> None:
        self._store = store
        self._run_id = run_id
        self._given = given
        self._settings = given.settings
        self._started = time.time()
        self._identity = DriverIdentity.of_this_process()

    def claim(self) -> None:
        """Make this process the run's driver: who looks sees that the run is alive."""
        self._store.tag_driver(self._run_id, self._identity)
        self._store.set_status(self._run_id, RunStatus.PREPARING)

    def run(self) -> None:
        """Drive the run to its end; never raises: what went wrong is the run's error.

        The final state comes last: who sees it finds report and log.
        """
        error: Exception | None = None
        with _debug_log(self._settings, self._store, self._run_id):
            try:
                status = self._drive()
            except Exception as failure:
                status, error = "Failed", failure
                if isinstance(failure, AutoMLError):
                    logger.error("run %s failed: %s", self._run_id, failure)
                else:
                    logger.exception("run %s failed", self._run_id)
                    error = RunException(f"{type(failure).__name__}: {failure}")
            if status != "Lost":
                if error is not None:
                    self._store.tag_error(self._run_id, error)
                self._report(status)
        # This may be a notebook, which lives on.
        release_memory()
        if status != "Lost":
            self._store.set_status(self._run_id, RunStatus(status))

    def _drive(self) -> str:
        from cluster.targets.embedded import connect
        from engine.driver.ensemble_step import add_ensembles
        from engine.driver.node_data import end_node_data
        from engine.driver.resources import trial_cores
        from engine.driver.specification_files import keep_data
        from engine.driver.tuning import TuneLoop

        if not self._settings.is_remote:
            self._given = keep_data(self._store, self._run_id, self._given)
        connect()
        threading.Thread(target=import_flavour, name="raysmith-import", daemon=True).start()
        record = self._store.run(self._run_id)
        loop = TuneLoop(
            self._store,
            record,
            self._identity,
            self._settings,
            self._started,
            explains=self._given.explains(dataset_is_split=True),
        )
        try:
            cores = trial_cores(self._settings)
            loop.ask_for_nodes(cores)
            source, summary = loop.prepare(self._given, cores)
            if summary is None and loop.watch.ended_by == "Timeout":
                raise RunException(f"no iteration gave a model; {_TOO_SHORT}")
            if summary is None:
                return "Canceled"
            notes = (*summary.notes, *check_plan(summary, self._settings.split_plan))
            for note in notes:
                logger.warning(note)
            self._store.tag_notes(self._run_id, notes)
            search = PipelineSearch(
                summary,
                record.metric,
                Restrictions(
                    self._settings.allowed,
                    self._settings.blocked or (),
                    weighted=self._settings.class_weight is not None,
                    onnx=self._settings.enable_onnx_compatible_models,
                ),
                self._settings.random_state,
                _other_portfolio(),
            )
            schedule, recorder = self._what_is_left(search)
            self._store.set_status(self._run_id, RunStatus.RUNNING)
            status = loop.run(source, summary, search, schedule, recorder, cores)
            if status == "Completed":
                self._store.set_status(self._run_id, RunStatus.FINALIZING)
                add_ensembles(
                    self._store,
                    record,
                    self._settings,
                    loop.targets,
                    loop.until,
                    self._is_to_stop,
                    loop.second_level,
                )
            if status != "Lost":
                self._store.set_status(self._run_id, RunStatus.FINALIZING)
                best = self._keep_best()
                if best is not None and status == "Completed":
                    self._summarise(best, loop)
                    self._explain(best, loop, summary)
        finally:
            loop.give_nodes_back()
            end_node_data(self._run_id)
        return status

    def _summarise(self, best: IterationRecord, loop: TuneLoop) -> None:
        """What the report shows of the data and of the best model's predictions."""
        from engine.evaluation.diagnostics import quality_of
        from engine.show.view import DATA_FILE, QUALITY_FILE

        try:
            data = loop.describe(self._given.dataset)
            self._store.write_text(self._run_id, DATA_FILE, json.dumps(data))
            predictions = self._store.predictions(best.run_id).astype(float)
            quality = quality_of(loop.targets(), predictions)
            self._store.write_text(self._run_id, QUALITY_FILE, json.dumps(quality))
        except Exception:
            logger.exception("no summary of data and model")

    def _report(self, status: str) -> None:
        """The report beside the run's other files; the MLflow UI shows it."""
        from engine.show.report import REPORT_FILE, render_report
        from engine.show.view import RunView, full_state

        try:
            page = self._store.page_of(self._run_id)
            view = RunView(self._store, self._run_id, page, ends_as=status)
            self._store.write_text(
                self._run_id, REPORT_FILE, render_report(full_state(view, most=_REPORTED))
            )
        except Exception:
            logger.exception("no report")

    def _explain(self, best: IterationRecord, loop: TuneLoop, summary: DataSummary) -> None:
        """Explain the best model; what goes wrong is a warning, the run has its models anyway."""
        if not self._given.explains(summary.validation == "split"):
            return
        from engine.driver.explain_step import explain_iteration

        limit = self._settings.explain_timeout_minutes
        seconds = math.inf if limit is None else 60 * limit
        if loop.until is not None:
            seconds = min(seconds, loop.until - time.time() - _EXPLAIN_TAIL)
        try:
            if seconds < 1.0:
                raise RunException("experiment_timeout_minutes is over")
            explain_iteration(
                self._store,
                best.run_id,
                loop.reference,
                self._given.X_explain,
                seconds=None if seconds == math.inf else seconds,
                name=f"explainer-{self._run_id[:8]}-{best.iteration}",
                random_state=self._settings.random_state,
                stop=self._is_to_stop,
            )
        except Exception as error:
            logger.exception("no explanation")
            note = f"the best model was not explained: {type(error).__name__}: {error}"
            notes = self._store.run(self._run_id).notes
            self._store.tag_notes(self._run_id, (*notes, note.splitlines()[0]))

    def _is_to_stop(self) -> bool:
        record = self._store.run(self._run_id)
        mine = record.driver is None or record.driver.token == self._identity.token
        return record.requests.cancel or not mine

    def _what_is_left(self, search: PipelineSearch) -> tuple[Schedule, Recorder]:
        """Schedule and recorder after what an earlier driver did, which ``search`` is told."""
        record = self._store.run(self._run_id)
        everything = self._store.iterations(self._run_id)
        earlier = [r for r in everything if not r.is_ensemble]
        ensembles = [r.iteration for r in everything if r not in earlier]
        metric = METRICS[record.primary_metric]
        settings = self._settings
        for child in earlier:
            spec = child.spec
            if child.status.is_final:
                score = child.metrics.get(metric.name, float("nan"))
                search.tell(child.iteration, spec, score, child.seconds)
            else:
                search.replay(child.iteration, spec)
        schedule = Schedule(
            Goals(
                _goal(settings.iterations, ensembles),
                settings.experiment_exit_score,
                settings.early_stopping_n_iters if settings.enable_early_stopping else None,
            ),
            metric,
            done={
                child.iteration: child.metrics.get(metric.name, float("nan"))
                if child.status == "Completed"
                else float("nan")
                for child in earlier
                if child.status.is_final
            }
            | dict.fromkeys(ensembles, float("nan")),
            interrupted=[c.iteration for c in earlier if not c.status.is_final],
        )
        recorder = Recorder(self._store, record)
        recorder.adopt({child.iteration: child.run_id for child in earlier})
        return schedule, recorder

    def _keep_best(self) -> IterationRecord | None:
        """Write the best iteration's model in MLflow's own format, for its UI and its tools."""
        record = self._store.run(self._run_id)
        metric = METRICS[record.primary_metric]
        iterations = self._store.iterations(self._run_id)
        best = chosen_iteration(iterations, metric)
        if best is None:
            if not record.requests.cancel:
                reasons = sorted({f"{c.status}: {c.reason}".splitlines()[0] for c in iterations})
                reasons = reasons or [_TOO_SHORT]
                raise RunException(f"no iteration gave a model; {'; '.join(reasons[:5])}")
            return None
        self._store.tag_best(self._run_id, best.iteration, best.run_id)
        save_mlflow_model(self._store, best.run_id)
        return best


def _goal(iterations: int, ensembles: list[int]) -> int:
    """The number to stop before: ensembles come on top of the iterations, in between them when
    iterations were added later."""
    goal = iterations
    for number in sorted(ensembles):
        goal += number < goal
    return goal


def _other_portfolio() -> Path | None:
    """A benchmark measures a data set with a portfolio that was learned without it."""
    file = os.environ.get("RAYSMITH_PORTFOLIO")
    return None if file is None else Path(file)


@contextmanager
def _debug_log(settings: Settings, store: RunStore, run_id: str) -> Iterator[None]:
    """The driver's log lines go to the file ``debug_log`` meanwhile.

    On a cluster that is a file beside the driver, and becomes a file of the run.
    """
    log = logging.getLogger("raysmith.driver")
    log.setLevel(settings.verbosity)
    log.propagate = False
    handler: logging.Handler = logging.NullHandler()
    file = settings.debug_log
    if file is not None and settings.is_remote:
        file = os.path.basename(file)
    if file is not None:
        handler = logging.FileHandler(file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        if file is not None and settings.is_remote and os.path.exists(file):
            store.write_text(run_id, f"logs/{file}", Path(file).read_text(errors="replace"))
