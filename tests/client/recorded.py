"""A run that was written to the store without a driver."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from engine import AutoMLConfig, AutoMLRun, Experiment
from engine.driver.specification_files import keep_data
from engine.explain.explanation import Explanation
from engine.explain.files import FILE, FOLDER
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.spec import PipelineSpec
from engine.show.view import DATA_FILE
from engine.store.driver_identity import DriverIdentity
from engine.store.packing import pack_model
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus

TABLE = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=["a", "b", "c"])
LABELS = np.where(TABLE["a"] > 0, "yes", "no")
DATA = {
    "n_rows": 60,
    "n_columns": 3,
    "class_counts": {"yes": 30, "no|`": 30},
    "columns": [{"name": "a", "type": "numeric", "missing": 0.25, "unique": 60}],
}
#: Score of each iteration; those without one have failed.
SCORES: Sequence[float | None] = (0.7, None, 0.9, 0.8)
BEST = 2


def record_run(experiment: Experiment, status: RunStatus = RunStatus.COMPLETED) -> AutoMLRun:
    """Write a run of `SCORES` in a final or another state, its models decision trees."""
    config = AutoMLConfig("classification", X=TABLE, y=LABELS, iterations=len(SCORES), name="a run")
    given = config.prepare()
    store = experiment.workspace.store
    run_id = store.create_run(experiment.id, given.settings.to_dict(), {"team": "x"})
    store.save_spec(run_id, given.to_spec())
    keep_data(store, run_id, given)
    store.write_text(run_id, DATA_FILE, json.dumps(DATA))
    recorder = Recorder(store, store.run(run_id))
    for number, score in enumerate(SCORES):
        spec = PipelineSpec("DecisionTree", "PCA", {"max_depth": number + 1}, {"share": 0.5})
        recorder.started(number, spec, IterationProperties(node_ip="10.0.0.1"), time.time())
        scores = {} if score is None else {"accuracy": score}
        recorder.ended(number, _end(number, score).with_fold_scores("accuracy"), scores)
    recorder.close()
    assert recorder.error is None
    store.set_status(run_id, status)
    return AutoMLRun(experiment, run_id)


def leave_open(run: AutoMLRun, iteration: int) -> DriverIdentity:
    """Begin an iteration, and have the run's driver be one that died; return a living one."""
    store, alive = run.store, DriverIdentity.of_this_process()
    store.start_iteration(
        store.run(run.id), iteration, "KNN", {}, IterationProperties(), time.time()
    )
    store.tag_driver(run.id, dataclasses.replace(alive, pid=999_999_999))
    return alive


def _end(number: int, score: float | None) -> IterationEnd:
    if score is None:
        return IterationEnd(
            IterationStatus.FAILED, "ValueError: bad\nmore lines", log=f"log of {number}\n"
        )
    model = make_pipeline(NumericMatrix(), DecisionTreeClassifier(max_depth=number + 1))
    folds = tuple({"accuracy": score + shift} for shift in (-0.05, 0.0, 0.05))
    return IterationEnd(
        IterationStatus.COMPLETED,
        metrics={"accuracy": score, "log_loss": score / 2},
        fold_metrics=folds,
        properties=IterationProperties(folds=3, cores=1),
        model=pack_model(model.fit(TABLE, LABELS)),
        log=f"log of {number}\n",
    )


def keep_explanation(run: AutoMLRun, iteration: int) -> None:
    """Keep SHAP values of two rows, columns and classes with an iteration."""
    values = np.array([[0.125, 0.5], [-0.125, -0.5]])
    explanation = Explanation(
        values=np.stack([-values, values], axis=2),
        expected=np.array([0.5, 0.5]),
        columns=("a", "b"),
        classes=("no", "yes"),
        rows=np.array([3, 7]),
        data=np.zeros((2, 2)),
        n_given=9,
        source="X_valid",
    )
    child = run.store.iterations(run.id)[iteration]
    run.store.write_files(child.run_id, FOLDER, {FILE: explanation.to_bytes()})
