"""
Text and dates
==============

Support tickets have a free text and a time stamp. Text becomes n-grams that are reduced to a few
columns, dates become parts such as month, weekday and hour.
"""

# %%
# A ticket is urgent if its text says so, and more often at night.

import numpy as np
import pandas as pd

rng = np.random.default_rng(0)
n_rows = 400
subjects = np.array(["invoice", "login", "printer", "delivery", "contract", "display"])
harmless = np.array(["question about the", "please change the", "thank you for the"])
alarming = np.array(["cannot work without the", "total outage of the", "data lost in the"])

is_urgent = rng.random(n_rows) < 0.4
opening = np.where(is_urgent, rng.choice(alarming, n_rows), rng.choice(harmless, n_rows))
hour = np.where(is_urgent, rng.integers(0, 24, n_rows), rng.integers(8, 18, n_rows))
day = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 365, n_rows), "D")
tickets = pd.DataFrame(
    {
        "text": [
            f"{start} {thing}, ticket from floor {floor}"
            for start, thing, floor in zip(
                opening, rng.choice(subjects, n_rows), rng.integers(1, 40, n_rows), strict=True
            )
        ],
        "opened": day + pd.to_timedelta(hour, "h"),
        "urgent": np.where(is_urgent ^ (rng.random(n_rows) < 0.05), "yes", "no"),
    }
)
tickets.head()

# %%
# Dates in a CSV file would be recognised too. Here they are in the table already.

from engine import AutoMLConfig, Experiment, Workspace

config = AutoMLConfig(
    task="classification",
    primary_metric="AUC_weighted",
    training_data=tickets[:300],
    label_column_name="urgent",
    iterations=2,
    n_cross_validations=3,
    allowed_models=["LightGBM", "LogisticRegression"],
    enable_voting_ensemble=False,
    enable_stack_ensemble=False,
)
run = Experiment(Workspace.from_config(), "tickets").submit(config, show_output=True)

# %%
# What became of the two columns:

best_run, model = run.get_output()
for row in model.named_steps["datatransformer"].get_featurization_summary():
    print(row["RawFeatureName"], row["TypeDetected"], row["Transformations"])

# %%
# The model reads tickets that it has not seen.

import matplotlib.pyplot as plt

test = tickets[300:]
urgency = model.predict_proba(test.drop(columns="urgent"))[:, list(model.classes_).index("yes")]

figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
for label, colour in (("no", "tab:blue"), ("yes", "tab:red")):
    shown = urgency[(test["urgent"] == label).to_numpy()]
    axes.hist(shown, bins=20, range=(0, 1), alpha=0.6, color=colour, label=f"urgent: {label}")
axes.set(xlabel="predicted probability of urgent", ylabel="tickets")
axes.legend()
