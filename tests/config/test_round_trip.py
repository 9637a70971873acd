"""Settings and specifications come back from the store as they were."""

from __future__ import annotations

import json
import logging
import pathlib
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig, ConfigException, Experiment, FeaturizationConfig
from engine.config.settings import FIELDS, LARGEST_SEED, Settings
from engine.config.specification import RunSpecification
from engine.driver.specification_files import keep_data, load_specification
from engine.plain_values import plain

N = 40
TABLE = pd.DataFrame({"a": np.arange(N) * 1.0, "b": np.arange(N) % 3, 7: np.arange(N) % 5,
                      "t": [0, 1] * 20})  # fmt: skip
FOLDS = [(np.arange(20), np.arange(20, N)), (np.arange(20, N), np.arange(20))]

#: Parameter -> values of every kind that its rule takes.
TAKEN = {
    "name": ["a run", np.str_("näme")],
    "label_column_name": ["t", np.str_("t"), 7],
    "weight_column_name": ["a", np.str_("a"), 7],
    "drop_column_names": [["b"], ("b",), {"b", "a"}, frozenset({"a"}), [7], {"b", 7}],
    "iterations": [1, np.int64(5), np.uint8(7), 10**30],
    "iteration_timeout_minutes": [1, 0.5, np.float32(0.25), np.int16(3), Fraction(1, 3)],
    "experiment_timeout_minutes": [2, np.float64(2.5)],
    "experiment_exit_score": [0, -1.5, np.float32(0.75)],
    "n_cross_validations": [2, np.int64(3)],
    "validation_size": [0.25, np.float32(0.25), np.float16(0.5)],
    "max_concurrent_iterations": [1, np.int32(2)],
    "max_cores_per_iteration": [-1, np.int8(-1), 4],
    "mem_in_mb": [np.int32(500), 2**40],
    "preprocess": [True, np.False_],
    "featurization": [
        "auto", "off", False, np.False_,
        FeaturizationConfig(
            blocked_transformers={"TfIdf", "DateTime"}, column_purposes={"b": "Categorical"},
            drop_columns=("a",),
            transformer_params={
                "Imputer": [(("a",), {"strategy": np.str_("median")})],
                "TfIdf": [([], {"ngram_range": (3, 4), "n_components": np.int64(5)})],
            },
        ),
    ],
    "allowed_models": [["KNN"], ("KNN", "SGD"), {"KNN", "SGD", "LightGBM"}],
    "blocked_models": [frozenset({"KNN", "SGD"}), [np.str_("KNN")]],
    "enable_early_stopping": [np.True_, True],
    "early_stopping_n_iters": [np.int64(3)],
    "enable_pruning": [np.False_],
    "enable_voting_ensemble": [np.False_],
    "enable_stack_ensemble": [np.True_],
    "ensemble_iterations": [np.int64(4)],
    "stack_meta_learner_type": ["LogisticRegression", np.str_("LogisticRegression")],
    "stack_meta_learner_kwargs": [
        {}, {"C": np.float64(0.5), "shape": (3, (4, 5)), "names": {"x", "y"}, "none": None},
        {"__tuple__": [1], "nested": {"a": [True, {0: "zero"}]}},
    ],
    "stack_meta_learner_train_percentage": [np.float32(0.5)],
    "model_explainability": [np.True_, False],
    "explain_timeout_minutes": [np.float32(1.5), None],
    "enable_onnx_compatible_models": [np.True_],
    "keep_data": [False, np.True_],
    "exclude_nan_labels": [np.False_],
    "positive_label": ["yes", 1, np.int64(1), True, np.True_, 1.0, np.float32(1), np.str_("x")],
    "class_weight": [
        "balanced", {0: 1, 1: 2.5}, {"no": np.float32(0.5), "yes": 3}, {True: 1, False: 0},
        {np.int64(0): np.int64(2), np.int64(1): 1}, {0.0: 1.0, 1.0: Fraction(1, 2)},
    ],
    "verbosity": [logging.DEBUG, np.int64(10)],
    "debug_log": ["log.txt", pathlib.Path("a") / "log.txt", None],
    "path": [".", pathlib.Path("somewhere")],
    "data_script": ["get_data.py", pathlib.Path("get_data.py")],
    "compute_target": ["local", np.str_("cluster")],
    "run_configuration": [None],
    "random_state": [np.int64(7), LARGEST_SEED],
    "task": ["classification", "regression"],
    "primary_metric": ["accuracy", np.str_("accuracy")],
    "whitelist_models": [{"KNN"}],
    "blacklist_models": [("KNN",)],
}  # fmt: skip
CASES = {
    f"{name}-{n}": (name, value) for name, values in TAKEN.items() for n, value in enumerate(values)
}


