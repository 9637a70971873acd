"""Learn the portfolio: the pipelines that are tried first, in the order of trying.

Every candidate (a few good guesses and random points of every estimator's space) is
cross-validated on samples of the development suite; then the list is built greedily: next comes
the candidate that improves the mean over the sets most, of an ensemble of those before it.

``python benchmarks/build_portfolio.py [--rows N] [--candidates N] [--length N] [--scores FILE]``
writes ``engine/search/portfolio.json`` and, into ``benchmarks/portfolios``, one for each
set that was learned without it, for the figures of that set. Scores are kept in FILE, so that an
interrupted build goes on and a second one need not score again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import time
import warnings
from dataclasses import replace
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

import numpy as np
from datasets import SETS

from engine import FeaturizationConfig
from engine.data.check import check_data
from engine.data.dataset import DataSummary
from engine.data.splits import SplitPlan, make_splits
from engine.evaluation.cross_validation import evaluate
from engine.evaluation.fit_options import FitOptions
from engine.metrics.metric import METRICS, Metric
from engine.metrics.scores import score_one
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.spec import PipelineSpec
from engine.search.portfolio import DEFAULT_FILE, load_portfolio, write_portfolio
from engine.search.random_search import RandomSearch
from engine.search.usable import Restrictions

HERE = Path(__file__).parent
RESULTS = HERE / "results"
TASKS = ("classification", "regression")
#: Share of the candidates: what wins more often is looked at more closely.
EMPHASIS = {
    "LightGBM": 3,
    "CatBoost": 3,
    "XGBoost": 2,
    "ExtremeRandomTrees": 2,
    "MLP": 4,
    "SVM": 2,
    "RandomForest": 2,
    "GradientBoosting": 1.5,
    "NaiveBayes": 0.5,
    "DecisionTree": 0.5,
}
#: The gain of a candidate is divided by this power of its time.
TIME_MATTERS = 0.25
#: Candidates that are looked at: the best by their mean place, and the best of each set.
STRONG_ON_THE_WHOLE = 30
STRONG_ON_A_SET = 4
#: An estimator of this cost, against LightGBM, is worth a try on any set.
CHEAP = 0.4
#: Nine regressions are few to learn from: without one of them this stays out, or comes last, though
#: it is cheap, and different from other boosting (AutoGluon's presets have it among their first).
EARLY = {
    "regression": PipelineSpec(
        "LightGBM", estimator_params={"extra_trees": True, "learning_rate": 0.05}
    )
}
EARLY_PLACE = 4
#: Seconds that a boosting fit may add rounds for.
SLOWEST_FIT = 1.5


def metric_of(task: str) -> str:
    return "AUC_weighted" if task == "classification" else "root_mean_squared_error"


def candidates(task: str, number: int) -> list[PipelineSpec]:
    """Good guesses, and random points of every estimator's space."""
    specs = list(load_portfolio(task, HERE / "first_guesses.json"))
    names = list(estimators_of(task))
    shares = np.array([next((v for k, v in EMPHASIS.items() if k in n), 1.0) for n in names])
    counts = np.maximum(2, np.round(shares / shares.sum() * number)).astype(int)
    data = DataSummary(task, 1000, 20, False, False, None, "split", "")
    for name, count in zip(names, counts, strict=True):
        if not estimators_of(task)[name].installed:
            continue
        search = RandomSearch(data, Restrictions(allowed=[name]), random_state=7)
        specs += [search.ask(index) for index in range(count)]
    return list({spec.to_json(): spec for spec in specs}.values())


def score_set(name: str, rows: int, number: int, file: Path) -> dict:
    """Out-of-fold predictions and times of every candidate on one set; kept in a file."""
    known = pickle.loads(file.read_bytes()) if file.exists() else {}
    entry = SETS[name]
    X, y = entry.read()
    if len(y) > rows:
        chosen = np.sort(np.random.default_rng(0).choice(len(y), rows, replace=False))
        X, y = X.iloc[chosen], y[chosen]
    data = check_data({"X": X, "y": y}, entry.task, featurization=FeaturizationConfig())
    folds = make_splits(data, SplitPlan(3))
    options = FitOptions(fit_seconds=SLOWEST_FIT)
    known["y"] = data.target(data.y)
    for spec in candidates(entry.task, number):
        if spec.to_json() in known:
            continue
        started = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                predictions = evaluate(spec, data, folds, options).predictions
        except Exception as error:
            print(f"{name}: {spec.name}: {error}", flush=True)
            predictions = None
        seconds = time.perf_counter() - started
        if predictions is not None:
            predictions = predictions.astype(np.float32)
        known[spec.to_json()] = predictions, seconds
    temporary = file.with_suffix(".part")
    temporary.write_bytes(pickle.dumps(known))
    temporary.replace(file)
    return known


