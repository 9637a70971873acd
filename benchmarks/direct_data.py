"""Memory of a client that gives its data directly, and drives the run itself.

``python benchmarks/direct_data.py [--rows N] [--columns N] [--output FILE]``

The client is a process of its own that makes the data, keeps it, and submits a run of a few quick
iterations. Its own memory, without what it shares with others, is looked at all the time: what is
beyond the memory that it had with its data is copies, and what Ray and MLflow need. The run of a
small table beside it says how much the latter is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: Rows of the small table.
_FEW = 2000

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))


def child(rows: int, columns: int) -> None:
    """Make data, wait, and submit the run."""
    import numpy as np

    from engine import AutoMLConfig, Experiment, Workspace

    experiment = Experiment(Workspace.from_config(), "direct")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, columns))
    y = (X[:, 0] + rng.normal(size=rows) > 0).astype(int)
    print(json.dumps({"data_mb": (X.nbytes + y.nbytes) / 2**20}), flush=True)
    sys.stdin.readline()
    run = experiment.submit(
        AutoMLConfig(
            "classification",
            X=X,
            y=y,
            allowed_models=["BernoulliNaiveBayes"],
            iterations=3,
            enable_voting_ensemble=False,
            enable_stack_ensemble=False,
            model_explainability=False,
        )
    )
    print(json.dumps({"submitted": True}), flush=True)
    last = None
    while run.get_status() not in ("Completed", "Failed", "Canceled"):
        if run.get_status() != last:
            last = run.get_status()
            print(json.dumps({"status": last}), flush=True)
        time.sleep(0.2)
    print(json.dumps({"status": run.get_status()}), flush=True)


def measured(rows: int, columns: int) -> dict:
    """Return the client's memory in MiB in each part of the run."""
    from engine.driver.memory_watch import own_memory

    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--child", str(rows), str(columns)],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        record = json.loads(process.stdout.readline())
        record["before_mb"] = (own_memory(process.pid) or 0) / 2**20
        seen: dict[str, list[float]] = {}
        status = "submit"
        process.stdin.write("go\n")
        process.stdin.flush()
        os.set_blocking(process.stdout.fileno(), False)
        while process.poll() is None:
            for line in iter(process.stdout.readline, ""):
                told = json.loads(line) if line.startswith("{") else {}
                status = told.get("status", status)
            seen.setdefault(status, []).append((own_memory(process.pid) or 0) / 2**20)
            time.sleep(0.02)
    assert process.returncode == 0
    assert "Completed" in seen
    record["peak_mb"] = max(map(max, seen.values()))
    record["running_mb"] = statistics.median(seen["Running"])
    record["seen"] = {
        name: [round(max(v)), round(statistics.median(v))] for name, v in seen.items()
    }
    return record


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=50)
    parser.add_argument("--output", type=Path, default=Path("direct_data.json"))
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    records = []
    for rows in (arguments.rows, _FEW):
        records.append(measured(rows, arguments.columns))
        r = records[-1]
        print(f"{rows} rows, {r['data_mb']:.0f} MiB: {r['before_mb']:.0f} before, beyond that "
              f"{r['peak_mb'] - r['before_mb']:.0f} at the peak, "
              f"{r['running_mb'] - r['before_mb']:.0f} while trials run", flush=True)  # fmt: skip
        print(f"state: most, median: {r['seen']}", flush=True)
        arguments.output.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
