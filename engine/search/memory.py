"""Expected memory of pipelines: from their size at first, then also from what trials needed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from engine.data.dataset import DataSummary
from engine.pipelines.catalogue.entries import EstimatorEntry
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.ranges import Choices
from engine.pipelines.memory import expected_increase
from engine.pipelines.spec import NO_SCALER_SHOWN, PipelineSpec
from engine.search.proposals import as_spec
from engine.search.searcher import Observation
from engine.search.usable import usable_scalers

#: MiB of a process that runs trials, before its first one.
START_MB = 250.0
#: Added to increases in MiB before they are compared: small ones say little about large ones.
_SMOOTHING_MB = 50.0
#: How far the first guess may be too high, and how far others' trials may raise it, as factors.
_LEAST_FACTOR, _MOST_OF_OTHERS = 0.2, 3.0
#: After an estimator ran out of memory, this share of that pipeline's increase is still tried.
_STILL_TRIED = 0.5
#: Times that an estimator runs out of memory before it is not tried at all.
_MOST_TIMES = 2


class MemoryModel:
    """Expects the memory that the trial of a pipeline needs at its peak.

    The first guess follows from the size of the data and the pipeline's parameters. What the trials
    of an estimator needed corrects the guess for its next ones, and for other estimators less.

    Parameters
    ----------
    data:
        Summary of the training data.
    limit_mb:
        MiB that a trial may have; infinite where nobody knows.

    Attributes
    ----------
    limit_mb:
        See above; it may be set again when the machines change.

    Examples
    --------
    >>> data = DataSummary("regression", 1_000_000, 50, False, False, None, "split", "")
    >>> memory = MemoryModel(data, limit_mb=1500.0)
    >>> small, large = (
    ...     PipelineSpec("RandomForest", estimator_params={"min_samples_leaf": leaf})
    ...     for leaf in (16, 1)
    ... )
    >>> memory.fits(small), memory.fits(large)
    (True, False)
    >>> memory.ran_out(small)
    >>> memory.fits(small)
    False
    """

    def __init__(self, data: DataSummary, limit_mb: float = math.inf) -> None:
        self._data = data
        self.limit_mb = limit_mb
        self._starts: list[float] = []
        #: Estimator -> seen increases, as factors of the expected ones.
        self._factors: dict[str, list[float]] = {}
        #: Estimator -> the largest expected increase of a pipeline that gave a score.
        self._fine: dict[str, float] = {}
        #: Estimator -> expected increases of the pipelines that ran out of memory.
        self._out: dict[str, list[float]] = {}
        self._smallest: dict[str, PipelineSpec] = {}

    @property
    def has_run_out(self) -> bool:
        """Whether any pipeline ran out of memory."""
        return bool(self._out)

    def expected_mb(self, spec: PipelineSpec) -> float:
        """Return the MiB that a trial is expected to have at its peak, its process included."""
        increase = self._increase(spec) + _SMOOTHING_MB
        return self._start + increase * self._factor(spec.estimator) - _SMOOTHING_MB

    def fits(self, spec: PipelineSpec) -> bool:
        """Whether a pipeline is expected to fit, and is not like one that ran out of memory."""
        return self.expected_mb(spec) <= self.limit_mb and not self.is_like_too_large(spec)

    def is_like_too_large(self, spec: PipelineSpec) -> bool:
        """Whether the estimator ran out of memory repeatedly, or once at about this size.

        A size at which it gave a score is tried again: what ran out may have been the memory that
        others left.
        """
        out = self._out.get(spec.estimator, ())
        if not out:
            return False
        most = max(_STILL_TRIED * min(out), self._fine.get(spec.estimator, 0.0))
        return len(out) >= _MOST_TIMES or self._increase(spec) > most

    def saw(self, observation: Observation) -> None:
        """Learn from a trial that has ended."""
        spec, use = observation.spec, observation.memory
        if not math.isnan(observation.score):
            fine = self._fine.get(spec.estimator, 0.0)
            self._fine[spec.estimator] = max(fine, self._increase(spec))
        if use is None:
            return
        self._starts.append(use.start_mb)
        seen = max(0.0, use.peak_mb - use.start_mb) + _SMOOTHING_MB
        factor = seen / (self._increase(spec) + _SMOOTHING_MB)
        self._factors.setdefault(spec.estimator, []).append(max(factor, _LEAST_FACTOR))

    def ran_out(self, spec: PipelineSpec) -> None:
        """Take note that a pipeline needed more memory than there was."""
        self._out.setdefault(spec.estimator, []).append(self._increase(spec))

    def smallest(self, entry: EstimatorEntry) -> PipelineSpec:
        """Return the pipeline of an estimator that is expected to need the least, roughly.

        It has the estimator's default scaler. Each parameter is at the end of its range where the
        expected memory is less.
        """
        if entry.name not in self._smallest:
            self._smallest[entry.name] = self._smallest_of(entry)
        return self._smallest[entry.name]

    def _smallest_of(self, entry: EstimatorEntry) -> PipelineSpec:
        scaler = usable_scalers(entry, self._data.sparse)[0]
        point: dict[str, object] = {"scaler": scaler or NO_SCALER_SHOWN}
        for name, values in entry.space.items():
            if isinstance(values, Choices):
                point[name] = values.choices[0]
                continue
            ends = (values.low, values.high)
            point[name] = min(
                ends, key=lambda end: self._increase(as_spec(entry, {**point, name: end}))
            )
        return as_spec(entry, point)

    @property
    def _start(self) -> float:
        return median(self._starts) if self._starts else START_MB

    def _factor(self, estimator: str) -> float:
        """Return the largest factor of the estimator's trials, or the middle one of the others'."""
        own = self._factors.get(estimator)
        if own:
            return max(own)
        others = [max(factors) for factors in self._factors.values()]
        # Others say that the guess is too low rather than how much.
        return min(max(1.0, median(others)), _MOST_OF_OTHERS) if others else 1.0

    def _increase(self, spec: PipelineSpec) -> float:
        known: Mapping[str, EstimatorEntry] = estimators_of(self._data.task)
        return expected_increase(spec, self._data) if spec.estimator in known else 0.0
