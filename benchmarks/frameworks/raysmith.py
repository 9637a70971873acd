"""raysmith with its defaults, but for the budget."""

from __future__ import annotations

import pickle
import time

from common import FOLDER, main

#: Of the run's time, what is left for reading the model back and saving it.
RESERVE = 1.5


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
    run.summary().to_csv(FOLDER / "summary.csv")
    if classification:
        return model.predict_proba, model.classes_
    return model.predict, None


if __name__ == "__main__":
    main(fit)
