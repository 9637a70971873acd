"""`PipelineSearch`: the portfolio first, then pipelines that the scores so far suggest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.data.dataset import DataSummary
from engine.metrics.metric import Metric
from engine.pipelines.catalogue.entries import EstimatorEntry
from engine.pipelines.spec import PipelineSpec
from engine.search.memory import MemoryModel
from engine.search.portfolio import load_portfolio
from engine.search.proposals import (
    as_spec,
    model_point,
    nearby_point,
    random_point,
    search_space,
)
from engine.search.searcher import MemoryUse, Observation, Searcher
from engine.search.usable import Restrictions, takes, usable_estimators, usable_scalers

#: Share of the proposals after the portfolio that are a small step from an estimator's best one.
_LOCAL_SHARE = 0.5
#: A pipeline that is expected to take more than this share of the time that is left is not tried.
_AFFORDABLE = 0.8
#: With a time limit, an estimator without a score after this many tries is not tried again.
_FRUITLESS_TRIES = 3
#: The best and the latest observations that a model is built from, this many of each: with more it
#: only becomes slow.
_MODELLED = 30
#: Draws after which a pipeline is random, and after which one is repeated.
_GUIDED_DRAWS, _MOST_DRAWS = 50, 100


class PipelineSearch(Searcher):
    """Proposes the portfolio, then pipelines that the scores so far suggest.

    The portfolio comes in its order; where estimators were named, one pipeline of each comes first.
    Then an estimator is drawn; the better its best score so far, the likelier it is. Its parameters
    come from Optuna's tree-structured Parzen estimator or are a small step from the estimator's
    best pipeline so far. Pipelines that are under way count as bad ones, so that proposals differ.
    With a time limit, pipelines that would not end in time are not proposed, and fast estimators
    are preferred among equals. Pipelines that are expected to need more memory than a trial may
    have are left out, see `engine.search.memory.MemoryModel`.

    Without a time limit the proposals depend only on the summary of the data, the restrictions, the
    seed and the scores so far.

    Parameters
    ----------
    data:
        Summary of the training data; decides which estimators can work.
    metric:
        The primary metric.
    restrictions:
        The user's wishes; default: none.
    random_state:
        Seed.
    portfolio:
        File of another portfolio than the one that comes with raysmith.
    memory_mb:
        Returns the MiB that a trial may have now; default: no limit.

    Raises
    ------
    ConfigException
        When no estimator is left to try; the message names the reason for each one.

    Notes
    -----
    Source of the estimator: Bergstra, Bardenet, Bengio & Kégl (2011), Algorithms for
    hyper-parameter optimization.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> data = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "")
    >>> search = PipelineSearch(data, METRICS["accuracy"], Restrictions(allowed=["KNN", "SVM"]))
    >>> sorted(search.ask(number).estimator for number in range(2))
    ['KNN', 'SVM']
    """

    def __init__(
        self,
        data: DataSummary,
        metric: Metric,
        restrictions: Restrictions | None = None,
        random_state: int = 0,
        portfolio: Path | None = None,
        memory_mb: Callable[[], float] = lambda: math.inf,
    ) -> None:
        super().__init__()
        self._memory = MemoryModel(data)
        self._memory_mb = memory_mb
        restrictions = restrictions or Restrictions()
        self._sparse = data.sparse
        self._metric = metric
        self._seed = random_state
        self._usable = usable_estimators(data, restrictions)
        self._portfolio = [
            spec
            for spec in load_portfolio(data.task, portfolio, data.n_rows)
            if spec.estimator in self._usable and takes(spec.scaler, data.sparse)
        ]
        if restrictions.allowed is not None:
            # Users who name a few estimators want to see each of them, also in a few iterations.
            self._portfolio = _first_of_each_estimator_first(self._portfolio)

    def propose(self, number: int, seconds_left: float) -> PipelineSpec | None:
        """Return the next new, affordable pipeline of the portfolio; after the portfolio, draw one.

        ``None`` when no estimator is worth the time that is left, or none fits.
        """
        self._memory.limit_mb = self._memory_mb()
        while self._portfolio:
            spec = self._portfolio.pop(0)
            is_due = self.is_new(spec) and self._is_affordable(spec.estimator, seconds_left)
            if is_due and self._fits(spec):
                return spec
        is_timed = math.isfinite(seconds_left)
        names = [
            name
            for name in self._usable
            if self._is_affordable(name, seconds_left)
            and not (is_timed and self._is_fruitless(name))
        ]
        fitting = [name for name in names if self._fits(self._smallest(name))]
        if names and not fitting:
            return self._where_nothing_fits(names)
        generator = np.random.default_rng([self._seed, number])
        return self._draw(fitting, generator, is_timed) if fitting else None

    def tell(
        self,
        number: int,
        spec: PipelineSpec,
        score: float,
        seconds: float,
        memory: MemoryUse | None = None,
    ) -> None:
        """See `Searcher.tell`."""
        super().tell(number, spec, score, seconds, memory)
        with self._lock:
            self._memory.saw(Observation(spec, score, seconds, memory))

    def avoid(self, spec: PipelineSpec) -> None:
        """See `Searcher.avoid`."""
        super().avoid(spec)
        with self._lock:
            self._memory.ran_out(spec)

    def expected_mb(self, spec: PipelineSpec) -> float:
        """See `Searcher.expected_mb`."""
        with self._lock:
            return self._memory.expected_mb(spec)

    def _draw(
        self, names: Sequence[str], generator: np.random.Generator, is_timed: bool
    ) -> PipelineSpec:
        """Draw a new pipeline that fits, of one of these estimators."""
        fitting = None
        for draw in range(_MOST_DRAWS):
            entry = self._usable[self._draw_estimator(names, generator, is_timed)]
            spec = self._draw_pipeline(entry, generator, is_guided=draw < _GUIDED_DRAWS)
            if self._fits(spec):
                fitting = spec
                if self.is_new(spec):
                    break
        return self._smallest(names[0]) if fitting is None else fitting

    def _where_nothing_fits(self, names: Sequence[str]) -> PipelineSpec | None:
        """Return a pipeline although none is expected to fit, where expectation alone says so.

        What trials needed is certain: ``None`` when even the smallest pipeline was too large.
        """
        all_smallest = [self._smallest(name) for name in names]
        new = [spec for spec in all_smallest if self.is_new(spec)]
        smallest = min(new or all_smallest, key=self._memory.expected_mb)
        if not self._memory.has_run_out or self._memory.expected_mb(smallest) <= self._limit_mb:
            return smallest
        self.nothing_left = (
            f"no pipeline fits in the {self._limit_mb:.0f} MB that a trial may have; the smallest "
            f"needs about {self._memory.expected_mb(smallest):.0f} MB"
        )
        return None

    @property
    def _limit_mb(self) -> float:
        return self._memory.limit_mb

    def _smallest(self, name: str) -> PipelineSpec:
        return self._memory.smallest(self._usable[name])

    def _fits(self, spec: PipelineSpec) -> bool:
        """Whether a pipeline may be tried; take note of it where it may not."""
        if self._memory.fits(spec):
            return True
        if spec not in self.left_out:
            self.left_out.append(spec)
        return False

    def expected_seconds(self, name: str) -> float | None:
        """Return the expected duration of an iteration with an estimator.

        It is the mean of the estimator's last five iterations. Before it has any, it follows from
        other estimators' durations and the catalogue's costs; ``None`` before any iteration ended.
        """
        own = [o.seconds for o in self.history if o.spec.estimator == name]
        if own:
            return float(np.mean(own[-5:]))
        ratios = [
            o.seconds / self._usable[o.spec.estimator].cost
            for o in self.history
            if o.spec.estimator in self._usable
        ]
        return float(np.median(ratios)) * self._usable[name].cost if ratios else None

    def _is_affordable(self, name: str, seconds_left: float) -> bool:
        expected = self.expected_seconds(name)
        return expected is None or expected <= _AFFORDABLE * seconds_left

    def _is_fruitless(self, name: str) -> bool:
        """Whether the estimator never gave a score while others did."""
        tries = sum(o.spec.estimator == name for o in self.history)
        others_scored = not math.isnan(self._worst())
        return tries >= _FRUITLESS_TRIES and self._loss(name) == math.inf and others_scored

    def _draw_estimator(
        self, names: Sequence[str], generator: np.random.Generator, is_timed: bool
    ) -> str:
        """Draw by rank of the best score; with a time limit, fast estimators are likelier."""
        ranked = sorted(names, key=self._loss)
        weights = np.array([(ranked.index(name) + 1.0) ** -1.5 for name in names])
        if is_timed:
            costs = np.array([self.expected_seconds(name) or 1.0 for name in names])
            weights = weights * np.maximum(costs, 0.1) ** -0.25
        return str(generator.choice(names, p=weights / weights.sum()))

    def _draw_pipeline(
        self, entry: EstimatorEntry, generator: np.random.Generator, is_guided: bool
    ) -> PipelineSpec:
        space = search_space(entry, usable_scalers(entry, self._sparse))
        seed = int(generator.integers(2**31))
        best = self._best_of(entry.name)
        if not is_guided:
            point = random_point(space, seed)
        elif best is not None and generator.random() < _LOCAL_SHARE:
            point = nearby_point(space, best.spec.flat(), generator)
        else:
            scored = [(o.spec.flat(), o.score) for o in self._modelled(entry.name)]
            point = model_point(space, scored, self._metric, seed)
        return as_spec(entry, point)

    def _modelled(self, name: str) -> list[Observation]:
        """Return an estimator's best and latest observations, and its pipelines that are under way.

        Pipelines without a score count as bad as the worst of all.
        """
        worst = self._worst()
        if math.isnan(worst):
            return []
        ended = [o for o in self.history if o.spec.estimator == name]
        if len(ended) > 2 * _MODELLED:
            earlier = sorted(ended[:-_MODELLED], key=self._loss_of)
            ended = [*earlier[:_MODELLED], *ended[-_MODELLED:]]
        under_way = [
            Observation(spec, worst, 0.0)
            for spec in self.pending.values()
            if spec.estimator == name
        ]
        return [
            Observation(o.spec, worst if math.isnan(o.score) else o.score, o.seconds)
            for o in (*ended, *under_way)
        ]

    def _best_of(self, name: str) -> Observation | None:
        best: Observation | None = None
        for observation in self.history:
            if observation.spec.estimator == name and self._metric.is_better(
                observation.score, None if best is None else best.score
            ):
                best = observation
        return best

    def _worst(self) -> float:
        """Return the worst score of all; NaN before there is any."""
        scores = [o.score for o in self.history if not math.isnan(o.score)]
        return max(scores, key=self._metric.loss) if scores else math.nan

    def _loss_of(self, observation: Observation) -> float:
        return math.inf if math.isnan(observation.score) else self._metric.loss(observation.score)

    def _loss(self, name: str) -> float:
        """Return an estimator's best score as a loss; infinite where it never gave one.

        An estimator that was never tried gets the median of the others.
        """
        best = self._best_of(name)
        if best is not None:
            return self._metric.loss(best.score)
        if any(o.spec.estimator == name for o in self.history):
            return math.inf
        others = [self._best_of(n) for n in self._usable]
        scores = [o.score for o in others if o is not None]
        return self._metric.loss(float(np.median(scores))) if scores else 0.0


def _first_of_each_estimator_first(specs: Sequence[PipelineSpec]) -> list[PipelineSpec]:
    first: dict[str, PipelineSpec] = {}
    for spec in specs:
        first.setdefault(spec.estimator, spec)
    return [*first.values(), *(spec for spec in specs if spec is not first[spec.estimator])]
