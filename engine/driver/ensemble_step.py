"""The last rows of a run: ensembles of its best pipelines."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.config.settings import Settings
from engine.data.dataset import Dataset
from engine.data.splits import make_splits
from engine.ensembles.compose import EnsembleResult, compose
from engine.ensembles.estimators import SharedFeatures
from engine.ensembles.names import VOTING
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.preference import _MANY, _Preference, choose_one
from engine.ensembles.second_level import Fitting
from engine.ensembles.stacking import NoTime, stack, stack_members
from engine.ensembles.voting import vote, vote_with, voters
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.choice import candidates
from engine.store.mlflow_model import load_model
from engine.store.mlflow_store import RunStore
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd, IterationRecord, RunRecord
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")


#: (outputs, inputs) of `fit_second_level`.
BeginSecondLevel = Callable[[list[NDArray[np.float64]], list[list[int]]], Fitting | None]


#: Members of a stack at most: more make it no better.
_STACK_MEMBERS = 8


#: Members whose predictions a second level sees, at most.
_INPUTS = 6


#: Seconds over the run's time that ensembles may take: Tune waits up to five for actors that are
#: still starting when its loop should end.
_GRACE_SECONDS = 8.0


#: What each may take even then.
_LEAST_SHARE = 2.0


#: With less time than this left, no ensemble is begun.
_LEAST_SECONDS = 1.0


def add_ensembles(
    store: RunStore,
    record: RunRecord,
    settings: Settings,
    targets: Callable[[], Dataset],
    until: float | None,
    stop: Callable[[], bool],
    second_level: BeginSecondLevel | None = None,
) -> None:
    """Make the ensembles that are wanted and write their rows.

    With fewer than two candidates there is nothing to combine and no row. What goes wrong is a
    row that says so: the run has its pipelines anyway.

    Parameters
    ----------
    targets:
        Gives the data; its features are not looked at.
    until:
        When the run's time is over, in seconds since the epoch; rows that are not ready soon after
        it are left out.
    stop:
        Asked all the time whether to give up.
    second_level:
        Begins to fit one over out-of-fold predictions, for the stack, see `fit_second_level`;
        default: the stack is made without.
    """
    metric = METRICS[record.primary_metric]
    iterations = store.iterations(record.run_id)
    tried = sum(r.status in ("Completed", "Pruned") and not r.is_ensemble for r in iterations)
    best = candidates(iterations, metric, settings.ensemble_iterations)
    if not settings.ensembles or len(best) < 2:
        return
    rows = _Rows(store, record, iterations)
    runs = {r.iteration: r.run_id for r in best}
    pipelines: dict[int, Any] = {}
    inputs: list[int] = []
    fitting: Fitting | None = None

    def prepare() -> tuple[Dataset, OutOfFold, _Preference]:
        dataset = targets()
        data = OutOfFold.of(
            dataset,
            make_splits(dataset, settings.split_plan),
            {n: store.predictions(child).astype(np.float64) for n, child in runs.items()},
            {r.iteration: r.properties.prediction_ms or 0.0 for r in best},
            {r.iteration: r.kind for r in best},
        )
        alone = choose_one(data, metric.name) if tried >= _MANY else None
        return dataset, data, _Preference(metric, alone)

    def begin_second_level(data: OutOfFold) -> None:
        nonlocal inputs, fitting
        if second_level is None:
            return
        try:
            inputs = stack_members(data, metric.name, _INPUTS)
            # Each fold's model sees the best by the other folds' rows.
            seen = [
                stack_members(data.rows(others), metric.name, _INPUTS)
                for others, _ in data.splits()
            ]
            known = sorted({n for chosen in [*seen, inputs] for n in chosen})
            fitting = second_level(
                [data.everywhere(data.predictions[n]) for n in known],
                [[known.index(n) for n in chosen] for chosen in [*seen, inputs]],
            )
        except Exception:
            logger.exception("no second level")

    def combine(name: str, data: OutOfFold, until: float | None) -> EnsembleResult:
        if name == VOTING:
            return vote(data, metric.name, _share_of(until))
        own = None if fitting is None else fitting.result()
        if own is not None:
            result = vote_with(data, metric.name, own, inputs, _share_of(until))
            if result is not None:
                return result
        share = _share_of(until)
        late = None if share is None else time.monotonic() + share

        def stacked(data: OutOfFold) -> list[int]:
            return voters(data, metric.name, _STACK_MEMBERS, late)

        return stack(
            data,
            stacked(data),
            choose=stacked,
            meta_learner_type=settings.stack_meta_learner_type,
            meta_learner_kwargs=settings.stack_meta_learner_kwargs,
            train_percentage=settings.stack_meta_learner_train_percentage,
            random_state=settings.random_state,
            seconds=None if until is None else max(_LEAST_SHARE, until - time.time()),
        )

    last = None if until is None else until + _GRACE_SECONDS

    def make() -> None:
        prepared: tuple[Dataset, OutOfFold, _Preference] | None = None
        for name in settings.ensembles:
            began = time.time()
            if stopped.is_set() or (last is not None and last - began < _LEAST_SECONDS):
                logger.warning("no %s: the run's time is over", name)
                break
            try:
                if prepared is None:
                    prepared = prepare()
                    begin_second_level(prepared[1])
                dataset, data, preference = prepared
                result = combine(name, data, until)
                for n in result.members:
                    if n not in pipelines:
                        pipelines[n] = load_model(store, runs[n])
                why = preference.of(name, result)
                end = _end(name, result, pipelines, dataset.classes, why)
                spec = _spec(name, result)
            except NoTime as reason:
                logger.warning("no %s: %s", name, reason)
                break
            except Exception as error:
                logger.exception("no %s", name)
                end = IterationEnd(IterationStatus.FAILED, f"{type(error).__name__}: {error}")
                spec = PipelineSpec(name)
            if not stopped.is_set():
                rows.write(name, spec, end, began)
        if fitting is not None:
            fitting.cancel()

    # In a thread, so that a cancelled run need not wait for a fit that cannot be interrupted.
    stopped = threading.Event()
    work = threading.Thread(target=make, name="raysmith-ensembles", daemon=True)
    work.start()
    while work.is_alive():
        work.join(0.2)
        if stop() or (last is not None and time.time() > last):
            logger.warning("the ensembles were not ready in time")
            stopped.set()
            if fitting is not None:
                fitting.cancel()
            return


def _share_of(until: float | None) -> float | None:
    return None if until is None else max(_LEAST_SHARE, 0.4 * (until - time.time()))


class _Rows:
    """Writes ensembles' rows, under the number of an unfinished one or the next."""

    def __init__(
        self, store: RunStore, record: RunRecord, iterations: Sequence[IterationRecord]
    ) -> None:
        self._store = store
        self._record = record
        self._next = max(r.iteration for r in iterations) + 1
        self._unfinished = {
            r.kind: r.run_id for r in iterations if r.is_ensemble and not r.status.is_final
        }

    def write(self, name: str, spec: PipelineSpec, end: IterationEnd, began: float) -> None:
        child = self._unfinished.get(name)
        if child is not None:
            self._store.restart_iteration(child, IterationProperties.of_pipeline(spec), began)
        else:
            number = self._next
            self._next += 1
            properties = IterationProperties.of_pipeline(spec, number)
            child = self._store.start_iteration(
                self._record, number, name, dict(spec.estimator_params), properties, began
            )
        self._store.end_iteration(child, end)


