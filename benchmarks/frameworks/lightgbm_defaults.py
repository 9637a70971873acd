"""LightGBM with its defaults; categories and dates as it likes them, texts left out."""

from __future__ import annotations

import pickle

from common import FOLDER, main


def fit(X, y, task, deadline):
    import lightgbm
    import pandas as pd

    dates = list(X.select_dtypes("datetime"))
    levels = {
        name: sorted(X[name].dropna().unique())
        for name in X
        if not pd.api.types.is_numeric_dtype(X[name]) and name not in dates
    }
    texts = [name for name, found in levels.items() if len(found) > len(X) / 2]
    categories = {name: pd.CategoricalDtype(levels[name]) for name in levels.keys() - texts}

    def ready(frame):
        frame = frame.drop(columns=texts).astype(categories | dict.fromkeys(dates, "int64"))
        return frame.set_axis([f"f{index}" for index in range(frame.shape[1])], axis=1)

    classification = task["task"] == "classification"
    kind = lightgbm.LGBMClassifier if classification else lightgbm.LGBMRegressor
    model = kind(n_jobs=task["cores"], random_state=task["seed"], verbosity=-1).fit(ready(X), y)
    (FOLDER / "model.pkl").write_bytes(pickle.dumps(model))
    if classification:
        return lambda frame: model.predict_proba(ready(frame)), model.classes_
    return lambda frame: model.predict(ready(frame)), None


if __name__ == "__main__":
    main(fit)
