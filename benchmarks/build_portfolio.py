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
from engine.metrics.metric import METRICS
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


def learn(scores: dict[str, dict], task: str, length: int) -> list[PipelineSpec]:
    """The greedy list over these sets.

    Next comes what improves an ensemble of those before it most, for the time that it takes. How
    much of it the ensemble takes in is decided on half of a set's rows, and what that gains is
    seen on the other half: else noise is learned, and cheap estimators get places by luck. When
    nothing gains any more, what is strongest by itself comes next; cheap estimators without a place
    follow behind the ``length`` others.
    """
    metric = METRICS[metric_of(task)]
    names = list(scores)
    keys = [k for k in scores[names[0]] if k != "y" and all(k in scores[n] for n in names)]
    # Kept scores may be of candidates that the catalogue no longer has.
    entries = estimators_of(task)
    specs = {k: PipelineSpec.from_json(k) for k in keys}
    keys = [k for k in keys if specs[k].scaler in ("", *entries[specs[k].estimator].scalers)]
    views = {
        n: {
            k: p.astype(np.float64)
            for k in keys
            if (p := scores[n][k][0]) is not None and np.isfinite(p).all()
        }
        for n in names
    }
    halves = {n: np.array_split(np.random.default_rng(0).permutation(len(views[n][k])), 2)
              for n in names for k in list(views[n])[:1]}  # fmt: skip

    def loss(name: str, predicted, half: int) -> float:
        rows = halves[name][half]
        return metric.loss(score_one(metric, scores[name]["y"][rows], predicted[rows]))

    def guide(name: str, predicted, half: int) -> float:
        """As ensembles are selected: by the log loss where the metric only sees the order."""
        if task == "regression":
            return loss(name, predicted, half)
        rows = halves[name][half]
        return score_one(METRICS["log_loss"], scores[name]["y"][rows], predicted[rows])

    single = {
        n: {k: np.mean([loss(n, p, h) for h in (0, 1)]) for k, p in views[n].items()} for n in names
    }
    # A set counts by how far its best and its median candidate are apart.
    best = {n: min(single[n].values()) for n in names}
    spread = {n: max(float(np.median(list(single[n].values()))) - best[n], 1e-9) for n in names}
    seconds = {
        k: float(
            np.mean([scores[n][k][1] / np.median([scores[n][j][1] for j in keys]) for n in names])
        )
        for k in keys
    }
    weakness = {
        k: float(np.mean([min((single[n].get(k, np.inf) - best[n]) / spread[n], 4) for n in names]))
        for k in keys
    }
    # What is neither good on the whole nor among the best anywhere has no prospect.
    prospects = set(sorted(weakness, key=weakness.get)[:STRONG_ON_THE_WHOLE])
    for n in names:
        prospects |= set(sorted(single[n], key=single[n].get)[:STRONG_ON_A_SET])
    keys = [k for k in keys if k in prospects]
    chosen: list[str] = []
    bags: dict[tuple[str, int], tuple] = {}  # (set, half) -> (sum, members, loss on the other)
    while len(chosen) < length:
        gains, outcomes = {}, {}
        for key in keys:
            if key in chosen:
                continue
            total, outcome = 0.0, {}
            for n in names:
                if key not in views[n]:
                    continue
                for half in (0, 1):
                    predicted = views[n][key]
                    summed, members, start = bags.get((n, half), (0.0, 0, best[n] + 4 * spread[n]))
                    options = [(predicted, 1)]
                    if members:
                        weights = {1, max(1, members // 2)}
                        options += [(summed, members)]
                        options += [(summed + w * predicted, members + w) for w in weights]
                    bag, size = min(options, key=lambda o: guide(n, o[0] / o[1], half))
                    after = loss(n, bag / size, 1 - half)
                    outcome[n, half] = bag, size, after
                    total += np.clip((start - after) / spread[n], -4, 4) / 2
            gains[key] = total / len(names)
            gains[key] /= seconds[key] ** TIME_MATTERS if gains[key] > 0 else 1
            outcomes[key] = outcome
        top = max(gains, key=gains.get)
        if gains[top] <= 0:
            top = min(gains, key=weakness.get)
        chosen.append(top)
        bags |= outcomes[top]
    # The suite is not the world: what is cheap and has no place yet gets one at the end.
    for name, entry in entries.items():
        own = [k for k in weakness if specs[k].estimator == name]
        if own and entry.cost <= CHEAP and name not in {specs[k].estimator for k in chosen}:
            chosen.append(min(own, key=weakness.get))
    return with_early(task, [_plain(specs[key], task) for key in chosen])


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
