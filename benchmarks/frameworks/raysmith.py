"""raysmith with its defaults, but for the budget."""

from __future__ import annotations

import collections
import json
import pickle
import time

from common import FOLDER, main

#: Of the run's time, what is left for reading the model back and saving it.
RESERVE = 1.5


def more_of(run, cores):
    """What only raysmith tells: how the time was used, and the best score so far by second."""
    children = [child.get_details() for child in run.get_children()]
    trials = [c for c in children if "Ensemble" not in c["pipeline"] and c["endTime"]]
    first = min(c["startTime"] for c in trials)
    last = max(c["endTime"] for c in trials)
    busy = sum(c["endTime"] - c["startTime"] for c in trials)
    curve = sorted(
        (
            round(c["endTime"] - first, 2),
            c["metrics"][run.get_details()["settings"]["primary_metric"]],
        )
        for c in children
        if c["status"] == "Completed"
    )
    return {
        "iterations": len(trials),
        "statuses": dict(collections.Counter(c["status"] for c in trials)),
        "best_pipeline": run.get_output()[0].get_details()["pipeline"],
        "utilisation": round(busy / (cores * (last - first)), 3),
        "curve": curve,
    }


def fit(X, y, task, deadline):
    from engine import AutoMLConfig, Experiment, Workspace

    classification = task["task"] == "classification"
    config = AutoMLConfig(
        task["task"],
        primary_metric="AUC_weighted" if classification else "root_mean_squared_error",
        X=X,
        y=y.to_numpy(),
        iterations=10_000,
        enable_early_stopping=False,
        experiment_timeout_minutes=(deadline - time.time() - RESERVE) / 60,
        max_concurrent_iterations=task["cores"],
        random_state=task["seed"],
    )
    run = Experiment(Workspace.from_config(), "benchmark").submit(config)
    run.wait_for_completion()
    _, model = run.get_output()
    (FOLDER / "model.pkl").write_bytes(pickle.dumps(model))
    (FOLDER / "more.json").write_text(json.dumps(more_of(run, task["cores"])))
    if classification:
        return model.predict_proba, model.classes_
    return model.predict, None


if __name__ == "__main__":
    main(fit)
