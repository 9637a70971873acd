"""Typed properties of an iteration: pipeline, node, times, sizes and ensemble members."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from engine.pipelines.spec import PipelineSpec


def _count() -> Any:
    return field(default=None, metadata={"read": int})


def _number() -> Any:
    return field(default=None, metadata={"read": float})


def _list(of: type[int] | type[float]) -> Any:
    def read(text: str) -> tuple[float, ...] | None:
        try:
            return tuple(map(of, json.loads(text)))
        except ValueError:
            return None  # a text that was too long for a tag

    return field(default=None, metadata={"read": read})


@dataclass(frozen=True)
class IterationProperties:
    """Properties that the store keeps with an iteration; ``None`` where nothing is known.

    Users read them as texts, see `engine.IterationRun.get_properties`.

    Attributes
    ----------
    iteration:
        Number of the iteration in its run, from 0.
    run_algorithm, run_preprocessor:
        Names of the estimator and of the scaler; the scaler's is empty where there is none.
    pipeline_spec:
        `engine.pipelines.spec.PipelineSpec` as JSON.
    node_id, node_ip, pid:
        Node and process that ran the trial.
    fit_seconds, score_seconds:
        Seconds spent on fitting and on scoring, all folds together.
    prediction_ms:
        Estimated milliseconds to predict 1,000 rows on one core.
    folds:
        Number of folds that were scored.
    fold_scores:
        The primary metric on each fold, to six digits.
    fitted_rows:
        Rows that the kept model was fitted on.
    cores, threads:
        CPU cores of the trial, and the threads that it was seen to use.
    start_memory_mb, peak_memory_mb:
        Memory that the trial's process had for itself, in MiB: at the start of the trial, and the
        most that was seen. Data that processes share does not count.
    ensembled_iterations, ensemble_weights:
        Numbers of an ensemble's members and their weights, in the same order.
    preferred:
        Both scores, for an ensemble that is handed over although a single pipeline's score may be
        ahead.

    Examples
    --------
    >>> properties = IterationProperties(node_ip="10.0.0.4", folds=5, ensemble_weights=(0.75, 0.25))
    >>> properties.to_tags()
    {'node_ip': '10.0.0.4', 'folds': '5', 'ensemble_weights': '[0.75, 0.25]'}
    >>> IterationProperties.from_tags(properties.to_tags()) == properties
    True
    """

    iteration: int | None = _count()
    run_algorithm: str | None = None
    run_preprocessor: str | None = None
    pipeline_spec: str | None = None
    node_id: str | None = None
    node_ip: str | None = None
    pid: int | None = _count()
    fit_seconds: float | None = _number()
    score_seconds: float | None = _number()
    prediction_ms: float | None = _number()
    folds: int | None = _count()
    fold_scores: tuple[float, ...] | None = _list(float)
    fitted_rows: int | None = _count()
    cores: int | None = _count()
    threads: int | None = _count()
    start_memory_mb: float | None = _number()
    peak_memory_mb: float | None = _number()
    ensembled_iterations: tuple[int, ...] | None = _list(int)
    ensemble_weights: tuple[float, ...] | None = _list(float)
    preferred: str | None = None

    @classmethod
    def of_pipeline(cls, spec: PipelineSpec, iteration: int | None = None) -> IterationProperties:
        """Return properties that describe a pipeline.

        Examples
        --------
        >>> IterationProperties.of_pipeline(PipelineSpec("KNN"), 7).run_algorithm
        'KNN'
        """
        return cls().with_pipeline(spec, iteration)

    def with_pipeline(
        self, spec: PipelineSpec, iteration: int | None = None
    ) -> IterationProperties:
        """Return a copy that describes ``spec`` too.

        Examples
        --------
        >>> here = IterationProperties(node_ip="10.0.0.4").with_pipeline(PipelineSpec("KNN", "PCA"))
        >>> here.node_ip, here.run_algorithm, here.run_preprocessor
        ('10.0.0.4', 'KNN', 'PCA')
        """
        return dataclasses.replace(
            self,
            iteration=iteration,
            run_algorithm=spec.estimator,
            run_preprocessor=spec.scaler,
            pipeline_spec=spec.to_json(),
        )

    @classmethod
    def from_tags(cls, tags: Mapping[str, str]) -> IterationProperties:
        """Read the texts that `to_tags` wrote; names that are not properties are ignored.

        Examples
        --------
        >>> IterationProperties.from_tags({"folds": "5", "colour": "red"}).folds
        5
        """
        return cls(
            **{
                known.name: known.metadata.get("read", str)(tags[known.name])
                for known in fields(cls)
                if known.name in tags
            }
        )

    def to_tags(self) -> dict[str, str]:
        """Return property name -> text, for those that are not ``None``.

        Examples
        --------
        >>> IterationProperties(folds=5, fit_seconds=1.25).to_tags()
        {'fit_seconds': '1.25', 'folds': '5'}
        """
        values = ((known.name, getattr(self, known.name)) for known in fields(self))
        return {name: _text(value) for name, value in values if value is not None}


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, tuple) else str(value)
