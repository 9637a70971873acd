"""AutoGluon with the preset that ``task.json`` names."""

from __future__ import annotations

import time

from common import FOLDER, TARGET, main


def fit(X, y, task, deadline):
    from autogluon.tabular import TabularPredictor

    classification = task["task"] == "classification"
    metric = "root_mean_squared_error"
    if classification:
        metric = "roc_auc" if y.nunique() == 2 else "roc_auc_ovr_weighted"
    predictor = TabularPredictor(
        label=TARGET,
        eval_metric=metric,
        problem_type=None if classification else "regression",
        path=str(FOLDER / "model"),
        verbosity=0,
    ).fit(
        X.assign(**{TARGET: y}),
        presets=task["preset"],
        time_limit=deadline - time.time() - 1.0,
        num_cpus=task["cores"],
        num_gpus=0,
    )
    if classification:
        return predictor.predict_proba, predictor.class_labels
    return predictor.predict, None


if __name__ == "__main__":
    main(fit)
