"""Which pipeline comes next: the portfolio first, then what the scores so far suggest."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from engine.data.dataset import DataSummary
from engine.errors import ConfigException
from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry, ScalerEntry
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec
from engine.search.distributions import as_distributions
from engine.search.portfolio import load_portfolio

#: Share of model-based proposals that are a small step from the estimator's best pipeline.
_LOCAL_SHARE = 0.5
_LOCAL_STEP = 0.15
#: A pipeline that is expected to take more than this share of the time that is left is not tried.
_AFFORDABLE = 0.8
#: With a time limit, an estimator that gave no score this often is not tried again.
_GIVEN_UP = 3
_KNOWN = 30


@dataclass(frozen=True)
class Observation:
    """An iteration that ended: its score (NaN for none) and its time."""

    spec: PipelineSpec
    score: float
    seconds: float


class PipelineSearch:
    """Proposes a pipeline for each iteration; no pipeline twice.

    First the portfolio, in its order; of estimators that were named, one pipeline each first. Then
    an estimator is drawn, the better its best score so far the likelier, and its parameters come
    from Optuna's tree-structured Parzen estimator or are a small step from the estimator's best so
    far. Pipelines that run elsewhere at the same time are taken into account. With a time limit,
    what would not end in time is not proposed, and estimators that give as much for less time are
    preferred.

    Without a time limit the proposals depend on nothing but the data's summary, the allowed
    estimators, the seed and the scores so far.

    Parameters
    ----------
    data:
        Decides what can work: sparse input, weights, number of rows.
    allowed, blocked:
        Names of estimators; ``None`` for all, and for none.
    random_state:
        Seed.
    weighted:
        Whether fits get weights; default: as ``data`` says.
    metric:
        Name of the primary metric; default: accuracy or Spearman's correlation.
    portfolio:
        File of another portfolio than the one that comes with raysmith.
    onnx:
        Only what converts to ONNX.

    Raises
    ------
    ConfigException
        When no estimator is left; says why each one fell out.

    Notes
    -----
    Source of the estimator: Bergstra, Bardenet, Bengio & Kégl (2011), Algorithms for
    hyper-parameter optimization.
    """

    def __init__(
        self,
        data: DataSummary,
        allowed: Sequence[str] | None = None,
        blocked: Sequence[str] | None = None,
        random_state: int = 0,
        weighted: bool | None = None,
        metric: str | None = None,
        portfolio: Path | None = None,
        onnx: bool = False,
    ) -> None:
        self._data = data
        self._onnx = onnx
        self._weighted = data.weighted if weighted is None else weighted
        self._seed = random_state
        default = "accuracy" if data.task == "classification" else "spearman_correlation"
        self._metric = METRICS[metric or default]
        self._reasons: dict[str, str] = {}
        self._usable = {
            entry.name: entry
            for entry in estimators_of(data.task).values()
            if self._is_usable(entry, allowed, blocked or ())
        }
        if not self._usable:
            why = "; ".join(f"{name}: {reason}" for name, reason in self._reasons.items())
            raise ConfigException([f"no estimator is left to try ({why})"])
        self._portfolio = [
            spec
            for spec in load_portfolio(data.task, portfolio, data.n_rows)
            if spec.estimator in self._usable and self._scaler_fits(spec.scaler)
        ]
        if allowed is not None:
            # Who names a few estimators wants to see each of them, also in a few iterations.
            self._portfolio = _first_of_each_estimator_first(self._portfolio)
        self._seen: set[str] = set()
        self._given: dict[int, PipelineSpec] = {}
        self._pending: dict[int, PipelineSpec] = {}
        self._history: list[Observation] = []
        self._lock = threading.Lock()

    def replay(self, number: int, spec: PipelineSpec) -> None:
        """An earlier driver has proposed this for iteration ``number``."""
        self._given[number] = spec
        self._seen.add(spec.to_json())

    def tell(self, number: int, spec: PipelineSpec, score: float, seconds: float) -> None:
        """How iteration ``number`` ended."""
        with self._lock:
            self._pending.pop(number, None)
            self._seen.add(spec.to_json())
            self._history.append(Observation(spec, score, seconds))

    def ask(self, number: int, seconds_left: float | None = None) -> PipelineSpec | None:
        """The pipeline of iteration ``number``, counted from 0; ``None``: no time for any.

        Parameters
        ----------
        seconds_left:
            Until trials must have ended; ``None`` for no limit.
        """
        with self._lock:
            spec = self._given.get(number) or self._next(number, seconds_left)
            if spec is None:
                return None
            self._given[number] = self._pending[number] = spec
            self._seen.add(spec.to_json())
            return spec

    def expected_seconds(self, name: str) -> float | None:
        """What an iteration with that estimator takes; ``None`` before anything has ended."""
        own = [o.seconds for o in self._history if o.spec.estimator == name]
        if own:
            return float(np.mean(own[-5:]))
        ratios = [
            o.seconds / self._usable[o.spec.estimator].cost
            for o in self._history
            if o.spec.estimator in self._usable
        ]
        return float(np.median(ratios)) * self._usable[name].cost if ratios else None

    def _next(self, number: int, seconds_left: float | None) -> PipelineSpec | None:
        while self._portfolio:
            spec = self._portfolio.pop(0)
            if spec.to_json() not in self._seen and self._affordable(spec.estimator, seconds_left):
                return spec
        generator = np.random.default_rng([self._seed, number])
        names = [
            n
            for n in self._usable
            if self._affordable(n, seconds_left)
            and (seconds_left is None or not self._is_given_up(n))
        ]
        if not names:
            return None
        for attempt in range(100):
            entry = self._usable[self._draw_estimator(names, generator, seconds_left is not None)]
            spec = self._draw_pipeline(entry, generator, attempt)
            if spec.to_json() not in self._seen:
                break
        return spec

    def _affordable(self, name: str, seconds_left: float | None) -> bool:
        if seconds_left is None:
            return True
        expected = self.expected_seconds(name)
        return expected is None or expected <= _AFFORDABLE * seconds_left

    def _is_given_up(self, name: str) -> bool:
        """Whether it never gave a score while others did."""
        tries = sum(o.spec.estimator == name for o in self._history)
        others_scored = not math.isnan(self._worst())
        return tries >= _GIVEN_UP and self._loss(name) == math.inf and others_scored

    def _draw_estimator(
        self, names: Sequence[str], generator: np.random.Generator, timed: bool
    ) -> str:
        """The better its best score the likelier; a cheap one likelier when time is limited."""
        ranked = sorted(names, key=self._loss)
        weights = np.array([(ranked.index(name) + 1.0) ** -1.5 for name in names])
        if timed:
            costs = np.array([self.expected_seconds(name) or 1.0 for name in names])
            weights = weights * np.maximum(costs, 0.1) ** -0.25
        return str(generator.choice(names, p=weights / weights.sum()))

    def _draw_pipeline(
        self, entry: EstimatorEntry, generator: np.random.Generator, attempt: int
    ) -> PipelineSpec:
        space = self._space(entry)
        seed = int(generator.integers(2**31))
        best = self._best_of(entry.name)
        if best is not None and attempt < 50 and generator.random() < _LOCAL_SHARE:
            point = _step(space, _as_point(best.spec), generator)
        else:
            point = self._from_model(entry, space, seed, random=attempt >= 50)
        return _as_spec(entry, point)

    def _from_model(
        self, entry: EstimatorEntry, space: Mapping[str, BaseDistribution], seed: int, random: bool
    ) -> dict[str, Any]:
        """A point of ``space`` from Optuna, which is told all that is known of the estimator."""
        sampler: optuna.samplers.BaseSampler
        if random:
            sampler = RandomSampler(seed)
        else:
            sampler = TPESampler(seed=seed, n_startup_trials=5, multivariate=True)
        direction = "maximize" if self._metric.greater_is_better else "minimize"
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            study = optuna.create_study(sampler=sampler, direction=direction)
            known = self._worth_knowing(entry.name)
            worst = self._worst()
            liars = [Observation(s, worst, 0.0) for s in self._pending.values()]
            for observation in [*known, *(o for o in liars if o.spec.estimator == entry.name)]:
                point = _as_point(observation.spec)
                params = {k: v for k, v in point.items() if k in space and _fits(space[k], v)}
                score = worst if math.isnan(observation.score) else observation.score
                if params and not math.isnan(score):
                    study.add_trial(
                        create_trial(
                            state=TrialState.COMPLETE,
                            value=score,
                            params=params,
                            distributions={k: space[k] for k in params},
                        )
                    )
            return dict(study.ask(fixed_distributions=dict(space)).params)
        finally:
            optuna.logging.set_verbosity(verbosity)

    def _worth_knowing(self, name: str) -> list[Observation]:
        """An estimator's best and its latest observations: more only make the model slow."""
        known = [o for o in self._history if o.spec.estimator == name]
        if len(known) <= 2 * _KNOWN:
            return known
        sign = -1 if self._metric.greater_is_better else 1
        earlier = sorted(
            known[:-_KNOWN], key=lambda o: math.inf if math.isnan(o.score) else sign * o.score
        )
        return [*earlier[:_KNOWN], *known[-_KNOWN:]]

    def _space(self, entry: EstimatorEntry) -> Mapping[str, BaseDistribution]:
        """The estimator's parameters, the scaler, and the parameters of each scaler."""
        scalers = [name for name in entry.scalers if self._scaler_fits(name)] or [NO_SCALER]
        space = as_distributions(entry.space)
        space["scaler"] = CategoricalDistribution(scalers)
        for name in scalers:
            if name != NO_SCALER:
                own = as_distributions(SCALERS[name].space)
                space |= {f"{name}.{key}": value for key, value in own.items()}
        return space

    def _best_of(self, name: str) -> Observation | None:
        best: Observation | None = None
        for observation in self._history:
            if observation.spec.estimator == name and self._metric.is_better(
                observation.score, None if best is None else best.score
            ):
                best = observation
        return best

    def _worst(self) -> float:
        scores = [o.score for o in self._history if not math.isnan(o.score)]
        if not scores:
            return math.nan
        return min(scores) if self._metric.greater_is_better else max(scores)

    def _loss(self, name: str) -> float:
        """An estimator's best score as a loss; infinite where it never gave one.

        One that was never tried comes in the middle.
        """
        best = self._best_of(name)
        if best is not None:
            return -best.score if self._metric.greater_is_better else best.score
        if any(o.spec.estimator == name for o in self._history):
            return math.inf
        known = [self._best_of(n) for n in self._usable]
        scores = [o.score for o in known if o is not None]
        median = float(np.median(scores)) if scores else 0.0
        return -median if self._metric.greater_is_better else median

    def _is_usable(
        self, entry: EstimatorEntry, allowed: Sequence[str] | None, blocked: Sequence[str]
    ) -> bool:
        reason = None
        if allowed is not None and entry.name not in allowed:
            reason = "not allowed"
        elif entry.name in blocked:
            reason = "blocked"
        elif self._onnx and not entry.converts_to_onnx:
            reason = "does not convert to ONNX"
        elif not entry.installed:
            reason = "not installed (pip install 'raysmith[boost]')"
        elif self._data.sparse and not entry.handles_sparse:
            reason = "cannot use a sparse X"
        elif self._weighted and not entry.handles_weights:
            reason = "cannot use weights"
        elif entry.max_rows is not None and self._data.n_rows > entry.max_rows:
            reason = f"too slow for {self._data.n_rows} rows"
        if reason:
            self._reasons[entry.name] = reason
        return reason is None

    def _scaler_fits(self, name: str) -> bool:
        if name == NO_SCALER:
            return True
        scaler: ScalerEntry = SCALERS[name]
        return scaler.handles_sparse if self._data.sparse else scaler.handles_dense


