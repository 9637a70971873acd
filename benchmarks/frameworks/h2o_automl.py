"""H2O AutoML with its defaults for a time budget; its own start is in the time."""

from __future__ import annotations

import time

from common import FOLDER, TARGET, main


def fit(X, y, task, deadline):
    import h2o
    from h2o.automl import H2OAutoML

    h2o.init(nthreads=task["cores"], max_mem_size="6g", port=54999)
    h2o.no_progress()
    classification = task["task"] == "classification"
    texts = [name for name in X if X[name].dtype.kind not in "fiub"]
    train = h2o.H2OFrame(X.assign(**{TARGET: y}))
    for name in texts:
        train[name] = train[name].asfactor()
    if classification:
        train[TARGET] = train[TARGET].asfactor()
    automl = H2OAutoML(
        max_runtime_secs=max(5, int(deadline - time.time() - 3)),
        seed=task["seed"],
        sort_metric="AUTO" if classification else "RMSE",
        keep_cross_validation_predictions=False,
        verbosity=None,
    )
    automl.train(y=TARGET, training_frame=train)
    h2o.save_model(automl.leader, path=str(FOLDER), force=True)

    def predict(frame):
        test = h2o.H2OFrame(frame)
        for name in texts:
            test[name] = test[name].asfactor()
        found = automl.leader.predict(test).as_data_frame()
        return found.drop(columns="predict") if classification else found["predict"]

    return predict, train[TARGET].levels()[0] if classification else None


if __name__ == "__main__":
    main(fit)
    import h2o

    h2o.cluster().shutdown()
