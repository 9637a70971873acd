"""Data scripts and waits that the live tests share."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from engine import AutoMLConfig, AutoMLRun, Workspace

COUNTING = """
import os
import numpy as np

def get_data():
    print("hello from get_data")
    with open("calls.txt", "a") as file:
        file.write("called\\n")
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 5))
    return {"X": X, "y": (X[:, 0] > 0).astype(int)}
"""

#: Random labels: an SVM with a polynomial kernel is in libsvm for minutes.
SLOW = """
import numpy as np

def get_data():
    generator = np.random.default_rng(0)
    return {"X": generator.normal(size=(9000, 60)), "y": generator.integers(2, size=9000)}
"""


#: A straight line splits it; what looks at the sign of each column cannot.
FAR = """
import numpy as np

def get_data():
    X = np.random.default_rng(0).uniform(1, 2, size=(300, 4))
    return {"X": X, "y": (X[:, 0] > X[:, 1]).astype(int)}
"""

#: A table that every estimator learns: the sign of a column.
FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
LABELS = np.where(FRAME["a"] > 0, "yes", "no")


def customers(n_rows: int = 240, seed: int = 0) -> pd.DataFrame:
    """Customers: a number that matters, one that does not, and a category that matters."""
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(n_rows, 2)), columns=["age", "income"])
    frame["plan"] = generator.choice(["basic", "family", "none"], n_rows)
    return frame


def leaves(frame: pd.DataFrame) -> np.ndarray:
    """Which of the customers leave."""
    return np.where(frame["age"] + (frame["plan"] == "basic") > 0.3, "left", "stayed")


def write(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def slow_config(**changes) -> AutoMLConfig:
    """Every iteration is stuck in native code for minutes."""
    settings = {
        "task": "classification",
        "data_script": write("slow.py", SLOW),
        "allowed_models": ["SVM"],
        "iterations": 2,
        "n_cross_validations": 3,
        "enable_voting_ensemble": False,
        "enable_stack_ensemble": False,
    }
    return AutoMLConfig(**(settings | changes))


def quick_config(**changes) -> AutoMLConfig:
    settings = {
        "task": "classification",
        "data_script": write("counting.py", COUNTING),
        "allowed_models": ["LogisticRegression", "KNN", "SGD", "DecisionTree"],
        "iterations": 3,
        "n_cross_validations": 3,
        # A process that runs trials takes seconds to start, and such a trial a tenth of one.
        "max_concurrent_iterations": 1,
        "enable_voting_ensemble": False,
        "enable_stack_ensemble": False,
    }
    return AutoMLConfig(**(settings | changes))


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> float:
    """Wait for something that must happen; returns how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < seconds, "it did not happen"
        time.sleep(0.05)
    return time.monotonic() - started


def statuses(run: AutoMLRun) -> dict[int, str]:
    return {child.iteration: child.get_status() for child in run.get_children()}


def delete_targets(workspace: Workspace) -> None:
    """End the clusters of a workspace, also those that do not answer."""
    for name, target in workspace.compute_targets.items():
        if name != "local":
            target.delete(force=True)


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(command: Sequence[str], health: str, log: str | Path, **environment: str):
    """A process that answers at the address ``health``, until the end of the block."""
    with Path(log).open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, start_new_session=True,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", **environment},
        )  # fmt: skip

    def is_up() -> bool:
        assert process.poll() is None, Path(log).read_text()
        try:
            return urllib.request.urlopen(health, timeout=2).status == 200
        except OSError:
            return False

    try:
        wait_until(is_up, 120)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
