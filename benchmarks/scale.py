"""Time and memory against rows: a run of ten iterations on 10k, 100k and 1M rows of 50 columns.

``python benchmarks/scale.py [--rows N ...] [--output FILE]`` prints a table with growth ratios and
writes JSON. Each run is a process of its own; its peak memory is the proportional set size of its
whole process tree. ``get_data()`` makes the data where it is used, and counts its calls.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import MemoryWatch

SCRIPT = """
import numpy as np

def get_data():
    with open("calls.txt", "a") as file:
        file.write("called\\n")
    rng = np.random.default_rng(0)
    X = rng.normal(size=({rows}, 50)).astype(np.float32)
    signal = X[:, 0] * X[:, 1] + np.sin(3 * X[:, 2]) + X[:, 3] + rng.normal(size={rows})
    return {{"X": X, "y": (signal > 0).astype(int)}}
"""


def child(rows: int) -> None:
    """The run; prints its figures as JSON."""
    from engine import AutoMLConfig, Experiment, Workspace

    Path("get_data.py").write_text(SCRIPT.format(rows=rows))
    started = time.time()
    run = Experiment(Workspace.from_config(), "scale").submit(
        AutoMLConfig(
            "classification",
            primary_metric="AUC_weighted",
            data_script="get_data.py",
            iterations=10,
        )
    )
    run.wait_for_completion()
    summary = run.summary()
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": round(time.time() - started, 1),
                "AUC_weighted": round(float(summary["metric"].max()), 5),
                "iterations": len(summary),
                "completed": int((summary["status"] == "Completed").sum()),
                "get_data_calls": len(Path("calls.txt").read_text().splitlines()),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--output", type=Path, default=Path("scale.json"))
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child)
        return
    records = []
    print(
        f"{'rows':>10}{'seconds':>10}{'growth':>8}{'peak GB':>9}{'growth':>8}{'AUC':>9}  get_data"
    )
    for rows in arguments.rows:
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).resolve()), "--child", str(rows)],
                cwd=folder, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            memory = MemoryWatch(process.pid)
            output, _ = process.communicate()
            record = json.loads(output.strip().splitlines()[-1])
        record["peak_gb"] = round(memory.end() / 1024, 2)
        last = records[-1] if records else record
        grown = [record[key] / last[key] for key in ("seconds", "peak_gb")]
        print(
            f"{rows:>10}{record['seconds']:>10}{grown[0]:>8.2f}{record['peak_gb']:>9}"
            f"{grown[1]:>8.2f}{record['AUC_weighted']:>9.4f}  {record['get_data_calls']} call",
            flush=True,
        )
        records.append(record)
    arguments.output.write_text(json.dumps(records, indent=1))
    print(f"written to {arguments.output}")


if __name__ == "__main__":
    main()
