"""Frozen records of runs and iterations, as the store holds them; without MLflow."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.ensembles.names import ENSEMBLES
from engine.metrics.metric import METRICS, Metric
from engine.pipelines.spec import PipelineSpec
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.status import IterationStatus, RunStatus


@dataclass(frozen=True)
class Requests:
    """Requests that clients have left in the store for the driver.

    Examples
    --------
    >>> Requests(cancel_iterations=frozenset({7})).cancel
    False
    """

    cancel: bool = False
    pause: bool = False
    cancel_iterations: frozenset[int] = frozenset()


@dataclass(frozen=True)
class RunRecord:
    """A run as the store holds it.

    Attributes
    ----------
    started, ended:
        Seconds since the epoch; ``ended`` is ``None`` until the run has a final state.
    driver:
        The driver that has claimed the run last; ``None`` for a run that nobody has claimed.
    notes:
        Warnings for the user.
    tags:
        The user's tags.
    target:
        Name of the compute target; ``local`` for this machine.
    data:
        Fingerprint of the data that the run's iterations have seen; ``None`` before the first.
    is_resumable:
        Whether the store has all that another driver needs.
    """

    run_id: str
    experiment_id: str
    name: str
    status: RunStatus
    error: str | None
    error_type: str | None
    task: str
    primary_metric: str
    started: float
    ended: float | None
    driver: DriverIdentity | None
    requests: Requests
    notes: tuple[str, ...]
    tags: Mapping[str, str]
    target: str = "local"
    data: str | None = None
    is_resumable: bool = True

    @property
    def is_final(self) -> bool:
        """Whether the run has a final state."""
        return self.status.is_final

    @property
    def end(self) -> str | None:
        """Why nothing is executed any more: the final state, in words; ``None`` before."""
        return f"the run has ended: {self.status}" if self.is_final else None

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return METRICS[self.primary_metric]

    def is_driven_by(self, driver: DriverIdentity) -> bool:
        """Whether no other driver has claimed the run."""
        return self.driver is None or self.driver.token == driver.token


@dataclass(frozen=True)
class IterationRecord:
    """An iteration as the store holds it.

    Attributes
    ----------
    run_id:
        Id of the iteration's own run in MLflow.
    metrics:
        Metric name -> mean over the folds.
    started, ended:
        Seconds since the epoch; ``ended`` is ``None`` while the iteration goes on.
    retries:
        Reasons why the iteration was started again: the nodes that were lost.

    Examples
    --------
    >>> record = IterationRecord("id", 3, IterationStatus.FAILED, "PCA KNN", reason="out of memory")
    >>> record.is_completed
    False
    """

    run_id: str
    iteration: int
    status: IterationStatus
    pipeline: str
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    properties: IterationProperties = field(default_factory=IterationProperties)
    started: float = 0.0
    ended: float | None = None
    retries: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Seconds that the iteration took, or has been running for.

        Examples
        --------
        >>> IterationRecord(
        ...     "id", 3, IterationStatus.COMPLETED, "KNN", started=100.0, ended=102.5
        ... ).seconds
        2.5
        """
        return max(0.0, (self.ended or time.time()) - self.started)

    @property
    def kind(self) -> str:
        """Name of the estimator; the iteration's number where the name is not known.

        Examples
        --------
        >>> properties = IterationProperties(run_algorithm="KNN")
        >>> status = IterationStatus.RUNNING
        >>> IterationRecord("id", 3, status, "PCA KNN", properties=properties).kind
        'KNN'
        >>> IterationRecord("id", 3, status, "PCA KNN").kind
        '3'
        """
        return self.properties.run_algorithm or str(self.iteration)

    @property
    def is_completed(self) -> bool:
        """Whether the iteration has left a model and scores.

        Examples
        --------
        >>> IterationRecord("id", 3, IterationStatus.COMPLETED, "KNN").is_completed
        True
        """
        return self.status == IterationStatus.COMPLETED

    @property
    def is_ensemble(self) -> bool:
        """Whether the iteration combines the models of others.

        Examples
        --------
        >>> voting = IterationProperties(run_algorithm="VotingEnsemble")
        >>> status = IterationStatus.COMPLETED
        >>> IterationRecord("id", 9, status, "VotingEnsemble", properties=voting).is_ensemble
        True
        """
        return self.properties.run_algorithm in ENSEMBLES

    def abandoned(self, reason: str | None) -> IterationRecord:
        """Return the record as it is seen when nobody executes the run's iterations any more.

        Parameters
        ----------
        reason:
            Why that is so; ``None`` when somebody does.

        Examples
        --------
        >>> record = IterationRecord("id", 3, IterationStatus.RUNNING, "KNN")
        >>> record.abandoned("the driver has died").status
        <IterationStatus.FAILED: 'Failed'>
        >>> record.abandoned(None).status
        <IterationStatus.RUNNING: 'Running'>
        """
        if reason is None or self.status.is_final:
            return self
        return replace(self, status=IterationStatus.FAILED, reason=reason)

    @property
    def spec(self) -> PipelineSpec:
        """The pipeline's specification; without parameters where the store has none.

        Examples
        --------
        >>> spec = PipelineSpec("KNN", "PCA", {"n_neighbors": 5})
        >>> properties = IterationProperties.of_pipeline(spec)
        >>> status = IterationStatus.RUNNING
        >>> IterationRecord("id", 3, status, spec.name, properties=properties).spec == spec
        True
        """
        try:
            return PipelineSpec.from_json(self.properties.pipeline_spec or "")
        except ValueError:
            return PipelineSpec(self.kind, self.properties.run_preprocessor or "")


@dataclass(frozen=True)
class IterationEnd:
    """Everything that is written when an iteration ends.

    Attributes
    ----------
    fold_metrics:
        One mapping of metric name to value for each fold.
    model:
        Bytes from `engine.store.packing.pack_model`.
    predictions:
        Bytes from `engine.store.packing.pack_predictions`.
    log:
        Text of the iteration's log.
    whole_seconds:
        Estimated seconds that a pruned iteration would have taken.

    Examples
    --------
    >>> IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.9}).reason
    ''
    """

    status: IterationStatus
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    fold_metrics: tuple[Mapping[str, float], ...] = ()
    properties: IterationProperties = field(default_factory=IterationProperties)
    model: bytes | None = None
    predictions: bytes | None = None
    log: str | None = None
    whole_seconds: float | None = None

    def with_fold_scores(self, metric: str) -> IterationEnd:
        """Return a copy whose properties hold the values of a metric on the folds.

        Readers then get them with the iteration and need no request for its curves.

        Examples
        --------
        >>> folds = ({"accuracy": 0.8}, {"accuracy": 0.9})
        >>> end = IterationEnd(IterationStatus.COMPLETED, fold_metrics=folds)
        >>> end.with_fold_scores("accuracy").properties.fold_scores
        (0.8, 0.9)
        """
        scores = [fold[metric] for fold in self.fold_metrics if metric in fold]
        defined = tuple(float(f"{score:.6g}") for score in scores if math.isfinite(score))
        if not defined:
            return self
        return replace(self, properties=replace(self.properties, fold_scores=defined))
