"""The last rows of a run: ensembles of its best pipelines, made where the data is."""

from __future__ import annotations

import json
import logging
import pickle
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.data import Dataset
from engine.metrics import METRICS, Metric
from engine.models import load_model
from engine.nodedata import DataSource, load_here
from engine.pipelines import PipelineSpec
from engine.pipelines.ensembles import SharedFeatures
from engine.pipelines.names import ENSEMBLES, STACK, VOTING
from engine.records import ITERATION_ENDS, IterationEnd, IterationRecord, RunRecord
from engine.search.ensemble import EnsembleResult, OutOfFold, compose, stack, vote
from engine.settings import Settings
from engine.splits import make_splits
from engine.store import RunStore

logger = logging.getLogger("raysmith.driver")

#: Members of a stack at most: more make it slow to predict and no better.
_STACK_MEMBERS = 5


@dataclass(frozen=True)
class _Made:
    """What came back from the node: an ensemble, or why there is none; how long it took."""

    results: Mapping[str, EnsembleResult | str]
    classes: NDArray[Any] | None
    seconds: Mapping[str, float]


def is_ensemble(record: IterationRecord) -> bool:
    return record.properties.get("run_algorithm") in ENSEMBLES


def candidates(
    iterations: list[IterationRecord], metric: Metric, at_most: int
) -> list[IterationRecord]:
    """The best iterations, best first, without ensembles."""
    found = [
        record
        for record in iterations
        if record.status == "Completed"
        and not is_ensemble(record)
        and record.metrics.get(metric.name) is not None
    ]
    sign = -1 if metric.greater_is_better else 1
    return sorted(found, key=lambda r: (sign * r.metrics[metric.name], r.iteration))[:at_most]


def add_ensembles(
    store: RunStore,
    record: RunRecord,
    settings: Settings,
    source: DataSource,
    resources: Mapping[str, Any],
    until: float | None,
    stop: Callable[[], bool],
) -> None:
    """Make the ensembles that are wanted and write their rows.

    With fewer than two candidates there is nothing to combine and no row. What goes wrong is a
    row that says so: the run has its pipelines anyway.

    Parameters
    ----------
    resources:
        Of the Ray task that does it.
    until:
        When the run's time is over, in seconds since the epoch; rows that would not be ready by
        then are left out.
    stop:
        Asked all the time whether to give up.
    """
    metric = METRICS[record.primary_metric]
    iterations = store.iterations(record.run_id)
    best = candidates(iterations, metric, settings.ensemble_iterations)
    if not settings.ensembles or len(best) < 2:
        return
    predictions = {r.iteration: store.predictions(r.run_id) for r in best}
    started = time.time()
    seconds = None if until is None else max(0.5, until - started)
    future = (
        ray.remote(_make)
        .options(max_retries=0, **resources)
        .remote(source, predictions, metric.name, settings, seconds)
    )
    while not ray.wait([future], timeout=0.1)[0]:
        if stop() or (until is not None and time.time() > until):
            ray.cancel(future, force=True)
            logger.warning("no ensembles: the run's time is over")
            return
    try:
        made: _Made = ray.get(future)
    except Exception as error:
        logger.exception("no ensembles")
        reason = f"{type(error).__name__}: {error}"
        made = _Made(dict.fromkeys(settings.ensembles, reason), None, {})
    runs = {r.iteration: r.run_id for r in best}
    pipelines: dict[int, Any] = {}
    unfinished = {
        r.properties["run_algorithm"]: r
        for r in iterations
        if is_ensemble(r) and r.status not in ITERATION_ENDS
    }
    number = max(r.iteration for r in iterations) + 1
    for name in settings.ensembles:
        result = made.results.get(name, "there was no time for it")
        if isinstance(result, EnsembleResult):
            for n in result.members:
                if n not in pipelines:
                    pipelines[n] = load_model(store, runs[n])
            end = _end(name, result, pipelines, made.classes)
            spec = _spec(name, result)
        else:
            end, spec = IterationEnd("Failed", result), PipelineSpec(name)
        begun = time.time() - made.seconds.get(name, 0.0)
        properties: dict[str, Any] = {
            "run_algorithm": name,
            "run_preprocessor": "",
            "pipeline_spec": spec.to_json(),
        }
        if name in unfinished:
            child = unfinished[name].run_id
            store.restart_iteration(child, properties, begun)
        else:
            properties["iteration"] = number
            child = store.start_iteration(
                record, number, name, dict(spec.estimator_params), properties, begun
            )
            number += 1
        store.end_iteration(child, end)


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
) -> IterationEnd:
    ensemble = compose(result, pipelines, classes)
    heaviest = pipelines[next(iter(result.members))]
    features = SharedFeatures(heaviest.named_steps["datatransformer"])
    model = Pipeline([("datatransformer", features), (name, ensemble)])
    lines = [f"iteration {n}: weight {weight:.3f}" for n, weight in result.members.items()]
    return IterationEnd(
        "Completed",
        metrics=result.metrics,
        fold_metrics=tuple(result.fold_metrics),
        properties={
            "ensembled_iterations": json.dumps(list(result.members)),
            "ensemble_weights": json.dumps([round(w, 4) for w in result.members.values()]),
        },
        model=pickle.dumps(model, protocol=5),
        log="\n".join([name, *lines, ""]),
    )


def _make(
    source: DataSource,
    predictions: Mapping[int, NDArray[np.float32]],
    metric: str,
    settings: Settings,
    seconds: float | None,
) -> _Made:
    started = time.monotonic()
    loaded = load_here(source)
    reference = source.shared if loaded is None else loaded.reference
    assert reference is not None
    dataset: Dataset = ray.get(reference[0])
    data = OutOfFold.of(
        dataset,
        make_splits(dataset, source.plan),
        {n: values.astype(np.float64) for n, values in predictions.items()},
    )
    limit = None if seconds is None else min(20.0, 0.5 * seconds)
    results: dict[str, EnsembleResult | str] = {}
    took: dict[str, float] = {}
    members = list(predictions)[:_STACK_MEMBERS]
    if VOTING in settings.ensembles:
        results[VOTING] = _try(lambda: vote(data, metric, limit))
        took[VOTING] = time.monotonic() - started
        voted = results[VOTING]
        if isinstance(voted, EnsembleResult):
            members = list(dict.fromkeys([*voted.members, *members]))[:_STACK_MEMBERS]
    left = None if seconds is None else seconds - (time.monotonic() - started)
    if STACK in settings.ensembles and (left is None or left > 0.3 * (seconds or 0)):
        begun = time.monotonic()
        results[STACK] = _try(
            lambda: stack(
                data,
                members,
                meta_learner_type=settings.stack_meta_learner_type,
                meta_learner_kwargs=settings.stack_meta_learner_kwargs,
                train_percentage=settings.stack_meta_learner_train_percentage,
                random_state=settings.random_state,
            )
        )
        took[STACK] = time.monotonic() - begun
    return _Made(results, dataset.classes, took)


def _try(make: Callable[[], EnsembleResult]) -> EnsembleResult | str:
    try:
        return make()
    except Exception as error:
        return f"{type(error).__name__}: {error}"
