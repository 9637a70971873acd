"""Explanations by actors against shap called directly in one process: a table, and JSON.

``python benchmarks/explain.py [--output FILE]``

Each model is explained by shap in this process with all cores (a tree explainer, or permutations
where raysmith permutes too), by one actor of one core and by an actor a core. Times are from the
start of the explanation, Ray being up and the actors not; the ratio of the rates leaves their start
out.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np

warnings.simplefilter("ignore")


def cases():
    from sklearn.datasets import load_digits

    from engine.data.check import check_data
    from engine.pipelines.build import build_pipeline
    from engine.pipelines.spec import PipelineSpec

    generator = np.random.default_rng(0)
    X = generator.normal(size=(10_000, 50))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + generator.normal(size=10_000) > 0).astype(int)
    digits = load_digits()
    for name, data, spec, rows in (
        ("LightGBM, 10,000 x 50", (X, y), PipelineSpec("LightGBM", "", {"n_estimators": 200}), X),
        ("forest, digits, 200 rows", (digits.data, digits.target),
         PipelineSpec("ExtremeRandomTrees", "", {"n_estimators": 200}), digits.data[:200]),
        ("SVM, digits, 200 rows", (digits.data, digits.target),
         PipelineSpec("SVM", "StandardScalerWrapper", {"C": 3.0}), digits.data[:200]),
    ):  # fmt: skip
        dataset = check_data({"X": data[0], "y": data[1]}, "classification")
        pipeline = build_pipeline(spec, "classification", n_rows=dataset.n_rows)
        yield name, pipeline.fit(dataset.X, dataset.y), dataset, rows


def directly(model, dataset, rows) -> None:
    import shap

    inner = model[-1]
    transformed = model[:-1].transform(rows)
    if hasattr(inner, "booster_") or hasattr(inner, "estimators_"):
        shap.TreeExplainer(inner).shap_values(transformed, check_additivity=False)
        return
    background = model[:-1].transform(dataset.X[:20])
    masker = shap.maskers.Independent(background, max_samples=20)
    explainer = shap.PermutationExplainer(inner.predict_proba, masker, seed=0)
    explainer(transformed, max_evals=2 * rows.shape[1] + 1, silent=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results/explain.json"
    )
    output = parser.parse_args().output

    from cluster.targets.connection import connect
    from engine.driver.explain_actors import explain_with_actors
    from engine.explain.pieces import Work

    connect()
    results = []
    for name, model, dataset, rows in cases():
        work = Work(model, dataset.X[:100], rows, dataset.feature_names)
        record = {"case": name, "cores": os.cpu_count()}
        directly(model, dataset, rows)  # numba compiles once
        began = time.perf_counter()
        directly(model, dataset, rows)
        record["shap"] = round(time.perf_counter() - began, 2)
        rates = []
        for way, actors in (("1 actor", 1), ("actors", None)):
            seen = []
            began = time.perf_counter()
            explain_with_actors(
                work, "b", actors=actors,
                progress=lambda done, _: seen.append((time.perf_counter(), done)),  # noqa: B023
            )  # fmt: skip
            record[way] = round(time.perf_counter() - began, 2)
            (first, some), (last, done) = seen[0], seen[-1]
            rates.append((done - some) / (last - first))
        record["rate of actors / of 1"] = round(rates[1] / rates[0], 2)
        record["shap / actors"] = round(record["shap"] / record["actors"], 2)
        results.append(record)
        print(record, flush=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
