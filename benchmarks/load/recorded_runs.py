"""Runs of recorded trials for the benchmarks of load: the real driver and store, without Ray."""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any
from unittest.mock import patch

import numpy as np
from mlflow import MlflowClient

from engine import AutoMLConfig, AutoMLRun, Experiment
from engine.data.check import check_data
from engine.data.splits import make_splits
from engine.driver.clock import SimulatedClock
from engine.driver.driver import Driver
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import RecordedBackend, RecordedTrial, Recording
from engine.evaluation.cross_validation import evaluate
from engine.pipelines.spec import PipelineSpec
from engine.store.packing import pack_model, pack_predictions

_RNG = np.random.default_rng(0)
X = _RNG.normal(size=(200, 6))
Y = (X[:, 0] + 0.3 * _RNG.normal(size=200) > 0).astype(int)
MODELS = ["LogisticRegression", "KNN", "DecisionTree", "SGD"]
#: Settings of runs that do nothing but iterations.
PLAIN: Mapping[str, Any] = {
    "n_cross_validations": 3,
    "allowed_models": MODELS,
    "enable_voting_ensemble": False,
    "enable_stack_ensemble": False,
    "enable_early_stopping": False,
    "model_explainability": False,
    "debug_log": None,
}


def settings(**changes: Any) -> AutoMLConfig:
    """Return the settings of such a run, on data of this module."""
    return AutoMLConfig("classification", X=X, y=Y, **{**PLAIN, **changes})


class FastClock(SimulatedClock):
    """The machine's clock, running ``factor`` times as fast.

    What repeats has a thread of its own, as with the machine's clock. ``step`` sleeps.
    """

    def __init__(self, factor: float) -> None:
        super().__init__(time.time())
        self._factor = factor
        self._began, self._real = time.time(), time.monotonic()

    def time(self) -> float:
        return self._began + (time.monotonic() - self._real) * self._factor

    def monotonic(self) -> float:
        return self.time()

    def every(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        stopped = threading.Event()

        def repeat() -> None:
            while not stopped.wait(seconds / self._factor):
                do()

        thread = threading.Thread(target=repeat, daemon=True)
        thread.start()

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop

    def step(self, until: float = math.inf) -> None:
        time.sleep(min(0.05, max(0.0, until - self.time()) / self._factor))

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds / self._factor)


class Calls:
    """The number of calls of MLflow's client, by the names of the threads that made them."""

    def __init__(self) -> None:
        self.by_thread: Counter[str] = Counter()

    @property
    def count(self) -> int:
        return self.by_thread.total()


@contextlib.contextmanager
def slowed(seconds: float = 0.0) -> Iterator[Calls]:
    """Count the calls of MLflow's client in this process; each takes ``seconds`` at least."""
    calls, inside = Calls(), threading.local()

    def slow(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if getattr(inside, "a_call", False):
                return real(*args, **kwargs)
            began, inside.a_call = time.monotonic(), True
            calls.by_thread[threading.current_thread().name] += 1
            try:
                return real(*args, **kwargs)
            finally:
                inside.a_call = False
                time.sleep(max(0.0, seconds - (time.monotonic() - began)))

        return call

    with contextlib.ExitStack() as patches:
        for name, real in vars(MlflowClient).items():
            if callable(real) and not name.startswith("_"):
                patches.enter_context(patch.object(MlflowClient, name, slow(real)))
        yield calls


class ChattyBackend(RecordedBackend):
    """Trials that print all the time: their logs are new whenever they are looked at."""

    def __init__(self, recording: Any, clock: SimulatedClock, slots: int) -> None:
        super().__init__(recording, clock, slots=slots)
        self._now = clock.time

    def logs(self, numbers: Collection[int]) -> dict[int, str]:
        return {n: f"{self._now():.1f}\n" * 2000 for n in super().logs(numbers)}


class RandomTrials:
    """Trials of random scores and of seconds around a mean."""

    metric = "accuracy"

    def __init__(self, seconds: float, log: str = "a line of a log\n") -> None:
        self._seconds, self._log = seconds, log
        data = check_data({"X": X, "y": Y}, "classification")
        plan = AutoMLConfig("classification", X=X, y=Y, n_cross_validations=3).settings.split_plan
        fitted = evaluate(PipelineSpec("LogisticRegression"), data, make_splits(data, plan))
        self._model = pack_model(fitted.model)
        self._predictions = pack_predictions(fitted.predictions)

    def of(self, number: int, spec: PipelineSpec) -> RecordedTrial:
        rng = np.random.default_rng(number)
        folds = tuple(np.clip(0.8 + rng.normal(scale=0.05, size=3), 0, 1))
        seconds = self._seconds * rng.lognormal(sigma=0.3)
        return RecordedTrial(
            folds, seconds, model=self._model, predictions=self._predictions, log=self._log
        )


def recorded_run(
    experiment: Experiment,
    trials: RandomTrials | Recording,
    clock: SimulatedClock,
    iterations: int,
    concurrency: int,
    chatty: bool = False,
) -> tuple[AutoMLRun, Driver]:
    """Make a run, and a driver that has claimed it."""
    given = settings(iterations=iterations).prepare()
    store = experiment.workspace.store
    run_id = store.create_run(experiment.id, given.settings.to_dict(), {})
    store.save_spec(run_id, given.to_spec())
    kind = ChattyBackend if chatty else RecordedBackend
    backend = kind(trials, clock, slots=concurrency)  # type: ignore[arg-type]
    driver = Driver(store, run_id, given, RecordedPlatform(backend, concurrency), clock)
    driver.claim()
    return AutoMLRun(experiment, run_id), driver
