"""Ways to combine the same pipelines, on rows that the combination did not see.

``python benchmarks/ensembles.py [--sets NAME ...]`` takes the out-of-fold predictions that
``benchmarks/build_portfolio.py`` has kept: the portfolio's pipelines and some random ones. On half
of the rows, eight times another half, it makes each kind of ensemble and scores it on the others;
the table shows by how many per cent each is better than the single pipeline that was best on the
first half. All of a set's pipelines were fitted on the same folds, so that the differences are
the combination's alone.
"""

from __future__ import annotations

import argparse
import pickle
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from build_portfolio import RESULTS, metric_of
from datasets import SETS
from report import table
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

from engine.ensembles.greedy_selection import GreedySelection
from engine.ensembles.meta_features import meta_predict
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.stacking import stack
from engine.metrics.metric import METRICS, Metric
from engine.pipelines.spec import PipelineSpec
from engine.search.portfolio import load_portfolio

REPEATS = 8
RANDOM = 8


Combination = Callable[[OutOfFold, OutOfFold], np.ndarray]


def combinations(metric: Metric) -> dict[str, Combination]:
    """Name -> a function of both halves that returns predictions for the second."""

    def weighted(weights_of):
        def predicted(first: OutOfFold, second: OutOfFold):
            return second.mean(weights_of(first))

        return predicted

    def best(number):
        return weighted(lambda first: dict.fromkeys(first.ranked(metric)[:number], 1.0 / number))

    def greedy(start, by_log_loss=True, pool=20, kinds=False):
        guided = ("AUC_weighted",) if by_log_loss else ()
        selection = GreedySelection(start=start, pool=pool, by_log_loss=guided)

        def weights_of(first):
            return selection.select(first if kinds else replace(first, kinds={}), metric)

        return weighted(weights_of)

    def stacked(number):
        def predicted(first, second):
            members = first.ranked(metric)[:number]
            learner = stack(first, members).meta_learner
            views = [second.predictions[n] for n in members]
            return meta_predict(learner, views, second.n_classes)

        return predicted

    return {
        "best": best(1),
        "mean of 5": best(5),
        "mean of 10": best(10),
        "greedy": greedy(1, by_log_loss=False),
        "greedy from 5": greedy(5, by_log_loss=False),
        "greedy from 5, log loss": greedy(5),
        "same, of the best 10": greedy(5, pool=10),
        "greedy from 4 kinds": greedy(4, kinds=True),
        "same, on halves": weighted(
            lambda first: GreedySelection().select_on_halves(first, metric)
        ),
        "stack of 5": stacked(5),
        "stack of 8": stacked(8),
        "stack of 12": stacked(12),
    }


def compare(name: str, file: Path) -> dict[str, float]:
    """Kind -> per cent better than the best single pipeline, mean over the repeats."""
    entry = SETS[name]
    metric = METRICS[metric_of(entry.task)]
    known = pickle.loads(file.read_bytes())
    y = known.pop("y")
    wanted = [s.to_json() for s in load_portfolio(entry.task) if s.to_json() in known]
    others = sorted(set(known) - set(wanted))
    wanted += list(np.random.default_rng(0).choice(others, RANDOM, replace=False))
    views = {
        number: known[key][0].astype(float)
        for number, key in enumerate(wanted)
        if known[key][0] is not None and np.isfinite(known[key][0]).all()
    }
    n_classes = int(y.max()) + 1 if entry.task == "classification" else None
    kinds = {number: PipelineSpec.from_json(wanted[number]).estimator for number in views}
    data = OutOfFold(
        y, None, np.zeros(len(y), int), views, float(np.ptp(y)), n_classes, kinds=kinds
    )
    splitter = ShuffleSplit if n_classes is None else StratifiedShuffleSplit
    scores: dict[str, list[float]] = {kind: [] for kind in combinations(metric)}
    for a, b in splitter(REPEATS, test_size=0.5, random_state=0).split(y, y):
        first, second = data.take(a), data.take(b)
        first = replace(first, parts=np.zeros(len(a), int))
        for kind, combine in combinations(metric).items():
            scores[kind].append(second.score(metric, combine(first, second)))
    means = {kind: float(np.mean(values)) for kind, values in scores.items()}
    return {k: -metric.sign * 100 * (v - means["best"]) / means["best"] for k, v in means.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--scores", type=Path, default=RESULTS / "portfolio_scores")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows: list[dict] = []
    for name in arguments.sets:
        for file in arguments.scores.glob(f"{name}-*.pkl"):
            rows.append({"set": name, **compare(name, file)})
            print(rows[-1], flush=True)
    sets = list(rows)
    for task in ("classification", "regression"):
        found = [r for r in sets if SETS[r["set"]].task == task]
        if found:
            mean = {k: float(np.mean([r[k] for r in found])) for k in found[0] if k != "set"}
            rows.append({"set": f"mean, {task}", **mean})
    print(table([{k: v if k == "set" else f"{v:+.2f}" for k, v in r.items()} for r in rows]))


if __name__ == "__main__":
    main()
