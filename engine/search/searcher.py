"""Which pipeline comes next: the portfolio first, then random search over the catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import optuna
from optuna.samplers import RandomSampler

from engine.data import DataSummary
from engine.errors import ConfigException
from engine.pipelines.build import PipelineSpec
from engine.pipelines.catalogue import (
    NO_SCALER,
    SCALERS,
    EstimatorEntry,
    ScalerEntry,
    Space,
    estimators_of,
)
from engine.search.portfolio import PORTFOLIO


class PipelineSearch:
    """Proposes a pipeline for each iteration number.

    The proposal depends only on the data's summary, the allowed estimators, the seed and the
    number, so that a run that is resumed, or whose iterations end in another order, tries the same
    pipelines. No pipeline is proposed twice.

    Parameters
    ----------
    data:
        Decides what can work: sparse input, weights, number of rows.
    allowed, blocked:
        Names of estimators; ``None`` for all, and for none.
    random_state:
        Seed of the random search.

    Raises
    ------
    ConfigException
        When no estimator is left; says why each one fell out.
    """

    def __init__(
        self,
        data: DataSummary,
        allowed: Sequence[str] | None = None,
        blocked: Sequence[str] | None = None,
        random_state: int = 0,
        weighted: bool | None = None,
    ) -> None:
        self._data = data
        self._weighted = data.weighted if weighted is None else weighted
        self._seed = random_state
        self._reasons: dict[str, str] = {}
        self._usable = [
            entry
            for entry in estimators_of(data.task).values()
            if self._is_usable(entry, allowed, blocked or ())
        ]
        if not self._usable:
            why = "; ".join(f"{name}: {reason}" for name, reason in self._reasons.items())
            raise ConfigException([f"no estimator is left to try ({why})"])
        names = {entry.name for entry in self._usable}
        self._proposed = [
            spec
            for spec in PORTFOLIO[data.task]
            if spec.estimator in names and self._scaler_fits(spec.scaler)
        ]
        self._seen = {spec.to_json() for spec in self._proposed}

    def propose(self, iteration: int) -> PipelineSpec:
        """The pipeline of iteration ``iteration``, counted from 0."""
        while len(self._proposed) <= iteration:
            self._proposed.append(self._sample(len(self._proposed)))
        return self._proposed[iteration]

    def _sample(self, number: int) -> PipelineSpec:
        generator = np.random.default_rng([self._seed, number])
        for _ in range(100):
            entry = self._usable[generator.integers(len(self._usable))]
            scalers = [name for name in entry.scalers if self._scaler_fits(name)] or [NO_SCALER]
            scaler = scalers[generator.integers(len(scalers))]
            seed = int(generator.integers(2**31))
            spec = PipelineSpec(
                entry.name,
                scaler,
                _draw(entry.space, seed),
                _draw(SCALERS[scaler].space, seed + 1) if scaler else {},
            )
            if spec.to_json() not in self._seen:
                break
        self._seen.add(spec.to_json())
        return spec

    def _is_usable(
        self, entry: EstimatorEntry, allowed: Sequence[str] | None, blocked: Sequence[str]
    ) -> bool:
        reason = None
        if allowed is not None and entry.name not in allowed:
            reason = "not allowed"
        elif entry.name in blocked:
            reason = "blocked"
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


def _draw(space: Space, seed: int) -> dict[str, object]:
    """One random point of ``space``."""
    if not space:
        return {}
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(sampler=RandomSampler(seed))
        return dict(study.ask(fixed_distributions=dict(space)).params)
    finally:
        optuna.logging.set_verbosity(verbosity)