def _spec(name: str, result: EnsembleResult) -> PipelineSpec:
    params: dict[str, Any] = {"iterations": list(result.members)}
    if name == VOTING:
        params["weights"] = [round(weight, 4) for weight in result.members.values()]
    return PipelineSpec(name, estimator_params=params)


def _end(
    name: str,
    result: EnsembleResult,
    pipelines: Mapping[int, Any],
    classes: NDArray[Any] | None,
    preferred: str | None,
) -> IterationEnd:
    ensemble = compose(result, pipelines, classes)
    heaviest = pipelines[max(result.members, key=lambda n: result.members[n])]
    features = SharedFeatures(heaviest.named_steps["datatransformer"])
    model = Pipeline([("datatransformer", features), (name, ensemble)])
    lines = [f"iteration {n}: weight {weight:.3f}" for n, weight in result.members.items()]
    if result.own_weight is not None:
        lines.append(f"second level: weight {result.own_weight:.3f}")
    return IterationEnd(
        IterationStatus.COMPLETED,
        metrics=result.metrics,
        fold_metrics=tuple(result.fold_metrics),
        properties=IterationProperties(
            ensembled_iterations=tuple(result.members),
            ensemble_weights=tuple(round(w, 4) for w in result.members.values()),
            preferred=preferred,
        ),
        model=pack_model(model),
        predictions=pack_predictions(result.predictions),
        log="\n".join([name, *lines, ""]),
    )
