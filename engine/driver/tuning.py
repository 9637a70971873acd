"""The trials of a run, from the first to the last."""

from __future__ import annotations

import logging
from collections.abc import Callable

from engine.driver.barred_nodes import BarredNodes
from engine.driver.clock import Clock
from engine.driver.gauges import Gauges
from engine.driver.outcome import Outcome
from engine.driver.progress import Progress
from engine.driver.room import RoomWatch
from engine.driver.schedule import Schedule
from engine.driver.time_budget import TimeBudget
from engine.driver.trial_backends.backend import TrialBackend
from engine.driver.trial_memory import LeftOut
from engine.driver.watch import TrialWatch, Watch
from engine.errors import RunException, StoreUnavailable
from engine.metrics.metric import Metric
from engine.search.searcher import Searcher
from engine.store.fence import ClaimLost
from engine.store.recorder import Recorder

logger = logging.getLogger("raysmith.driver")

#: Why iterations are ended when the store was given up.
STORE_IS_LOST = "the store could not be written"


class Tuning:
    """Runs the trials of a run and looks after them.

    Parameters
    ----------
    backend:
        Executes the trials.
    watch:
        The watch over the run.
    budget:
        Limits the time of all trials and of each.
    clock:
        Gives the present time.
    gauges:
        Show the progress to whoever watches the machines; default: nowhere.
    nodes:
        Bars the nodes that cannot have the data; default: none is barred yet.
    has_room, tell:
        As in `RoomWatch`; default: there is always room.
    """

    def __init__(
        self,
        backend: TrialBackend,
        watch: Watch,
        budget: TimeBudget,
        clock: Clock,
        gauges: Gauges | None = None,
        nodes: BarredNodes | None = None,
        has_room: Callable[[], bool] = lambda: True,
        tell: Callable[[str], None] = logger.warning,
    ) -> None:
        self._has_room = has_room
        self._tell = tell
        self._backend = backend
        self._watch = watch
        self._budget = budget
        self._clock = clock
        self._gauges = gauges
        self._nodes = BarredNodes() if nodes is None else nodes

    def run(
        self,
        search: Searcher,
        schedule: Schedule,
        recorder: Recorder,
        metric: Metric,
        concurrency: int,
    ) -> Outcome:
        """Try pipelines until the schedule is over.

        Parameters
        ----------
        search:
            Proposes the pipelines.
        schedule:
            Says which iterations there are and when there are enough.
        recorder:
            Writes what happens to the store; it is closed at the end.
        metric:
            The primary metric.
        concurrency:
            How many trials run at a time.

        Raises
        ------
        StoreUnavailable
            When the store was given up; what it lacks is in the spool.
        DataException
            When no node can have the data any more.
        RunException
            When the store has refused something, or no node could hold a trial and there is no
            model.
        """
        progress = self._progress(search, schedule, recorder, metric)
        watch = TrialWatch(
            self._watch, progress, self._backend, recorder, self._budget, self._clock
        )
        recorder.when_lost(lambda: schedule.stop(STORE_IS_LOST, at_once=True))
        room = RoomWatch(self._has_room, progress, self._tell, self._clock)
        stops = [watch.start(), room.start()]
        try:
            self._backend.run(progress, concurrency)
        finally:
            for stop in stops:
                stop()
            if room.gave_up is not None and not self._watch.is_lost:
                progress.fail_unplaced(room.gave_up)
            self._watch.look()
            outcome = Outcome.after(self._watch.ended_by)
            if outcome is not Outcome.TAKEN_OVER and not self._watch.is_lost:
                progress.end_unfinished(str(schedule.stopped or "the run ended"))
            recorder.close()
        note = LeftOut(search).note()
        if note is not None:
            self._tell(note)
        self._check(recorder, room, schedule)
        logger.info("no more iterations: %s", schedule.stopped or "all are done")
        return outcome

    def _progress(
        self, search: Searcher, schedule: Schedule, recorder: Recorder, metric: Metric
    ) -> Progress:
        return Progress(
            schedule,
            search,
            recorder,
            metric,
            self._backend.kill,
            self._clock,
            self._budget.trials,
            self._gauges,
            self._nodes,
        )

    def _check(self, recorder: Recorder, room: RoomWatch, schedule: Schedule) -> None:
        """Raise what fails the run."""
        if isinstance(recorder.error, StoreUnavailable | ClaimLost):
            raise recorder.error
        if recorder.error is not None:
            raise RunException(
                f"the store could not be written: {recorder.error}"
            ) from recorder.error
        if self._nodes.failure is not None:
            raise self._nodes.failure
        if room.gave_up is not None and schedule.best is None:
            raise RunException(f"no iteration gave a model; {room.gave_up}")
