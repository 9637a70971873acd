"""
A time limit
============

``experiment_timeout_minutes`` limits the whole run, ensembles included. The search then takes the
cost of each pipeline into account, and leaves time for the ensembles.
"""

# %%
# The limit counts from the call of ``submit``. Where no Ray is running, its start takes several
# seconds of it, so a script with a limit of seconds starts Ray first.

import ray

ray.init(ignore_reinit_error=True, logging_level="ERROR", log_to_driver=False)

# %%
# Eighteen seconds are enough to show it. Real runs get minutes or hours.

import time

from sklearn.datasets import make_friedman1

from engine import AutoMLConfig, Experiment, Workspace

X, y = make_friedman1(n_samples=400, noise=1.0, random_state=0)
config = AutoMLConfig(
    task="regression",
    primary_metric="root_mean_squared_error",
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
axes.set(xlabel="iteration", ylabel="root mean squared error")
axes.legend()