class Evidence:
    """Candidates' predictions on the sets of one task, and their standing.

    Attributes
    ----------
    views:
        Set to candidate to out-of-fold predictions, where the candidate gave any.
    best, spread:
        Set to the smallest loss, and to the distance from there to the median candidate's loss: a
        set counts in units of it.
    seconds:
        Candidate to its time, as a share of the median candidate's, in the mean of the sets.
    weakness:
        Candidate to the distance from the best candidate, in the mean of the sets.
    """

    def __init__(self, scores: dict[str, dict], task: str) -> None:
        self.metric = METRICS[metric_of(task)]
        self.names = list(scores)
        self.entries = estimators_of(task)
        self._targets = {n: scores[n]["y"] for n in self.names}
        everywhere = [k for k in scores[self.names[0]] if all(k in scores[n] for n in self.names)]
        self.specs = {k: PipelineSpec.from_json(k) for k in everywhere if k != "y"}
        self.keys = [k for k, spec in self.specs.items() if self._is_in_catalogue(spec)]
        self.views = {n: self._predictions(scores[n]) for n in self.names}
        self._halves = {n: self._random_halves(n) for n in self.names}
        self.single = {
            n: {k: np.mean([self.loss(n, p, h) for h in (0, 1)]) for k, p in self.views[n].items()}
            for n in self.names
        }
        self.best = {n: min(self.single[n].values()) for n in self.names}
        self.spread = {
            n: max(float(np.median(list(self.single[n].values()))) - self.best[n], 1e-9)
            for n in self.names
        }
        medians = {n: np.median([scores[n][k][1] for k in self.keys]) for n in self.names}
        self.seconds = {
            k: float(np.mean([scores[n][k][1] / medians[n] for n in self.names])) for k in self.keys
        }
        self.weakness = {k: self._weakness(k) for k in self.keys}

    def loss(self, name: str, predicted: np.ndarray, half: int) -> float:
        """Return the metric as a loss on one half of a set's rows."""
        return self.metric.loss(self._score(self.metric, name, predicted, half))

    def guide(self, name: str, predicted: np.ndarray, half: int) -> float:
        """Return the loss that selects: the log loss where the metric only sees the order."""
        if self.metric.task == "regression":
            return self.loss(name, predicted, half)
        return self._score(METRICS["log_loss"], name, predicted, half)

    def prospects(self) -> list[str]:
        """Return the candidates that are strong on the whole, or among the best of some set."""
        found = set(sorted(self.weakness, key=self.weakness.get)[:STRONG_ON_THE_WHOLE])
        for n in self.names:
            found |= set(sorted(self.single[n], key=self.single[n].get)[:STRONG_ON_A_SET])
        return [k for k in self.keys if k in found]

    def _score(self, metric: Metric, name: str, predicted: np.ndarray, half: int) -> float:
        rows = self._halves[name][half]
        return score_one(metric, self._targets[name][rows], predicted[rows])

    def _is_in_catalogue(self, spec: PipelineSpec) -> bool:
        """Kept scores may be those of candidates that the catalogue no longer has."""
        return spec.scaler in ("", *self.entries[spec.estimator].scalers)

    def _predictions(self, kept: dict) -> dict[str, np.ndarray]:
        found = {k: kept[k][0] for k in self.keys}
        return {
            k: p.astype(np.float64)
            for k, p in found.items()
            if p is not None and np.isfinite(p).all()
        }

    def _random_halves(self, name: str) -> list[np.ndarray]:
        n_rows = len(self._targets[name])
        return np.array_split(np.random.default_rng(0).permutation(n_rows), 2)

    def _weakness(self, key: str) -> float:
        behind = [
            (self.single[n].get(key, np.inf) - self.best[n]) / self.spread[n] for n in self.names
        ]
        return float(np.mean([min(distance, 4) for distance in behind]))


