"""FLAML as its documentation recommends for a time budget, its ensemble off as by default."""

from __future__ import annotations

import pickle
import time

from common import FOLDER, main


def fit(X, y, task, deadline):
    from flaml import AutoML

    classification = task["task"] == "classification"
    metric = "rmse"
    if classification:
        metric = "roc_auc" if y.nunique() == 2 else "roc_auc_ovr_weighted"
    automl = AutoML()
    automl.fit(
        X_train=X,
        y_train=y,
        task=task["task"],
        metric=metric,
        time_budget=deadline - time.time() - 1.0,
        n_jobs=task["cores"],
        seed=task["seed"],
        verbose=0,
    )
    (FOLDER / "model.pkl").write_bytes(pickle.dumps(automl, protocol=pickle.HIGHEST_PROTOCOL))
    if classification:
        return automl.predict_proba, automl.classes_
    return automl.predict, None


if __name__ == "__main__":
    main(fit)
