"""Values of parameters, and keys of ``get_data()``, that cannot be meant."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine import ConfigException, FeaturizationConfig
from tests.faults.inputs import FRAME, ROWS, X, Y, check, refused, refused_configuration

TABLE = FRAME.assign(y=Y, w=1.0)
BASE = {"training_data": TABLE, "label": "y"}

KEYS = {
    "nothing": (None, "returned None"),
    "list": ([X, Y], "returned list"),
    "tuple": ((X, Y), "returned tuple"),
    "table": (TABLE, "returned DataFrame|unknown keys"),
    "no keys": ({}, "no 'X' and no 'y'"),
    "only missing": ({"X": None, "y": None}, "it has nothing"),
    "unknown": ({"X": X, "y": Y, "Y": Y}, r"unknown keys \['Y'\]"),
    "number as key": ({"X": X, "y": Y, 3: Y}, r"unknown keys \['3'\]"),
    "both": (BASE | {"X": X, "y": Y}, r"both 'training_data' and \['X', 'y'\]"),
    "weights beside": (BASE | {"sample_weight": Y}, r"\['sample_weight'\]"),
    "weights of validation beside": (BASE | {"sample_weight_valid": Y}, "sample_weight_valid"),
    "names beside": (BASE | {"feature_names": ["a"]}, r"\['feature_names'\]"),
    "validation beside": (BASE | {"X_valid": X, "y_valid": Y}, r"\['X_valid', 'y_valid'\]"),
    "label beside": ({"X": X, "y": Y, "label": "y"}, r"\['label'\] without 'training_data'"),
    "weight beside": ({"X": X, "y": Y, "weight": "w"}, "without 'training_data'"),
    "drop beside": ({"X": X, "y": Y, "drop_columns": ["a"]}, "without 'training_data'"),
    "validation table beside": ({"X": X, "y": Y, "validation_data": TABLE}, "without 'training"),
    "validation table alone": ({"validation_data": TABLE}, "without 'training_data'"),
    "no label": ({"training_data": TABLE}, "no label column"),
    "label is not there": (BASE | {"label": "z"}, r"no column \['z'\]"),
    "label of another type": (BASE | {"label": 3}, r"no column \[3\]"),
    "label as list": (BASE | {"label": ["y"]}, "no column"),
    "label as dict": (BASE | {"label": {"y": 1}}, "no column"),
    "label as array": (BASE | {"label": np.array(["y", "w"])}, "no column"),
    "label as weight": (BASE | {"weight": "y"}, "both the label and the weight"),
    "label dropped": (BASE | {"drop_columns": ["y"]}, "is the label and among the dropped"),
    "weight dropped": (BASE | {"weight": "w", "drop_columns": ["w"]}, "is the weight and among"),
    "weight is not there": (BASE | {"weight": "z"}, r"no column \['z'\]"),
    "drop is not there": (BASE | {"drop_columns": ["z"]}, r"no column \['z'\]"),
    "drop as number": (BASE | {"drop_columns": 5}, r"no column \[5\]"),
    "nothing is left": (BASE | {"drop_columns": ["a", "b", "c", "w"]}, "is empty"),
    "validation without label": (BASE | {"validation_data": FRAME}, r"no column \['y'\]"),
    "validation without column": (
        BASE | {"validation_data": TABLE.drop(columns="a")}, "X_valid has the columns"),
    "validation with another": (
        BASE | {"validation_data": TABLE.assign(z=1)}, "X_valid has the columns"),
    "validation of another name": (
        BASE | {"validation_data": TABLE.rename(columns={"a": "z"})}, "X_valid has the columns"),
    "validation without rows": (BASE | {"validation_data": TABLE.head(0)}, "is empty"),
    "validation and splits": (
        BASE | {"validation_data": TABLE, "cv_splits_indices": [(ROWS[:9], ROWS[9:])]},
        "not both"),
    "text": (BASE | {"training_data": "t.csv"}, "training_data is str"),
    "rows": (BASE | {"training_data": [{"y": 1}]}, "training_data is list"),
    "array": (BASE | {"training_data": X}, "training_data is ndarray"),
    "same names": (
        BASE | {"training_data": pd.concat([TABLE, TABLE[["a"]]], axis=1)}, r"named \['a'\]"),
    "two labels": (
        BASE | {"training_data": pd.concat([TABLE, TABLE[["y"]]], axis=1)}, r"named \['y'\]"),
    "classes of a number": ({"X": X, "y": X[:, 0], "class_labels": [1]}, "fractions"),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_what_get_data_returns_is_refused(name):
    raw, message = KEYS[name]
    refused(lambda: check(raw), message)


def test_class_labels_are_for_classes():
    raw = {"X": X, "y": X[:, 0], "class_labels": [0, 1]}
    refused(lambda: check(raw, "regression"), "class_labels: only for task='classification'")


@pytest.mark.parametrize(
    ("label", "found"), [("y", "y"), ("7", 7), (7, 7), (np.int64(7), 7), (("m", 1), ("m", 1))]
)
def test_a_column_is_found_by_its_label_or_its_text(label, found):
    table = pd.DataFrame({"a": X[:, 0], "b": X[:, 1]})
    table[pd.Index([found], tupleize_cols=False)[0]] = Y
    table.columns = pd.Index(["a", "b", found], tupleize_cols=False)
    dataset = check({"training_data": table, "label": label})
    assert dataset.feature_names == ("a", "b")
    assert dataset.y.tolist() == Y.tolist()


PARAMETERS = {
    "task": ["", None, 1, "clustering", ["classification"]],
    "primary_metric": ["acc", 3, ["accuracy"], "r2_score"],
    "name": ["", " ", 5],
    "iterations": [0, -1, 2.5, "10", True, None, np.float64(3), [3]],
    "iteration_timeout_minutes": [0, -1, float("inf"), float("nan"), "1", True],
    "experiment_timeout_minutes": [0, -0.5, float("nan"), [1]],
    "experiment_exit_score": [float("nan"), float("inf"), "best", True],
    "n_cross_validations": [1, 0, -3, 2.0, "5", True],
    "validation_size": [0, 1, 1.5, -0.1, "0.2", float("nan")],
    "max_concurrent_iterations": [0, 1.5, "all"],
    "max_cores_per_iteration": [0, -2, 1.5, None],
    "mem_in_mb": [0, -1, 0.5, "1GB"],
    "preprocess": [0, 1, "yes", "auto"],
    "featurization": [True, 0, 1, "on", {}, np.zeros(2)],
    "allowed_models": [[], "KNN", ["?"], [1], {"KNN": 1}, 5],
    "blocked_models": [[], "KNN", ["?"], [None]],
    "enable_early_stopping": [0, None, "yes"],
    "early_stopping_n_iters": [0, 2.5, True],
    "enable_voting_ensemble": [1, None],
    "ensemble_iterations": [1, 0, "15"],
    "stack_meta_learner_type": ["KNN", 3, "ElasticNet"],
    "stack_meta_learner_kwargs": [3, {0: 1}, [("C", 1)], {"C": object()}],
    "stack_meta_learner_train_percentage": [0, 1, 20],
    "model_explainability": [0, "yes"],
    "explain_timeout_minutes": [0, -1],
    "enable_onnx_compatible_models": [None, 1],
    "keep_data": [None, 0, "no"],
    "exclude_nan_labels": [None, "no"],
    "positive_label": [float("nan"), [1], (1,), {}, object()],
    "class_weight": ["heavy", {}, [1, 2], {0: -1}, {0: "1"}, {None: 1}, {0: float("inf")}, 1],
    "verbosity": [-1, "INFO", 1.5],
    "debug_log": ["", 5, b"log"],
    "compute_target": [5, "", object()],
    "run_configuration": [{}, "env"],
    "random_state": [-1, 1.5, None, "0", 2**31, np.random.default_rng(0)],
    "label_column_name": [[], {}, (), object(), float("nan")],
    "drop_column_names": ["a", [], 5, [object()]],
}
CASES = {
    f"{name}-{n}": (name, value)
    for name, values in PARAMETERS.items()
    for n, value in enumerate(values)
}


@pytest.mark.parametrize(("name", "value"), CASES.values(), ids=CASES)
def test_a_value_is_refused_with_its_name(name, value):
    refused_configuration(
        {"task": "classification", "X": X, "y": Y, name: value}, f"^{name}|- {name}"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blocked_transformers": ["PCA"]}, r"\['PCA'\] unknown"),
        ({"blocked_transformers": ["Imputer"]}, "unknown; allowed"),
        ({"blocked_transformers": 5}, "blocked_transformers=5"),
        ({"column_purposes": {"a": "Code"}}, r"column_purposes\['a'\]"),
        ({"column_purposes": {"a": ["Numeric"]}}, "unknown; allowed"),
        ({"column_purposes": ["a"]}, "column_purposes="),
        ({"drop_columns": 5}, "drop_columns=5"),
        ({"transformer_params": {"PCA": [([], {})]}}, r"\['PCA'\] unknown"),
        ({"transformer_params": {"Imputer": [("age",)]}}, "allowed is a dict from transformer"),
        ({"transformer_params": {"Imputer": 5}}, "allowed is a dict from transformer"),
        ({"transformer_params": ["Imputer"]}, "allowed is a dict from transformer"),
        ({"transformer_params": {"Imputer": [([], 5)]}}, "dict from names"),
        ({"transformer_params": {"Imputer": [([], {1: 2})]}}, "dict from names"),
        ({"transformer_params": {"Imputer": [([], {"f": len})]}}, "dict from names"),
        ({"transformer_params": {"Imputer": [(5, {})]}}, "list of names"),
    ],
)
def test_a_featurization_is_refused(arguments, message):
    refused(lambda: FeaturizationConfig(**arguments), message, ConfigException)


@pytest.mark.parametrize(
    "config",
    [FeaturizationConfig(column_purposes={"z": "Text"}), FeaturizationConfig(drop_columns=["z"])],
)
def test_a_featurization_of_absent_columns_is_refused(config):
    refused(lambda: check({"X": FRAME, "y": Y}, featurization=config), r"names the columns \['z'\]")