def test_every_parameter_has_values():
    assert {*TAKEN} == {*FIELDS}


@pytest.mark.parametrize(("name", "value"), CASES.values(), ids=CASES)
def test_settings_survive_json(name, value):
    Settings.check({name: value})
    base = {"task": "classification", "primary_metric": "accuracy"}
    settings = Settings(**base | {name: value})
    back = Settings.from_dict(json.loads(json.dumps(settings.to_dict())))
    assert back == settings
    kept, given = getattr(back, name), getattr(settings, name)
    assert type(kept) is type(given)
    assert repr(kept) == repr(given)
    if not isinstance(value, FeaturizationConfig):
        assert kept == plain(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stack_meta_learner_kwargs", {"solver": object()}),
        ("stack_meta_learner_kwargs", {"f": len}),
        ("label_column_name", ["t"]),
        ("label_column_name", pd.Timestamp("2024-01-01")),
        ("label_column_name", ()),
        ("drop_column_names", [["a"]]),
        ("drop_column_names", "a"),
        ("class_weight", {0: "heavy"}),
        ("class_weight", {0: -1.0}),
        ("class_weight", {(0,): 1.0}),
        ("class_weight", {0: float("nan")}),
        ("random_state", LARGEST_SEED + 1),
        ("name", "half \ud800"),
        ("path", "with\0nul"),
        ("path", b"bytes"),
    ],
)
def test_what_json_could_not_keep_is_refused(name, value):
    with pytest.raises(ConfigException, match=f"{name}="):
        Settings.check({name: value})


@pytest.fixture
def kept(workspace):
    """Write a specification to the store and read it as another driver does."""
    TABLE.to_csv("t.csv", index=False)

    def kept(**parameters) -> RunSpecification:
        given = AutoMLConfig("classification", **parameters).prepare()
        store = workspace.store
        experiment = Experiment(workspace, "round trip")
        run_id = store.create_run(experiment.id, given.settings.to_dict(), None)
        store.save_spec(run_id, given.to_spec())
        keep_data(store, run_id, given)
        again = load_specification(store, run_id)
        assert again.settings == given.settings
        assert again.data.read().summary() == given.data.read().summary()
        return again

    return kept


@pytest.mark.parametrize("table", ["t.csv", TABLE], ids=["file", "table"])
def test_specifications_survive_the_store(kept, table):
    data = {"training_data": table, "label_column_name": "t"}
    again = kept(**data, drop_column_names={"b"}, iterations=np.int64(5))
    assert again.data.read().feature_names == ("a", "7")
    assert again.settings.iterations + 1 == 6
    again = kept(**data, weight_column_name=np.str_("a"), exclude_nan_labels=np.False_)
    assert again.data.read().sample_weight.tolist() == TABLE["a"].tolist()
    folds = kept(**data, cv_splits_indices=iter(FOLDS)).data.read().cv_splits_indices
    for fold, expected in zip(folds, FOLDS, strict=True):
        assert [rows.tolist() for rows in fold] == [rows.tolist() for rows in expected]


def test_an_iterator_of_splits_is_read_more_than_once():
    config = AutoMLConfig("classification", X=TABLE[["a"]], y=TABLE["t"],
                          cv_splits_indices=((a, b) for a, b in FOLDS))  # fmt: skip
    one, two = config.prepare().dataset, config.prepare().dataset
    assert len(one.cv_splits_indices) == len(two.cv_splits_indices) == 2
