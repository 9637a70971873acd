"""
Export to ONNX
==============

An ONNX model runs where Python is not: in C++, Java, a browser or a database. The extra ``onnx``
installs what the conversion needs.
"""

# %%
# ``enable_onnx_compatible_models=True`` tries only pipelines that convert. The table has numbers,
# gaps and a category.

import numpy as np
import pandas as pd

from engine import AutoMLConfig, Experiment, Workspace, onnx_inputs

rng = np.random.default_rng(0)
table = pd.DataFrame(
    {
        "income": rng.lognormal(10, 0.4, 500),
        "age": rng.integers(18, 80, 500).astype(float),
        "status": rng.choice(["single", "married", "widowed"], 500),
    }
)
score = np.log(table["income"]) - 10 + 0.6 * (table["status"] == "married")
table["pays_back"] = score + rng.normal(0, 0.2, 500) > 0.2
table.loc[::7, "age"] = np.nan

config = AutoMLConfig(
    task="classification",
    primary_metric="AUC_weighted",
    training_data=table[:400],
    label_column_name="pays_back",
    enable_onnx_compatible_models=True,
    iterations=3,
    n_cross_validations=3,
    allowed_models=["LightGBM", "LogisticRegression", "RandomForest"],
)
run = Experiment(Workspace.from_config(), "loans").submit(config, show_output=True)

# %%
# ``get_output(return_onnx_model=True)`` gives the model as ``onnx.ModelProto``. Its inputs are the
# raw columns: element type 11 is a double, 8 a string.

_, onnx_model = run.get_output(return_onnx_model=True)
for given in onnx_model.graph.input:
    print(given.name, given.type.tensor_type.elem_type)

# %%
# ONNX Runtime predicts the same as the pipeline.

import matplotlib.pyplot as plt
import onnxruntime

rows = table[400:].drop(columns="pays_back")
session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
_, from_onnx = session.run(None, onnx_inputs(onnx_model, rows))

_, model = run.get_output()
from_sklearn = model.predict_proba(rows)
print("largest difference:", np.abs(from_onnx - from_sklearn).max())

figure, axes = plt.subplots(figsize=(4, 4), layout="constrained")
axes.scatter(from_sklearn[:, 1], from_onnx[:, 1], s=14)
axes.set(xlabel="probability by scikit-learn", ylabel="probability by ONNX Runtime")
