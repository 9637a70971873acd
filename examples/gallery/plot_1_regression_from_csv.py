"""
Regression from a CSV file with mixed columns and gaps
======================================================

A table of rented flats has numbers, categories and missing values. raysmith infers the type of each
column and encodes it for each estimator, so the file is used as it is.
"""

# %%
# First we write the file. A third of the years and some of the heating types are missing.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows = 600
flats = pd.DataFrame(
    {
        "area": rng.uniform(25, 160, n_rows).round(1),
        "rooms": rng.integers(1, 6, n_rows),
        "district": rng.choice(["centre", "north", "harbour", "hills"], n_rows),
        "heating": rng.choice(["gas", "district", None], n_rows, p=[0.5, 0.4, 0.1]),
        "built": rng.integers(1900, 2024, n_rows).astype(float),
    }
)
price = flats["district"].map({"centre": 19.0, "north": 12.0, "harbour": 15.0, "hills": 17.0})
rent = flats["area"] * price + 2.0 * (flats["built"] - 1900) + rng.normal(0, 60, n_rows)
flats["rent"] = rent.round(0)
flats.loc[rng.random(n_rows) < 0.3, "built"] = np.nan
train, test = flats[:450], flats[450:]
train.to_csv("flats.csv", index=False)
train.head()

# %%
# The path of the file and the name of the target are all that a run needs. Three iterations try
# three pipelines; a voting ensemble of them follows.

from engine import AutoMLConfig, Experiment, Workspace

experiment = Experiment(Workspace.from_config(), "flats")
config = AutoMLConfig(
    task="regression",
    primary_metric="r2_score",
    training_data="flats.csv",
    label_column_name="rent",
    iterations=3,
    n_cross_validations=3,
    allowed_models=["LightGBM", "ElasticNet", "ExtremeRandomTrees"],
    enable_stack_ensemble=False,
)
run = experiment.submit(config, show_output=True)

# %%
# The fitted model takes the raw columns of rows that it has not seen, gaps included.

import matplotlib.pyplot as plt

best_run, model = run.get_output()
predicted = model.predict(test.drop(columns="rent"))

figure, axes = plt.subplots(figsize=(5, 5), layout="constrained")
axes.scatter(test["rent"], predicted, s=14, alpha=0.7)
limits = [test["rent"].min(), test["rent"].max()]
axes.plot(limits, limits, color="grey", linewidth=1)
axes.set(xlabel="true rent", ylabel="predicted rent", title=best_run.get_details()["pipeline"])

# %%
# The summary of the featurization tells what was done with each column.

for row in model.named_steps["datatransformer"].get_featurization_summary():
    print(row["RawFeatureName"], row["TypeDetected"], row["Transformations"])
