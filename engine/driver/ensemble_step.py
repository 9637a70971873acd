"""The step after the trials: ensembles of a run's best pipelines."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.config.settings import Settings
from engine.data.dataset import Dataset
from engine.data.splits import make_splits
from engine.deadline import NEVER, Deadline
from engine.driver.ensemble_rows import EnsembleRows, end_of, spec_of
from engine.ensembles.compose import EnsembleResult
from engine.ensembles.giving_up import GivenUp
from engine.ensembles.meta_features import Array
from engine.ensembles.names import VOTING
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.preference import Preference
from engine.ensembles.second_level import Fitting, voting_with_second_level
from engine.ensembles.stacking import NoTime, StackOptions, stack, stack_members
from engine.ensembles.voting import top_members, voting_ensemble
from engine.errors import StoreUnavailable
from engine.pipelines.spec import PipelineSpec
from engine.store.choice import candidates
from engine.store.mlflow_model import load_model
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationEnd, RunRecord
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")

#: Begins to fit a second level; ``None`` where there can be none, or no time for it. Takes
#: ``outputs`` and ``inputs`` of `engine.ensembles.second_level.fit_second_level`.
BeginSecondLevel = Callable[[list[Array], list[list[int]]], Fitting | None]

#: Members of a stack at most: more make it no better.
_STACK_MEMBERS = 8
#: Members whose predictions a second level sees, at most.
_INPUTS = 6
#: Seconds after the run's deadline that ensembles may take: Tune waits up to five for actors that
#: are still starting when its loop should end.
_GRACE_SECONDS = 8.0
#: Seconds that an ensemble may take even when the deadline is near.
_LEAST_SHARE = 2.0
#: The part of the remaining time that the choice of members may take.
_SHARE = 0.4
#: With fewer seconds than this left, no ensemble is begun.
_LEAST_SECONDS = 1.0
_LOOK_SECONDS = 0.2


def run_with_deadline(
    work: Callable[[], None], stop: Callable[[], bool], deadline: Deadline = NEVER
) -> bool:
    """Run ``work`` in a thread until it ends, is stopped, or its time is over.

    A fit in native code may not be interruptible: work that is late goes on in its daemon thread,
    and the caller makes sure that nothing comes of it.

    Parameters
    ----------
    work:
        What to do.
    stop:
        Asked five times a second whether to give up.
    deadline:
        When to give up; default: never.

    Returns
    -------
    bool
        Whether the work ended in time.

    Raises
    ------
    Exception
        Whatever the work raised in time.

    Examples
    --------
    >>> run_with_deadline(lambda: print("done"), stop=lambda: False)
    done
    True
    """
    errors: list[Exception] = []

    def run() -> None:
        try:
            work()
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="raysmith-ensembles", daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK_SECONDS)
        if thread.is_alive() and (deadline.is_over or stop()):
            return False
    if errors:
        raise errors[0]
    return True


@dataclass(frozen=True)
class Material:
    """Material for a run's ensembles.

    Attributes
    ----------
    classes:
        Sorted class labels; ``None`` for regression.
    data:
        The candidates' out-of-fold predictions.
    preference:
        Decides which ensemble is handed over.
    """

    classes: NDArray[Any] | None
    data: OutOfFold
    preference: Preference


class EnsembleStep:
    """Makes the ensembles that a run's settings ask for, and writes them as iterations.

    With fewer than two candidates there is nothing to combine, and nothing is written. An ensemble
    that fails is a failed iteration and does not keep the others from being made. Ensembles that
    are not ready soon after the deadline, or when the run is stopped, are left out.

    Parameters
    ----------
    store, record:
        The run.
    settings:
        Its settings.
    targets:
        Gives the data; its features are not looked at.
    deadline:
        When the run's time is over.
    stop:
        Asked five times a second whether to give up.
    begin_second_level:
        Begins to fit a second level for the stack; default: the stack is made without one.
    now:
        Returns seconds since the epoch, for the times that the store keeps.
    """

    def __init__(
        self,
        store: RunStore,
        record: RunRecord,
        settings: Settings,
        targets: Callable[[], Dataset],
        deadline: Deadline,
        stop: Callable[[], bool],
        begin_second_level: BeginSecondLevel | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._store = store
        self._record = record
        self._settings = settings
        self._targets = targets
        self._deadline = deadline
        self._last = deadline.later(_GRACE_SECONDS)
        self._stop = stop
        self._begin_second_level = begin_second_level
        self._metric = record.metric
        self._iterations = store.iterations(record.run_id)
        self._best = candidates(self._iterations, self._metric, settings.ensemble_iterations)
        self._pipelines: dict[int, Pipeline] = {}
        self._material: Material | None = None
        self._inputs: list[int] = []
        self._fitting: Fitting | None = None
        self._given_up = threading.Event()

    def run(self) -> None:
        """Make the ensembles and write them; those that an earlier driver has made stay.

        Raises
        ------
        StoreUnavailable
            When the store was given up. Ensembles that are ready are kept in the spool.
        """
        if not self._settings.ensembles or len(self._best) < 2:
            return
        rows = EnsembleRows(self._store, self._record, self._iterations)
        try:
            # In a thread, so that a cancelled run need not wait for a fit.
            if not run_with_deadline(lambda: self._make_all(rows), self._stop, self._last):
                logger.warning("the ensembles were not ready in time")
        except StoreUnavailable:
            raise
        except Exception:
            logger.exception("no more ensembles")
        finally:
            self._given_up.set()
            self._cancel_second_level()
            rows.close()

    def prepare(self) -> Material:
        """Get the candidates' out-of-fold predictions."""
        dataset = self._targets()
        data = OutOfFold.of(
            dataset,
            make_splits(dataset, self._settings.split_plan),
            {r.iteration: self._store.predictions(r.run_id).astype(float) for r in self._best},
            {r.iteration: r.properties.prediction_ms or 0.0 for r in self._best},
            {r.iteration: r.kind for r in self._best},
        )
        ended = (IterationStatus.COMPLETED, IterationStatus.PRUNED)
        n_tried = sum(r.status in ended and not r.is_ensemble for r in self._iterations)
        return Material(dataset.classes, data, Preference.among(data, self._metric, n_tried))

    def begin_second_level(self, data: OutOfFold) -> None:
        """Begin to fit a second level elsewhere; without one the stack is made all the same."""
        if self._begin_second_level is None:
            return
        try:
            inputs = stack_members(data, self._metric, _INPUTS)
            # The model of each fold sees the best by the rows of the other folds.
            seen = [
                stack_members(data.take(others), self._metric, _INPUTS)
                for others, _ in data.splits()
            ]
            used = sorted({n for chosen in [*seen, inputs] for n in chosen})
            self._inputs = inputs
            self._fitting = self._begin_second_level(
                [data.scatter(data.predictions[n]) for n in used],
                [[used.index(n) for n in chosen] for chosen in [*seen, inputs]],
            )
        except Exception:
            logger.exception("no second level")

    def combine(self, name: str, data: OutOfFold) -> EnsembleResult:
        """Make one ensemble.

        Parameters
        ----------
        name:
            One of `engine.ensembles.names.ENSEMBLES`.
        data:
            The candidates' predictions.

        Raises
        ------
        NoTime
            When a stack would not be ready in time.
        """
        if name == VOTING:
            return voting_ensemble(data, self._metric, self._share(_SHARE))
        own = None if self._fitting is None else self._fitting.result()
        if own is not None:
            share = self._share(_SHARE)
            result = voting_with_second_level(data, self._metric, own, self._inputs, share)
            if result is not None:
                return result
        return self._stack(data)

    def _make_all(self, rows: EnsembleRows) -> None:
        for name in self._settings.ensembles:
            if name in rows.made:
                continue
            if self._given_up.is_set() or self._last.left() < _LEAST_SECONDS:
                logger.warning("no %s: the run's time is over", name)
                break
            began = self._now()
            try:
                spec, end = self._make(name)
            except (NoTime, GivenUp) as reason:
                logger.warning("no %s: %s", name, reason)
                break
            except StoreUnavailable:
                raise
            except Exception as error:
                logger.exception("no %s", name)
                spec = PipelineSpec(name)
                end = IterationEnd(IterationStatus.FAILED, f"{type(error).__name__}: {error}")
            if not self._given_up.is_set():
                rows.write(spec, end, began)
        self._cancel_second_level()

    def _make(self, name: str) -> tuple[PipelineSpec, IterationEnd]:
        if self._material is None:
            self._material = self.prepare()
            self.begin_second_level(self._material.data)
        material = self._material
        result = self.combine(name, material.data)
        for record in self._best:
            if record.iteration in result.members and record.iteration not in self._pipelines:
                self._pipelines[record.iteration] = load_model(self._store, record.run_id)
        preferred = material.preference.reason(name, result)
        end = end_of(name, result, self._pipelines, material.classes, preferred)
        return spec_of(name, result), end

    def _cancel_second_level(self) -> None:
        if self._fitting is not None:
            self._fitting.cancel()

    def _stack(self, data: OutOfFold) -> EnsembleResult:
        settings = self._settings
        choice = self._share(_SHARE)

        def members(data: OutOfFold) -> list[int]:
            return top_members(data, self._metric, _STACK_MEMBERS, choice)

        options = StackOptions(
            settings.stack_meta_learner_type,
            settings.stack_meta_learner_kwargs or {},
            settings.stack_meta_learner_train_percentage,
            settings.random_state,
        )
        chosen = members(data)
        share, stop = self._share(1.0), self._given_up.is_set
        return stack(data, chosen, options, choose=members, deadline=share, stop=stop)

    def _share(self, part: float) -> Deadline:
        """Return the deadline of work that may take ``part`` of the remaining time."""
        seconds = max(_LEAST_SHARE, part * self._deadline.left())
        return Deadline.after(seconds, self._clock)

    def _clock(self) -> float:
        """Return the present; once the work is given up, every deadline is over."""
        return math.inf if self._given_up.is_set() else self._deadline.clock()
