"""Runs whose trials are replayed: the whole driver on a real store, without Ray and in no time."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from engine import AutoMLConfig, AutoMLRun, Experiment
from engine.data.check import check_data
from engine.data.splits import make_splits
from engine.driver.claim import Claim
from engine.driver.clock import SimulatedClock
from engine.driver.driver import Driver
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import RecordedBackend, RecordedTrial, Recording
from engine.evaluation.cross_validation import evaluate
from engine.pipelines.spec import PipelineSpec
from engine.store.driver_identity import DriverIdentity
from engine.store.packing import pack_model, pack_predictions

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(120, 3))
Y = (X[:, 0] + 0.3 * _RNG.normal(size=120) > 0).astype(int)


@cache
def _fitted(estimator: str) -> tuple[bytes, bytes]:
    """A real model of the data, and its out-of-fold predictions."""
    data = check_data({"X": X, "y": Y}, "classification")
    plan = AutoMLConfig("classification", X=X, y=Y, n_cross_validations=3).settings.split_plan
    result = evaluate(PipelineSpec(estimator), data, make_splits(data, plan))
    return pack_model(result.model), pack_predictions(result.predictions)


def scored(score: float, seconds: float = 1.0, estimator: str = "LogisticRegression", **more: Any):
    """A trial with three folds of this score; its model and predictions are real ones."""
    model, predictions = _fitted(estimator)
    return RecordedTrial(
        (score, score, score), seconds, model=model, predictions=predictions, **more
    )


class Replay:
    """A run of recorded trials, and the clock that it is replayed on.

    Its moments are seconds since the first driver began. With ``script`` its data is read by the
    machines, else the driver has it, unless ``data`` says where it is.
    """

    def __init__(
        self,
        experiment: Experiment,
        trials: Any = None,
        script: str | None = None,
        data: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        values = {
            "iterations": 6,
            "n_cross_validations": 3,
            "allowed_models": ["LogisticRegression", "KNN", "DecisionTree", "SGD"],
            "enable_voting_ensemble": False,
            "enable_stack_ensemble": False,
            "enable_early_stopping": False,
            "model_explainability": False,
            "debug_log": None,
        } | settings
        if script:
            Path("get_data.py").write_text(script)
        if data is None:
            data = {"data_script": "get_data.py"} if script else {"X": X, "y": Y}
        self._given = AutoMLConfig("classification", **data, **values).prepare()
        self.store = experiment.workspace.store
        self.run_id = self.store.create_run(experiment.id, self._given.settings.to_dict(), {})
        self.store.save_spec(self.run_id, self._given.to_spec())
        self.run = AutoMLRun(experiment, self.run_id)
        self.clock = SimulatedClock(time.time())
        self.began = self.clock.time()
        if not isinstance(trials, Recording):
            trials = Recording("accuracy", by_number=trials or {}, others=scored(0.5))
        self.trials = trials
        self.backend: RecordedBackend | None = None

    @property
    def now(self) -> float:
        """Seconds since the first driver began."""
        return self.clock.time() - self.began

    def after(self, seconds: float, do: Any) -> None:
        """Do something when so many seconds have passed."""
        self.clock.at(self.began + seconds, do)

    def driver(
        self,
        concurrency: int = 1,
        data_host: Any = None,
        platform: Callable[..., RecordedPlatform] = RecordedPlatform,
        claim: Claim | None = None,
        **changes: Any,
    ) -> Driver:
        """A driver of the run; ``changes`` are to the nodes."""
        self.backend = RecordedBackend(
            self.trials, self.clock, **({"slots": concurrency} | changes)
        )
        self.platform = platform(self.backend, concurrency, data_host)
        return Driver(self.store, self.run_id, self._given, self.platform, self.clock, claim)

    def drive(self, concurrency: int = 1, **changes: Any) -> dict[int, str]:
        """Drive the run to its end; iteration -> status."""
        driver = self.driver(concurrency, **changes)
        driver.claim()
        driver.run()
        return self.statuses

    def take_over(self, other: DriverIdentity) -> None:
        """Have another driver claim the run from whoever has it."""
        current = self.store.run(self.run_id).driver
        assert self.store.claim(self.run_id, other, None if current is None else current.token)

    def add_iterations(self, count: int) -> None:
        """Have the next driver try more pipelines."""
        settings = self._given.settings
        changed = settings.with_changes({"iterations": settings.iterations + count})
        self._given = dataclasses.replace(self._given, settings=changed)

    @property
    def statuses(self) -> dict[int, str]:
        """Iteration -> status, as the store has it."""
        return {r.iteration: r.status.value for r in self.store.iterations(self.run_id)}

    @property
    def reasons(self) -> dict[int, str]:
        """Iteration -> why it ended so, as the store has it."""
        return {r.iteration: r.reason for r in self.store.iterations(self.run_id)}

    @property
    def status(self) -> str:
        """The run's state, as the store has it."""
        return self.store.run(self.run_id).status.value
