"""
Explain the best model
======================

SHAP values divide a prediction among the raw columns. Together with the expected value they add up
to the model's output.
"""

# %%
# With ``X_valid`` the best model is explained at the end of the run, for these rows.

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from engine import AutoMLConfig, Experiment, Workspace, retrieve_model_explanation

X, y = load_wine(return_X_y=True, as_frame=True)
y = y.map({0: "Barolo", 1: "Grignolino", 2: "Barbera"})
X_train, X_valid, y_train, _ = train_test_split(X, y, test_size=40, stratify=y, random_state=0)
config = AutoMLConfig(
    task="classification",
    primary_metric="log_loss",
    X=X_train,
    y=y_train,
    X_valid=X_valid,
    iterations=2,
    n_cross_validations=3,
    allowed_models=["ExtremeRandomTrees", "LogisticRegression"],
    enable_voting_ensemble=False,
    enable_stack_ensemble=False,
)
run = Experiment(Workspace.from_config(), "wine").submit(config, show_output=True)
best_run, model = run.get_output()

# %%
# The explanation has six parts. For classes, ``shap_values`` is a list with one array for each.

shap_values, expected, importance, names, class_importance, class_names = (
    retrieve_model_explanation(best_run)
)
rebuilt = np.column_stack(
    [base + values.sum(axis=1) for base, values in zip(expected, shap_values, strict=True)]
)
print("largest difference:", np.abs(rebuilt - model.predict_proba(X_valid)).max().round(6))

# %%
# Importance is the mean absolute SHAP value, over all classes or for one class.

import matplotlib.pyplot as plt

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
left.barh(names[:8][::-1], importance[:8][::-1])
left.set(title="all classes", xlabel="mean absolute SHAP value")
first = list(model.classes_).index("Barolo")
right.barh(class_names[first][:8][::-1], class_importance[first][:8][::-1], color="tab:red")
right.set(title="Barolo", xlabel="mean absolute SHAP value")

# %%
# Each point is a row: columns with high values push its probability up or down.

top = [X.columns.get_loc(name) for name in class_names[first][:2]]
figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
for axis, column in zip(axes, top, strict=True):
    axis.scatter(X_valid.iloc[:, column], shap_values[first][:, column], s=16)
    axis.axhline(0, color="grey", linewidth=1)
    axis.set(xlabel=X.columns[column], ylabel="SHAP value for Barolo")

# %%
# Plots of this kind are also kept with the iteration.

for name in best_run.get_file_names():
    if name.startswith("explanation/"):
        print(name)
