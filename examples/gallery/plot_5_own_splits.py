"""
Your own splits
===============

Rows of one patient, one machine or one day must not be divided between training and validation: the
score would be too good. ``cv_splits_indices`` takes splits from any splitter of scikit-learn.
"""

# %%
# Each of 30 machines has 20 rows, a level of its own, and a fingerprint by which a model can
# recognise the machine.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
machine = np.repeat(np.arange(30), 20)
level = rng.normal(0, 2, 30)
fingerprint = rng.normal(0, 1, (30, 4))
X = pd.DataFrame(
    fingerprint[machine] + rng.normal(0, 0.05, (600, 4)), columns=["f1", "f2", "f3", "f4"]
)
X["load"] = rng.uniform(0, 1, 600)
y = level[machine] + 3 * X["load"] + rng.normal(0, 0.3, 600)

# %%
# ``GroupKFold`` keeps the rows of a machine together.

from sklearn.model_selection import GroupKFold, KFold

from engine import AutoMLConfig, Experiment, Workspace

experiment = Experiment(Workspace.from_config(), "machines")
splitters = {
    "rows at random": KFold(5, shuffle=True, random_state=0).split(X),
    "whole machines": GroupKFold(5).split(X, groups=machine),
}
runs = {}
for name, splits in splitters.items():
    config = AutoMLConfig(
        task="regression",
        primary_metric="r2_score",
        X=X,
        y=y,
        cv_splits_indices=list(splits),
        iterations=2,
        allowed_models=["LightGBM", "ElasticNet"],
        enable_voting_ensemble=False,
        enable_stack_ensemble=False,
    )
    runs[name] = experiment.submit(config)
for name, run in runs.items():
    print(name, run.wait_for_completion())

# %%
# Rows at random promise a model that predicts well. For a machine that training has not seen, it
# does not: the boxes of whole machines are the honest ones.

import matplotlib.pyplot as plt

folds = {
    f"{child.get_properties()['run_algorithm']}\n{name}": child.get_fold_metrics("r2_score")
    for name, run in runs.items()
    for child in run.get_children()
}
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.boxplot(list(folds.values()), orientation="horizontal", tick_labels=list(folds))
axes.axvline(0, color="grey", linewidth=1)
axes.set_xlabel("R² of the folds (0 is the mean of the target)")

# %%
# Time order works in the same way, with ``sklearn.model_selection.TimeSeriesSplit``.
