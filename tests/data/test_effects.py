"""Each key of data has an effect beside each other one, or is refused."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig, ConfigException, DataException
from engine.data.check import check_data
from engine.data.keys import ARRAY_WORDS, TABLE_WORDS

N = 24
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"a": RNG.normal(size=N), "b": RNG.normal(size=N), "w": RNG.uniform(1, 2, N), "t": [0, 1] * 12}
)
ROWS = np.arange(N)
VALUES = {
    "X": TABLE[["a", "b"]].to_numpy(),
    "y": TABLE["t"].to_numpy(),
    "sample_weight": RNG.uniform(1, 2, N),
    "X_valid": TABLE[["a", "b"]].to_numpy()[:8],
    "y_valid": TABLE["t"].to_numpy()[:8],
    "sample_weight_valid": RNG.uniform(1, 2, 8),
    "cv_splits_indices": [(ROWS[:12], ROWS[12:]), (ROWS[12:], ROWS[:12])],
    "feature_names": ["one", "two"],
    # A list of labels is a check: without the second label it refuses.
    "class_labels": [0],
    "training_data": TABLE,
    "validation_data": TABLE.head(8),
    "label": "t",
    "weight": "w",
    "drop_columns": ["b"],
}
BASES = {
    "arrays": ("X", "y"),
    "arrays with validation": ("X", "y", "X_valid", "y_valid"),
    "table": ("training_data", "label"),
    "tables": ("training_data", "label", "validation_data"),
}


def outcome(keys):
    """The dataset as bytes, or the refusal."""
    try:
        dataset = check_data({key: VALUES[key] for key in keys}, "classification")
    except DataException as refused:
        return f"refused: {refused}"
    return pickle.dumps(dataset)


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("more", [0, 1])
def test_a_key_of_get_data_changes_the_dataset_or_is_refused(base, more):
    others = [key for key in (*ARRAY_WORDS, *TABLE_WORDS) if key not in BASES[base]]
    for beside in itertools.combinations(others, more):
        keys = {*BASES[base], *beside}
        before = outcome(keys)
        for key in others:
            if key in keys or str(before).startswith("refused"):
                continue
            after = outcome({*keys, key})
            assert after != before, f"{key} has no effect beside {sorted(keys)}"


#: The parameters of `AutoMLConfig` that hold or describe data, with a value of which the check
#: must take notice.
PARAMETERS = {
    **{name: VALUES[name] for name in VALUES if name not in ("label", "weight", "drop_columns")},
    "label_column_name": "t",
    "weight_column_name": "w",
    "drop_column_names": ["b"],
    "n_cross_validations": 4,
    "validation_size": 0.25,
    "positive_label": 1,
    "class_weight": {0: 2.0, 1: 1.0},
}
PARAMETERS = {k: v for k, v in PARAMETERS.items() if k not in ("feature_names", "class_labels")}
CONFIGS = {
    "arrays": ("X", "y"),
    "arrays with validation": ("X", "y", "X_valid", "y_valid"),
    "table": ("training_data", "label_column_name"),
    "tables": ("training_data", "label_column_name", "validation_data"),
}


def prepared(names):
    try:
        config = AutoMLConfig("classification", **{name: PARAMETERS[name] for name in names})
        given = config.prepare()
    except (ConfigException, DataException) as refused:
        return f"refused: {refused}"
    settings = given.settings
    plan, weight = settings.split_plan, settings.class_weight
    return pickle.dumps((given.dataset, given.X_explain, plan, weight))


@pytest.mark.parametrize("base", CONFIGS)
@pytest.mark.parametrize("more", [0, 1])
def test_a_parameter_of_the_configuration_has_an_effect_or_is_refused(base, more):
    others = [name for name in PARAMETERS if name not in CONFIGS[base]]
    for beside in itertools.combinations(others, more):
        names = {*CONFIGS[base], *beside}
        before = prepared(names)
        for name in others:
            if name in names or str(before).startswith("refused"):
                continue
            assert prepared({*names, name}) != before, f"{name} has no effect beside {names}"


def test_weights_beside_a_table_are_refused():
    with pytest.raises(ConfigException, match="weights are a column of the table"):
        AutoMLConfig("classification", training_data=TABLE, label_column_name="t",
                     sample_weight=VALUES["sample_weight"])  # fmt: skip
    with pytest.raises(DataException, match=r"both 'training_data' and \['sample_weight'\]"):
        check_data(
            {"training_data": TABLE, "label": "t", "sample_weight": VALUES["sample_weight"]},
            "classification",
        )