def _first_of_each_estimator_first(specs: Sequence[PipelineSpec]) -> list[PipelineSpec]:
    first: dict[str, PipelineSpec] = {}
    for spec in specs:
        first.setdefault(spec.estimator, spec)
    return [*first.values(), *(spec for spec in specs if spec is not first[spec.estimator])]


def _as_point(spec: PipelineSpec) -> dict[str, Any]:
    scaler = {f"{spec.scaler}.{key}": value for key, value in spec.scaler_params.items()}
    return {**spec.estimator_params, "scaler": spec.scaler, **scaler}


def _as_spec(entry: EstimatorEntry, point: Mapping[str, Any]) -> PipelineSpec:
    scaler = str(point["scaler"])
    prefix = f"{scaler}."
    return PipelineSpec(
        entry.name,
        scaler,
        {key: point[key] for key in entry.space if key in point},
        {k.removeprefix(prefix): v for k, v in point.items() if scaler and k.startswith(prefix)},
    )


def _fits(distribution: Any, value: Any) -> bool:
    try:
        return bool(distribution._contains(distribution.to_internal_repr(value)))
    except (TypeError, ValueError):
        return False


def _step(
    space: Mapping[str, BaseDistribution], point: Mapping[str, Any], generator: np.random.Generator
) -> dict[str, Any]:
    """A point near ``point``: every number moved a little, a choice now and then changed."""
    result: dict[str, Any] = {}
    for name, distribution in space.items():
        value = point.get(name)
        if isinstance(distribution, CategoricalDistribution):
            stay = name in point and generator.random() > _LOCAL_STEP
            choices = distribution.choices
            result[name] = value if stay else choices[generator.integers(len(choices))]
            continue
        assert isinstance(distribution, FloatDistribution | IntDistribution)
        low, high = float(distribution.low), float(distribution.high)
        if distribution.log:
            low, high = math.log(low), math.log(high)
        if value is None or isinstance(value, str):
            place = generator.uniform(low, high)
        else:
            here = math.log(value) if distribution.log and value > 0 else float(value)
            place = here + generator.normal(0.0, _LOCAL_STEP * (high - low))
        place = min(max(place, low), high)
        moved = math.exp(place) if distribution.log else place
        moved = min(max(moved, float(distribution.low)), float(distribution.high))
        result[name] = round(moved) if isinstance(distribution, IntDistribution) else moved
    return result
