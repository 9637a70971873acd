"""
Imbalanced classes
==================

Few of the transactions are fraud, so a model that never says fraud is right in almost all rows.
Three parameters help: a metric that looks at the rare class, ``class_weight`` and
``positive_label``.
"""

# %%
# Six percent of the rows are fraud.

import pandas as pd
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

X, y = make_classification(
    n_samples=1500,
    n_features=8,
    n_informative=5,
    weights=[0.95],
    flip_y=0.02,
    class_sep=1.2,
    random_state=0,
)
X = pd.DataFrame(X, columns=[f"signal_{i}" for i in range(8)])
y = pd.Series(y).map({0: "fine", 1: "fraud"})
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
y.value_counts(normalize=True).round(3)

# %%
# ``norm_macro_recall`` gives every class the same say, accuracy does not.
# ``class_weight="balanced"`` gives both classes the same total weight in every fit.
# ``positive_label`` adds the metrics of one class to every iteration.

from engine import AutoMLConfig, Experiment, Workspace

config = AutoMLConfig(
    task="classification",
    primary_metric="norm_macro_recall",
    class_weight="balanced",
    positive_label="fraud",
    X=X_train,
    y=y_train,
    iterations=3,
    n_cross_validations=3,
    allowed_models=["LogisticRegression", "LightGBM", "ExtremeRandomTrees"],
    enable_stack_ensemble=False,
)
run = Experiment(Workspace.from_config(), "fraud").submit(config, show_output=True)

# %%
# The summary has a column for each metric. The pipeline with the highest accuracy is not the one
# that finds the most fraud.

columns = ["pipeline", "accuracy", "norm_macro_recall", "recall_score_binary", "f1_score_binary"]
run.summary()[columns].round(3)

# %%
# The decision threshold is the user's: the curve shows what a given recall costs.

import matplotlib.pyplot as plt
from sklearn.metrics import precision_recall_curve

_, model = run.get_output(metric="average_precision_score_binary")
probability = model.predict_proba(X_test)[:, list(model.classes_).index("fraud")]
precision, recall, _ = precision_recall_curve(y_test == "fraud", probability)

figure, axes = plt.subplots(figsize=(5, 4), layout="constrained")
axes.step(recall, precision, where="post")
axes.set(
    xlabel="recall of fraud", ylabel="precision", title="Test rows", xlim=(0, 1), ylim=(0, 1.02)
)
