"""How a search scales with the cluster: replays recorded trials on 1 to 1,000 simulated nodes.

The schedule and the search are those of a run; only the trials are replayed, each for the seconds
of its recording, on a simulated clock. Prints for each number of nodes how long the search takes,
how busy the nodes are, what the driver itself needs, and when the best score was found.

``python benchmarks/simulate.py [--trials FILE.csv] [--iterations N] [--nodes 1 10 ...]``

``FILE.csv`` is the summary of an earlier run, ``run.summary().to_csv("FILE.csv")``. A pipeline that
the search proposes gets the score and the seconds of one of the recorded trials of its estimator,
always the same one. Without a file, trials are drawn: scores around a level of their estimator,
seconds spread around its cost.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine.data.check import check_data
from engine.driver.clock import SimulatedClock
from engine.driver.progress import Progress
from engine.driver.schedule import Goals, Schedule
from engine.driver.trial_backends.recorded import RecordedBackend, RecordedTrial
from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.search.usable import Restrictions
from engine.store.records import IterationEnd

_METRIC = METRICS["accuracy"]
_DRAWN = 30  # trials of each estimator
_FOLDS = 5


class RecordedEstimators:
    """Recorded trials of each estimator; a pipeline always gets the same one."""

    metric = _METRIC.name

    def __init__(self, trials: Mapping[str, Sequence[RecordedTrial]]) -> None:
        self._trials = trials

    def of(self, number: int, spec: PipelineSpec) -> RecordedTrial:
        trials = self._trials[spec.estimator]
        digest = hashlib.sha256(spec.to_json().encode()).digest()
        return trials[int.from_bytes(digest[:4], "big") % len(trials)]

    @property
    def estimators(self) -> list[str]:
        return list(self._trials)


class BestOverTime:
    """A recorder that keeps only when the best score was found."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self.best, self.found, self.ended_count = -np.inf, 0.0, 0

    def started(self, iteration, spec, properties, time) -> None:
        """Keep nothing."""

    def retried(self, iteration, reasons) -> None:
        """Keep nothing."""

    def ended(self, iteration: int, end: IterationEnd, scores: Mapping[str, float]) -> None:
        self.ended_count += 1
        if scores and scores[_METRIC.name] > self.best:
            self.best, self.found = scores[_METRIC.name], self._clock.time()


def drawn_trials(seed: int) -> RecordedEstimators:
    """Trials of all installed estimators: the costlier ones take longer and score better."""
    rng = np.random.default_rng(seed)
    trials = {}
    for entry in estimators_of("classification").values():
        if entry.installed:
            level = 0.7 + 0.05 * np.log1p(entry.cost) + rng.normal(scale=0.03)
            trials[entry.name] = [_draw(rng, level, entry.cost) for _ in range(_DRAWN)]
    return RecordedEstimators(trials)


def _draw(rng: np.random.Generator, level: float, cost: float) -> RecordedTrial:
    mean = level + rng.normal(scale=0.02)
    folds = np.clip(mean + rng.normal(scale=0.01, size=_FOLDS), 0.0, 1.0)
    return RecordedTrial(tuple(folds), 5.0 * cost * rng.lognormal(sigma=0.5))


def trials_of(file: Path) -> RecordedEstimators:
    """The completed iterations of a run's summary."""
    summary = pd.read_csv(file).query("status == 'Completed'")
    trials: dict[str, list[RecordedTrial]] = {}
    for row in summary.itertuples():
        estimator = str(row.pipeline).split()[-1]
        if estimator in estimators_of("classification"):
            trial = RecordedTrial((float(row.metric),), float(row.seconds))
            trials.setdefault(estimator, []).append(trial)
    if not trials:
        raise SystemExit(f"{file} holds no completed iteration of a classifier")
    return RecordedEstimators(trials)


def simulate(recording: RecordedEstimators, nodes: int, iterations: int) -> dict[str, float]:
    """One search; times are simulated but for ``driver``."""
    X = np.random.default_rng(0).normal(size=(2000, 10))
    data = check_data({"X": X, "y": (X[:, 0] > 0).astype(int)}, "classification").summary()
    clock = SimulatedClock()
    recorder = BestOverTime(clock)
    backend = RecordedBackend(recording, clock, nodes)
    progress = Progress(
        Schedule(Goals(iterations), _METRIC),
        PipelineSearch(data, _METRIC, Restrictions(recording.estimators)),
        recorder, _METRIC, backend.kill, clock,
    )  # fmt: skip
    began = time.perf_counter()
    backend.run(progress, concurrency=nodes)
    driver = time.perf_counter() - began
    assert recorder.ended_count == iterations
    return {
        "nodes": nodes,
        "minutes": clock.time() / 60,
        "busy": backend.busy_seconds / (nodes * clock.time()),
        "driver s": driver,
        "ms an iteration": 1000 * driver / iterations,
        "best": recorder.best,
        "found after minutes": recorder.found / 60,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=Path, help="summary of an earlier run, as CSV")
    parser.add_argument("--iterations", type=int, default=1000)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    recording = drawn_trials(options.seed) if options.trials is None else trials_of(options.trials)
    rows = [simulate(recording, nodes, options.iterations) for nodes in options.nodes]
    print(pd.DataFrame(rows).to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
