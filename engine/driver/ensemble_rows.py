"""Rows of ensembles: the iterations that hold a run's ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.ensembles.compose import EnsembleResult, as_pipeline
from engine.ensembles.names import VOTING
from engine.errors import StoreUnavailable
from engine.pipelines.spec import PipelineSpec
from engine.store.fence import ClaimLost
from engine.store.mlflow_store import RunStore
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd, IterationRecord, RunRecord
from engine.store.status import IterationStatus


class EnsembleRows:
    """Writes a run's ensembles as iterations that have ended, without letting the caller wait.

    An iteration that an earlier driver has begun is begun again under its number; other ensembles
    get the numbers after the last iteration. What the store does not take is kept in the spool.

    Parameters
    ----------
    store, record:
        The run.
    iterations:
        The run's iterations, one at least.

    Attributes
    ----------
    made:
        Names of the ensembles that an earlier driver has made of the same pipelines.
    """

    def __init__(
        self, store: RunStore, record: RunRecord, iterations: Sequence[IterationRecord]
    ) -> None:
        self._metric = record.primary_metric
        self._next = max(r.iteration for r in iterations) + 1
        ensembles = [r for r in iterations if r.is_ensemble]
        pipelines = [r.iteration for r in iterations if not r.is_ensemble]
        unfinished = [r for r in ensembles if not r.status.is_final]
        self._unfinished = {r.kind: r.iteration for r in unfinished}
        self._recorder = Recorder(store, record)
        self._recorder.adopt({r.iteration: r.run_id for r in unfinished})
        last = max(pipelines, default=-1)
        self.made = {r.kind for r in ensembles if r.is_completed and r.iteration > last}

    def write(self, spec: PipelineSpec, end: IterationEnd, began: float) -> None:
        """Have one ensemble written.

        Parameters
        ----------
        spec:
            The ensemble's name and members.
        end:
            How it ended.
        began:
            When its making began, in seconds since the epoch.
        """
        number = self._unfinished.get(spec.estimator)
        if number is None:
            number = self._next
            self._next += 1
        self._recorder.started(number, spec, IterationProperties(), began)
        self._recorder.ended(number, end.with_fold_scores(self._metric), {})

    def close(self) -> None:
        """Wait until all ensembles are written, or kept in the spool.

        Raises
        ------
        StoreUnavailable
            When the store was given up; says where the ensembles are kept.
        """
        self._recorder.close()
        if isinstance(self._recorder.error, StoreUnavailable | ClaimLost):
            raise self._recorder.error


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
