"""What every framework's script does the same: read the task, tell when the model is saved.

A script is started by ``benchmarks/run.py`` in the framework's own environment, as
``python <script> FOLDER``. FOLDER holds ``task.json`` (task, metric, seconds, cores, seed),
``train.parquet`` with the column ``__target__``, and ``test.parquet``; the script leaves
``predictions.npz`` and ``events.json`` there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
TARGET = "__target__"


def main(fit: Callable[..., tuple[Any, Callable[[Any], Any], Any]]) -> None:
    """Run ``fit(train, target, task, deadline)`` -> (predict, classes), and predict.

    ``deadline`` is in seconds since the epoch, counted from the start of the process.
    """
    task = json.loads((FOLDER / "task.json").read_text())
    os.chdir(FOLDER)
    import numpy as np
    import pandas as pd

    train = pd.read_parquet(FOLDER / "train.parquet")
    test = pd.read_parquet(FOLDER / "test.parquet")
    deadline = task["started"] + task["seconds"]
    predict, classes = fit(train.drop(columns=TARGET), train[TARGET], task, deadline)
    saved = time.time()
    predicted = predict(test)
    ended = time.time()
    np.savez(
        FOLDER / "predictions.npz",
        predicted=np.asarray(predicted, dtype=float),
        classes=np.asarray([] if classes is None else [str(c) for c in classes]),
    )
    events = {"saved": saved, "predict_seconds": ended - saved, "rows": len(test)}
    (FOLDER / "events.json").write_text(json.dumps(events))
