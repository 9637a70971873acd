"""
A time limit
============

``experiment_timeout_minutes`` limits the whole run, ensembles included. The search then takes the
cost of each pipeline into account, and leaves time for the ensembles.
"""

# %%
# Eighteen seconds are enough to show it. Real runs get minutes or hours.

import time

from sklearn.datasets import load_breast_cancer

from engine import AutoMLConfig, Experiment, Workspace

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
config = AutoMLConfig(
    task="classification",
    primary_metric="log_loss",
    X=X,
    y=y,
    experiment_timeout_minutes=0.3,
    n_cross_validations=3,
    enable_stack_ensemble=False,
)
began = time.monotonic()
run = Experiment(Workspace.from_config(), "time_limit").submit(config, show_output=True)
print(f"{time.monotonic() - began:.0f} seconds")

# %%
# The summary has one row for each iteration. An iteration that was pruned has no score.

import matplotlib.pyplot as plt

table = run.summary()
table["status"].value_counts()

# %%
# Points are iterations, the line is the best score so far.

scored = table.dropna(subset=["metric"])
figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
axes.scatter(scored["iteration"], scored["metric"], s=18, label="iteration")
axes.step(scored["iteration"], scored["metric"].cummin(), where="post", label="best so far")
axes.set(xlabel="iteration", ylabel="log loss (lower is better)", yscale="log")
axes.legend()
