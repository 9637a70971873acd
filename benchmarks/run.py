"""raysmith against FLAML, AutoGluon, H2O AutoML and LightGBM: same splits, cores, time, scoring.

``python benchmarks/run.py [--seconds 60] [--seeds 0] [--sets NAME ...] [--frameworks NAME ...]``

Each framework runs in an environment of its own (``benchmarks/make_peers.py`` makes them), in a
process of its own, with the clock running from the start of that process until its model is saved.
Results go to ``benchmarks/results/runs.jsonl``, a line a run; what is there is not run again, so
that an interrupted benchmark goes on. The report is ``benchmarks/results/report.md``. Made-up sets
of other kinds, ``made_...``, are run when they are named.

Scores: area under the ROC curve, one class against the rest, weighted by frequency, for
classification; root mean squared error for regression; on a quarter of the rows that no framework
saw.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
from datasets import SETS, split
from frameworks.common import TARGET
from generated import GENERATED
from report import write_report

HERE = Path(__file__).parent
ALL_SETS = SETS | GENERATED
RESULTS = HERE / "results"
VENVS = HERE / "venvs"
#: Framework -> its script, its environment, what is added to ``task.json``.
FRAMEWORKS = {
    "raysmith": ("raysmith", None, {}),
    "lightgbm": ("lightgbm_defaults", None, {}),
    "flaml": ("flaml_automl", "flaml", {}),
    "autogluon_medium": ("autogluon_tabular", "autogluon", {"preset": "medium_quality"}),
    "autogluon_best": ("autogluon_tabular", "autogluon", {"preset": "best_quality"}),
    "h2o": ("h2o_automl", "h2o", {}),
}
#: A framework that takes longer than this many times its budget is ended, and has no score.
PATIENCE = 4.0


def python_of(framework: str) -> str | None:
    """Its interpreter, or ``None`` when its environment has not been made."""
    venv = FRAMEWORKS[framework][1]
    if venv is None:
        return sys.executable
    python = VENVS / venv / "bin" / "python"
    return str(python) if python.exists() else None


class MemoryWatch:
    """Peak proportional set size, in MB, of a process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self.peak = 0.0
        self._pid = pid
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> float:
        self._stop.set()
        self._thread.join()
        return self.peak

    def _look(self) -> None:
        while not self._stop.wait(1.0):
            try:
                root = psutil.Process(self._pid)
                tree = [root, *root.children(recursive=True)]
            except psutil.Error:
                return
            self.peak = max(self.peak, sum(_proportional(p.pid) for p in tree))


def _proportional(pid: int) -> float:
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return float(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def run_one(name: str, framework: str, seed: int, seconds: float, cores: int) -> dict:
    """One run; the record that is kept."""
    entry = ALL_SETS[name]
    X, y = entry.read()
    X_train, X_test, y_train, y_test = split(X, y, entry.task, seed)
    if entry.task == "classification":
        y_train, y_test = y_train.astype(str), y_test.astype(str)
    script, _, settings = FRAMEWORKS[framework]
    record = {"set": name, "task": entry.task, "framework": framework, "seed": seed,
              "seconds": seconds, "cores": cores}  # fmt: skip
    folder = Path(tempfile.mkdtemp(prefix=f"benchmark-{framework}-"))
    try:
        X_train.assign(**{TARGET: y_train}).reset_index(drop=True).to_parquet(
            folder / "train.parquet"
        )
        X_test.reset_index(drop=True).to_parquet(folder / "test.parquet")
        started = time.time()
        task = {**settings, "task": entry.task, "seconds": seconds, "cores": cores, "seed": seed,
                "started": started}  # fmt: skip
        (folder / "task.json").write_text(json.dumps(task))
        environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
        portfolio = HERE / "portfolios" / f"{name}.json"
        if framework == "raysmith" and portfolio.exists():
            environment["RAYSMITH_PORTFOLIO"] = str(portfolio)
        with (folder / "output.txt").open("wb") as output:
            process = subprocess.Popen(
                [str(python_of(framework)), str(HERE / "frameworks" / f"{script}.py"), str(folder)],
                stdout=output, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
            memory = MemoryWatch(process.pid)
            try:
                process.wait(PATIENCE * max(seconds, 30.0))
            except subprocess.TimeoutExpired:
                record["error"] = f"not done after {PATIENCE:g} times its budget"
            finally:
                record["peak_mb"] = round(memory.end(), 1)
                _end_group(process)
        events = folder / "events.json"
        if events.exists():
            told = json.loads(events.read_text())
            record["saved_after"] = round(told["saved"] - started, 2)
            record["predict_ms_per_1000"] = round(1e6 * told["predict_seconds"] / told["rows"], 2)
            record["score"] = score(entry.task, y_test, np.load(folder / "predictions.npz"))
        else:
            tail = (folder / "output.txt").read_text(errors="replace").strip().splitlines()
            record.setdefault("error", " | ".join(tail[-3:]) if tail else "it left nothing")
        more = folder / "more.json"
        if more.exists():
            record |= json.loads(more.read_text())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return record


def score(task: str, y: np.ndarray, left: object) -> float:
    from sklearn.metrics import roc_auc_score, root_mean_squared_error

    predicted = left["predicted"]  # type: ignore[index]
    if task == "regression":
        return float(root_mean_squared_error(y, predicted.reshape(-1)))
    classes = [str(c) for c in left["classes"]]  # type: ignore[index]
    known = sorted(set(y))
    probabilities = np.zeros((len(y), len(known)))
    for index, label in enumerate(known):
        if label in classes:
            probabilities[:, index] = predicted[:, classes.index(label)]
    one_hot = np.array([[label == k for k in known] for label in y])
    return float(roc_auc_score(one_hot, probabilities, average="weighted"))


def _end_group(process: subprocess.Popen) -> None:
    """End what the framework left running: it started in a session of its own."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seconds", type=float, nargs="+", default=[60.0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sets", nargs="+", choices=list(ALL_SETS), default=list(SETS))
    parser.add_argument(
        "--frameworks", nargs="+", choices=list(FRAMEWORKS), default=list(FRAMEWORKS)
    )
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--results", type=Path, default=RESULTS / "runs.jsonl")
    parser.add_argument("--again", action="store_true", help="run also what has a result already")
    arguments = parser.parse_args()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    known = []
    if arguments.results.exists():
        known = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    done = {(r["set"], r["framework"], r["seed"], r["seconds"]) for r in known}
    frameworks = [f for f in arguments.frameworks if python_of(f) is not None]
    for missing in sorted(set(arguments.frameworks) - set(frameworks)):
        print(f"{missing} is left out: python benchmarks/make_peers.py makes its environment")
    for seconds in arguments.seconds:
        for seed in arguments.seeds:
            for name in arguments.sets:
                for framework in frameworks:
                    if (name, framework, seed, seconds) in done and not arguments.again:
                        continue
                    record = run_one(name, framework, seed, seconds, arguments.cores)
                    with arguments.results.open("a") as file:
                        file.write(json.dumps(record) + "\n")
                    told = record.get("score", record.get("error"))
                    after = record.get("saved_after")
                    print(f"{name:28}{framework:18}{told!s:.22} after {after} s, "
                          f"{record['peak_mb']:.0f} MB", flush=True)  # fmt: skip
    records = [json.loads(line) for line in arguments.results.read_text().splitlines()]
    print(write_report(records, arguments.results.parent / "report.md"))


if __name__ == "__main__":
    main()
