"""Rows of ensembles: the iterations that hold a run's ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.ensembles.compose import EnsembleResult, as_pipeline
from engine.ensembles.names import VOTING
from engine.pipelines.spec import PipelineSpec
from engine.store.mlflow_store import RunStore
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd, IterationRecord, RunRecord
from engine.store.status import IterationStatus


class EnsembleRows:
    """Writes a run's ensembles as iterations that have ended.

    An iteration that an earlier driver has begun is begun again under its number; other ensembles
    get the numbers after the last iteration.

    Parameters
    ----------
    store, record:
        The run.
    iterations:
        The run's iterations, one at least.
    """

    def __init__(
        self, store: RunStore, record: RunRecord, iterations: Sequence[IterationRecord]
    ) -> None:
        self._store = store
        self._record = record
        self._next = max(r.iteration for r in iterations) + 1
        self._unfinished = {
            r.kind: r.run_id for r in iterations if r.is_ensemble and not r.status.is_final
        }

    def write(self, spec: PipelineSpec, end: IterationEnd, began: float) -> None:
        """Write one ensemble.

        Parameters
        ----------
        spec:
            The ensemble's name and members.
        end:
            How it ended.
        began:
            When its making began, in seconds since the epoch.
        """
        child = self._unfinished.get(spec.estimator)
        if child is not None:
            self._store.restart_iteration(child, IterationProperties.of_pipeline(spec), began)
        else:
            number = self._next
            self._next += 1
            child = self._store.start_iteration(
                self._record,
                number,
                spec.estimator,
                dict(spec.estimator_params),
                IterationProperties.of_pipeline(spec, number),
                began,
            )
        self._store.end_iteration(child, end.with_fold_scores(self._record.primary_metric))


def made_from_all(iterations: Sequence[IterationRecord]) -> frozenset[str]:
    """Return the names of the ensembles that an earlier driver has made from all pipelines.

    Pipelines that were added later have higher numbers than the ensembles made before.
    """
    last = max((r.iteration for r in iterations if not r.is_ensemble), default=-1)
    return frozenset(
        r.kind for r in iterations if r.is_ensemble and r.is_completed and r.iteration > last
    )


def spec_of(name: str, result: EnsembleResult) -> PipelineSpec:
    """Return the specification of an ensemble: its members and, for voting, their weights.

    Examples
    --------
    >>> import numpy as np
    >>> result = EnsembleResult({4: 0.3, 7: 0.7}, {}, [], np.zeros(0))
    >>> dict(spec_of("VotingEnsemble", result).estimator_params)
    {'iterations': [4, 7], 'weights': [0.3, 0.7]}
    """
    params: dict[str, Any] = {"iterations": list(result.members)}
    if name == VOTING:
        params["weights"] = [round(weight, 4) for weight in result.members.values()]
    return PipelineSpec(name, estimator_params=params)


def end_of(
    name: str,
    result: EnsembleResult,
    pipelines: Mapping[int, Pipeline],
    classes: NDArray[Any] | None,
    preferred: str | None,
) -> IterationEnd:
    """Return the end of an iteration that holds an ensemble.

    Parameters
    ----------
    name:
        One of `engine.ensembles.names.ENSEMBLES`.
    result:
        The ensemble.
    pipelines:
        Iteration -> fitted pipeline, at least the members.
    classes:
        Sorted class labels; ``None`` for regression.
    preferred:
        Why the run hands this ensemble over, see `engine.ensembles.preference.Preference`.
    """
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
        model=pack_model(as_pipeline(name, result, pipelines, classes)),
        predictions=pack_predictions(result.predictions),
        log="\n".join([name, *lines, ""]),
    )
