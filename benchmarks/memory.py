"""Peak memory of each estimator against what is expected, for the coefficients of the catalogue.

``python benchmarks/memory.py [--rows N ...] [--columns N ...] [--estimators NAME ...]``

Each line is one pipeline, cross-validated in a process of its own on a hold-out of made-up data.
``seen`` is the most memory that the process had for itself beyond what it had once the data was
there; a second process looks a hundred times a second. ``expected`` is
`engine.pipelines.memory.expected_increase`. The catalogue's coefficients are such that hardly a
ratio is above 1: a trial that is expected to fit should fit. Results are also written as JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


def made_data(task: str, rows: int, columns: int, classes: int):
    """Return noisy made-up data that is checked as a run's is."""
    from engine.data.check import check_data

    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    y = X[:, 0] * X[:, 1] + X[:, 2] + rng.normal(size=rows)
    if task == "classification":
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1]))
    return check_data({"X": X, "y": y}, task)


def child(task: str, estimator: str, rows: int, columns: int, classes: int) -> None:
    """Evaluate one pipeline between two lines of output."""
    from engine.data.splits import SplitPlan, make_splits
    from engine.evaluation.cross_validation import evaluate
    from engine.pipelines.catalogue.estimators import estimators_of
    from engine.pipelines.memory import expected_increase
    from engine.pipelines.spec import PipelineSpec
    from engine.store.packing import pack_model

    data = made_data(task, rows, columns, classes)
    folds = make_splits(data, SplitPlan(validation_size=0.1))
    entry = estimators_of(task)[estimator]
    spec = PipelineSpec(estimator, entry.scalers[0])
    # Libraries take their memory with the first fit of a process.
    few = made_data(task, 200, 3, classes)
    evaluate(spec, few, make_splits(few, SplitPlan(validation_size=0.1)))
    print(json.dumps({"expected": expected_increase(spec, data.summary())}), flush=True)
    sys.stdin.readline()
    pack_model(evaluate(spec, data, folds).model)
    print("done", flush=True)


def measured(task: str, estimator: str, rows: int, columns: int, classes: int) -> dict:
    """Return what a child needed at most, in MiB."""
    from engine.driver.memory_watch import own_memory

    words = [task, estimator, str(rows), str(columns), str(classes)]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), "--child", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    record = json.loads(process.stdout.readline())
    before = peak = own_memory(process.pid)
    started = time.perf_counter()
    process.stdin.write("go\n")
    process.stdin.flush()
    os.set_blocking(process.stdout.fileno(), False)
    while process.poll() is None and not process.stdout.readline():
        peak = max(peak, own_memory(process.pid) or 0)
        time.sleep(0.01)
    process.wait()
    return record | {
        "estimator": estimator, "task": task, "rows": rows, "columns": columns,
        "classes": classes, "seconds": round(time.perf_counter() - started, 1),
        "before": round(before / 2**20), "seen": round((peak - before) / 2**20, 1),
    }  # fmt: skip


def main() -> None:
    from engine.pipelines.catalogue.estimators import estimators_of

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--columns", type=int, nargs="+", default=[20, 100])
    parser.add_argument("--classes", type=int, nargs="+", default=[2, 10])
    parser.add_argument("--estimators", nargs="+")
    parser.add_argument("--output", type=Path, default=Path("memory.json"))
    parser.add_argument("--child", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        task, name, *sizes = arguments.child
        child(task, name, *map(int, sizes))
        return
    records = []
    print(
        f"{'estimator':22}{'task':16}{'rows':>9}{'columns':>8}{'classes':>8}{'seconds':>8}"
        f"{'seen':>8}{'expected':>9}{'ratio':>7}   MiB"
    )
    sizes = product(("classification", "regression"), arguments.rows, arguments.columns)
    for task, rows, columns in sizes:
        for name, entry in estimators_of(task).items():
            if arguments.estimators and name not in arguments.estimators:
                continue
            if not entry.installed or rows > (entry.max_rows or rows):
                continue
            for classes in arguments.classes if task == "classification" else [1]:
                r = measured(task, name, rows, columns, classes)
                records.append(r)
                print(
                    f"{name:22}{task:16}{rows:>9}{columns:>8}{classes:>8}{r['seconds']:>8}"
                    f"{r['seen']:>8.0f}{r['expected']:>9.0f}"
                    f"{r['seen'] / max(r['expected'], 1):>7.2f}",
                    flush=True,
                )
    arguments.output.write_text(json.dumps(records, indent=1))
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