class Bags:
    """The ensembles of the candidates chosen so far, one for each set and half of its rows."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        #: (set, half) to (sum of the predictions, members, loss on the other half).
        self._bags: dict[tuple[str, int], tuple] = {}

    def with_candidate(self, key: str) -> tuple[float, dict[tuple[str, int], tuple]]:
        """Return the gain from one more candidate, a second of its time, and the bags with it."""
        evidence, total, outcome = self._evidence, 0.0, {}
        for n in evidence.names:
            if key not in evidence.views[n]:
                continue
            for half in (0, 1):
                start, after = self._start(n, half), self._extended(n, half, key)
                outcome[n, half] = after
                total += np.clip((start - after[2]) / evidence.spread[n], -4, 4) / 2
        gain = total / len(evidence.names)
        return gain / (evidence.seconds[key] ** TIME_MATTERS if gain > 0 else 1), outcome

    def take(self, outcome: dict[tuple[str, int], tuple]) -> None:
        self._bags |= outcome

    def _start(self, name: str, half: int) -> float:
        evidence = self._evidence
        nothing = evidence.best[name] + 4 * evidence.spread[name]
        return self._bags[name, half][2] if (name, half) in self._bags else nothing

    def _extended(self, name: str, half: int, key: str) -> tuple:
        """The best of the bag as it is, with little or much of a candidate, and the candidate."""
        evidence = self._evidence
        predicted = evidence.views[name][key]
        options = [(predicted, 1)]
        if (name, half) in self._bags:
            summed, members, _ = self._bags[name, half]
            weights = {1, max(1, members // 2)}
            options += [(summed, members)]
            options += [(summed + w * predicted, members + w) for w in weights]
        bag, size = min(options, key=lambda o: evidence.guide(name, o[0] / o[1], half))
        return bag, size, evidence.loss(name, bag / size, 1 - half)


def learn(scores: dict[str, dict], task: str, length: int) -> list[PipelineSpec]:
    """Build the greedy list over these sets.

    Next comes the candidate that improves an ensemble of those before it most, for the time that it
    takes. Its weight in the ensemble is decided on half of a set's rows, and its gain is measured
    on the other half. Otherwise noise would be learned, and cheap estimators would get places by
    luck. When nothing gains any more, the strongest single candidate comes next. Cheap estimators
    without a place follow behind the ``length`` others.
    """
    evidence = Evidence(scores, task)
    bags, left, chosen = Bags(evidence), evidence.prospects(), []
    while len(chosen) < length:
        found = {key: bags.with_candidate(key) for key in left if key not in chosen}
        top = max(found, key=lambda key: found[key][0])
        if found[top][0] <= 0:
            top = min(found, key=evidence.weakness.get)
        chosen.append(top)
        bags.take(found[top][1])
    chosen += _cheap_without_a_place(evidence, chosen)
    return with_early(task, [_plain(evidence.specs[key], task) for key in chosen])


def _cheap_without_a_place(evidence: Evidence, chosen: list[str]) -> list[str]:
    """The best candidate of each cheap estimator that was not chosen.

    The suite is not the world: what is cheap is worth a try elsewhere.
    """
    placed = {evidence.specs[key].estimator for key in chosen}
    own = {
        name: [k for k in evidence.keys if evidence.specs[k].estimator == name]
        for name, entry in evidence.entries.items()
        if entry.cost <= CHEAP and name not in placed
    }
    return [min(keys, key=evidence.weakness.get) for keys in own.values() if keys]


def with_early(task: str, specs: list[PipelineSpec]) -> list[PipelineSpec]:
    """The list with what should be early moved there, unless it is about there."""
    early = EARLY.get(task)
    if early is None or early in specs[: EARLY_PLACE + 2]:
        return specs
    others = [spec for spec in specs if spec != early]
    return [*others[:EARLY_PLACE], early, *others[EARLY_PLACE:]]


def _plain(spec: PipelineSpec, task: str) -> PipelineSpec:
    """Boosting does not mind scales, and takes categories natively when nothing stands before."""
    boosts = estimators_of(task)[spec.estimator].rounds_parameter is not None
    return replace(spec, scaler="", scaler_params={}) if boosts else spec


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--candidates", type=int, default=80)
    parser.add_argument("--length", type=int, default=24)
    parser.add_argument("--scores", type=Path, default=RESULTS / "portfolio_scores")
    arguments = parser.parse_args()
    arguments.scores.mkdir(parents=True, exist_ok=True)
    jobs = [
        (
            name,
            arguments.rows,
            arguments.candidates,
            arguments.scores / f"{name}-{arguments.rows}.pkl",
        )
        for name in SETS
    ]
    with multiprocessing.get_context("spawn").Pool(os.cpu_count(), maxtasksperchild=1) as pool:
        found = dict(zip(SETS, pool.starmap(score_set, jobs, chunksize=1), strict=True))
    by_task = {task: {n: found[n] for n in SETS if SETS[n].task == task} for task in TASKS}
    parts = [(by_task[task], task, arguments.length) for task in TASKS]
    for name, entry in SETS.items():
        others = {n: s for n, s in by_task[entry.task].items() if n != name}
        parts.append((others, entry.task, arguments.length))
    with multiprocessing.get_context("fork").Pool(os.cpu_count()) as pool:
        learned = pool.starmap(learn, parts, chunksize=1)
    full = dict(zip(TASKS, learned, strict=False))
    write_portfolio(DEFAULT_FILE, full, {task: list(by_task[task]) for task in TASKS})
    folder = HERE / "portfolios"
    folder.mkdir(exist_ok=True)
    for (name, entry), mine in zip(SETS.items(), learned[len(TASKS) :], strict=True):
        learned_on = {t: [n for n in by_task[t] if n != name] for t in TASKS}
        write_portfolio(folder / f"{name}.json", {**full, entry.task: mine}, learned_on)
    for task in TASKS:
        print(task)
        for spec in full[task]:
            print("  ", spec.to_json())


if __name__ == "__main__":
    main()
