"""Models in MLflow's format for tests: a run in a store, and its model with everything in it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.data.training_summary import TrainingSummary
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec

N = 120
RNG = np.random.default_rng(0)
PLAIN = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "income": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(40, 9, N)),
        "town": RNG.choice(["Rome", "Oslo"], N),
        "member": RNG.choice([True, False], N),
        "id": [f"u{n:05}" for n in range(N)],
    }
)
#: With a date and a text, which need skrub.
FULL = PLAIN.assign(
    since=pd.date_range("2020-01-01", periods=N, freq="h"),
    note=[f"the note number {n} about " + ["a", "b", "c", "d", "e"][n % 5] for n in range(N)],
)
NUMBERS = RNG.normal(size=(N, 3))
Y = np.where(RNG.random(N) < 0.5, "yes", "no")


def fitted(X, estimator="LogisticRegression", featurize=True, y=Y):
    """A fitted pipeline, and the summary of its data."""
    task = "regression" if y.dtype.kind == "f" else "classification"
    config = FeaturizationConfig() if featurize else None
    data = check_data({"X": X, "y": y}, task, featurization=config)
    names = data.feature_names if data.named else None
    spec = PipelineSpec(estimator)
    model = build_pipeline(spec, task, layout=data.layout, names=names)
    return model.fit(data.X, data.y), TrainingSummary.of(data)
