"""Trials that take more memory than there is, in a process with a cluster of its own.

Ray's monitor of memory is told that the node is full at some GiB more than what is used now.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.long]

SCRIPT = """
import json, sys
import numpy as np
import psutil
import ray

HUNGRY = "KNN"


def be_hungry():
    # In each worker: a fit of this estimator takes memory until somebody ends it.
    import time
    from sklearn.neighbors import KNeighborsClassifier

    def fit(self, X, y):
        held = []
        for _ in range(300):
            held.append(np.ones(2**22))  # 32 MiB, written to
            time.sleep(0.02)

    KNeighborsClassifier.fit = fit


memory = psutil.virtual_memory()
full = (memory.total - memory.available + 5 * 2**30) / memory.total
ray.init(
    address="local",
    num_cpus=2,
    namespace="raysmith",
    log_to_driver=False,
    runtime_env={"worker_process_setup_hook": be_hungry},
    _system_config={"memory_usage_threshold": full, "memory_monitor_refresh_ms": 100},
)

from engine import AutoMLConfig, Experiment, Workspace

generator = np.random.default_rng(0)
X = generator.normal(size=(120, 3))
y = (X[:, 0] > 0).astype(int)
for limit in (700, None):
    run = Experiment(Workspace.from_config(), "hungry").submit(
        AutoMLConfig(
            "classification", X=X, y=y, mem_in_mb=limit, iterations=8, n_cross_validations=3,
            allowed_models=[HUNGRY, "SGD", "BernoulliNaiveBayes"],
            # Ray's monitor may end a trial beside the guilty one, which is tried again then.
            max_concurrent_iterations=2,
            enable_voting_ensemble=False, enable_stack_ensemble=False,
            enable_early_stopping=False, model_explainability=False,
        )
    )
    status = run.wait_for_completion(timeout_seconds=150)
    print(json.dumps({
        "limit": limit,
        "status": status,
        "rows": [
            [c.iteration, c.get_properties()["run_algorithm"], c.get_status(),
             c.get_details()["reason"], c.get_properties().get("peak_memory_mb")]
            for c in run.get_children()
        ],
        "warnings": run.get_details()["warnings"],
    }), flush=True)
"""


@pytest.fixture(scope="module")
def runs(module_workspace):
    """Limit -> what became of the run."""
    Path("hungry.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "hungry.py"],
        capture_output=True, text=True, timeout=280,
        env={**os.environ, "RAY_ADDRESS": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {run["limit"]: run for run in told}


@pytest.mark.parametrize(
    ("limit", "word"), [(700, "over mem_in_mb=700: it used"), (None, "out of memory")]
)
def test_the_run_goes_on_without_an_estimator_that_takes_all_memory(runs, limit, word):
    run = runs[limit]
    assert run["status"] == "Completed"
    assert len(run["rows"]) == 8
    hungry = [row for row in run["rows"] if row[1] == "KNN"]
    others = [row for row in run["rows"] if row[1] != "KNN"]
    # Two may run at a time, and a third one may begin before it is clear why the first has ended.
    assert 1 <= len(hungry) <= 3
    assert all(row[2] == "Failed" and row[3].startswith(word) for row in hungry), hungry
    assert {row[2] for row in others} <= {"Completed", "Pruned"}, others
    assert any(row[2] == "Completed" for row in others)
    assert any("KNN" in note for note in run["warnings"]), run["warnings"]


@pytest.mark.parametrize("limit", [700, None])
def test_the_others_say_what_memory_they_had(runs, limit):
    peaks = [float(row[4]) for row in runs[limit]["rows"] if row[2] == "Completed"]
    assert all(50 < peak < 700 for peak in peaks), peaks
