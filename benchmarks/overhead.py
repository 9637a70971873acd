"""What a run costs beyond fitting and scoring: prints a table, writes JSON.

Three questions, each answered by processes of their own:

1. The same pipelines, fitted and scored in one plain Python process and as a run at concurrency 1:
   what does an iteration cost more, and how long until the first one starts?
2. How long do 200 trivial iterations at concurrency 2 take once they have started?
3. Does the driver's memory grow with the number of iterations?

``python benchmarks/overhead.py [--quick] [--output FILE]``
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

_MODELS = ["LogisticRegression", "KNN", "DecisionTree", "BernoulliNaiveBayes", "LinearSVM"]


def data():
    import numpy as np

    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 6))
    return X, (X[:, 0] + 0.3 * generator.normal(size=200) > 0).astype(int)


def plain(specs_file: str) -> dict[str, float]:
    """Fit and score the pipelines of a run, without one."""
    import warnings

    from engine.data.check import check_data
    from engine.data.splits import SplitPlan, make_splits
    from engine.evaluation.cross_validation import evaluate
    from engine.pipelines.spec import PipelineSpec

    warnings.simplefilter("ignore")
    X, y = data()
    dataset = check_data({"X": X, "y": y}, "classification")
    folds = make_splits(dataset, SplitPlan(3))
    specs = [PipelineSpec.from_json(text) for text in json.loads(Path(specs_file).read_text())]
    # Imports are part of a start, not of an iteration.
    for model in _MODELS:
        evaluate(next(s for s in specs if s.estimator == model), dataset, folds)
    started = time.perf_counter()
    for spec in specs:
        evaluate(spec, dataset, folds)
    return {"seconds": time.perf_counter() - started}


def run(iterations: str, concurrency: str, specs_file: str) -> dict[str, float]:
    """A run from the start of this process on; its pipelines go into ``specs_file``."""
    process_started = psutil.Process().create_time()
    from engine import AutoMLConfig, Experiment, Workspace

    X, y = data()
    config = AutoMLConfig(
        task="classification",
        X=X,
        y=y,
        iterations=int(iterations),
        n_cross_validations=3,
        allowed_models=_MODELS,
        max_concurrent_iterations=int(concurrency),
        enable_early_stopping=False,
        enable_voting_ensemble=False,
        enable_stack_ensemble=False,
        debug_log=None,
    )
    run = Experiment(Workspace.from_config(), "overhead").submit(config)
    run.wait_for_completion()
    ended = time.time()
    children = [child.get_details() for child in run.get_children()]
    assert {child["status"] for child in children} <= {"Completed", "Pruned"}
    specs = [child["properties"]["pipeline_spec"] for child in children]
    Path(specs_file).write_text(json.dumps(specs))
    first = min(child["startTime"] for child in children)
    return {
        "start_seconds": first - process_started,
        "after_start_seconds": ended - first,
        "driver_memory_mb": psutil.Process().memory_full_info().uss / 2**20,
    }


def in_a_process(*arguments: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), "--part", *arguments]
        done = subprocess.run(
            command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True, env=os.environ
        )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def measure(n_small: int, n_large: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        specs, other = f"{folder}/specs.json", f"{folder}/other.json"
        single = in_a_process("run", str(n_large), "1", specs)
        pure = in_a_process("plain", specs)
        double = in_a_process("run", str(n_large), "2", other)
        small = in_a_process("run", str(n_small), "2", other)
        large = in_a_process("run", str(4 * n_small), "2", other)
    return {
        "iterations": n_large,
        "pure_seconds_per_iteration": pure["seconds"] / n_large,
        "start_seconds": single["start_seconds"],
        "overhead_seconds_per_iteration": (single["after_start_seconds"] - pure["seconds"])
        / n_large,
        "seconds_at_concurrency_2": double["after_start_seconds"],
        "driver_memory_mb": small["driver_memory_mb"],
        "driver_memory_growth_ratio": large["driver_memory_mb"] / small["driver_memory_mb"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="40 iterations instead of 200")
    parser.add_argument("--output", default="benchmarks/results/overhead.json")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        kind, *numbers = options.part
        print(json.dumps({"plain": plain, "run": run}[kind](*numbers)))
        return
    result = measure(20, 40) if options.quick else measure(100, 200)
    rows = [
        ("process start to first iteration", "start_seconds", "s", 12.0),
        ("fit and score alone, an iteration", "pure_seconds_per_iteration", "s", None),
        ("overhead of an iteration, concurrency 1", "overhead_seconds_per_iteration", "s", 0.15),
        (
            f"{result['iterations']} iterations at concurrency 2, after the start",
            "seconds_at_concurrency_2",
            "s",
            0.15 * result["iterations"],
        ),
        ("driver memory (unique set size)", "driver_memory_mb", "MB", None),
        ("the same after four times the iterations", "driver_memory_growth_ratio", "x", 1.1),
    ]
    print(f"{'':<50}{'measured':>12}{'goal':>12}")
    for text, key, unit, goal in rows:
        print(f"{text:<50}{result[key]:>10.3f} {unit:<2}{'' if goal is None else f'{goal:>10.3f}'}")
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version()}
    output.write_text(json.dumps({"machine": machine, "result": result}, indent=1))
    print(f"written to {output}")


if __name__ == "__main__":
    main()
