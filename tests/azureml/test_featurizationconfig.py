"""Featurization by the names of SDK v1."""

from __future__ import annotations

import pytest

from engine import ConfigException
from engine import FeaturizationConfig as OwnConfig
from engine.azureml.automl.core.featurization import FeaturizationConfig


def test_names_are_translated():
    config = FeaturizationConfig()
    config.blocked_transformers = ["DateTimeTransformer", "TfIdf", "CatTargetEncoder"]
    config.drop_columns = ["MMIN"]
    config.add_column_purpose("zip", "CategoricalHash")
    config.add_column_purpose("code", "Hashes")
    config.add_transformer_params("Imputer", ["age"], {"strategy": "median"})
    config.add_transformer_params("Imputer", [], {"strategy": "constant", "fill_value": 0})
    assert config.to_dict() == {
        "blocked_transformers": ["DateTime", "TfIdf", "TargetEncoder"],
        "column_purposes": {"zip": "CategoricalHash", "code": "Ignore"},
        "transformer_params": {
            "Imputer": [
                (["age"], {"strategy": "median"}),
                ([], {"strategy": "constant", "fill_value": 0}),
            ]
        },
        "drop_columns": ["MMIN"],
    }
    assert config == OwnConfig(**config.to_dict())
    assert config.get_transformer_params("Imputer", ["age"]) == {"strategy": "median"}
    config.remove_column_purpose("zip")
    config.remove_transformer_params("Imputer", ["age"])
    assert config.transformer_params == {
        "Imputer": [([], {"strategy": "constant", "fill_value": 0})]
    }
    config.remove_transformer_params("Imputer")
    assert config.transformer_params == {}


def _assigned(names):
    config = FeaturizationConfig()
    config.blocked_transformers = names
    return config


def _added(names):
    config = FeaturizationConfig()
    config.add_blocked_transformers(names)
    return config


@pytest.mark.parametrize("way", [_assigned, FeaturizationConfig, _added])
def test_a_transformer_without_a_counterpart_warns(way):
    with pytest.warns(UserWarning, match="'LabelEncoder' has no counterpart; it is left out"):
        config = way(["LabelEncoder", "TfIdf"])
    assert config.blocked_transformers == ["TfIdf"]


def test_what_else_warns():
    config = FeaturizationConfig()
    with pytest.warns(UserWarning, match="'HashOneHotEncoder' has no counterpart"):
        config.add_transformer_params("HashOneHotEncoder", [], {"number_of_bits": 3})
    with pytest.warns(UserWarning, match="parameters of 'TfIdf'"):
        config.add_transformer_params("TfIdf", [], {"min_df": 2})
    with pytest.warns(UserWarning, match="'Odd' has no counterpart"):
        config.add_column_purpose("a", "Odd")
    with pytest.warns(UserWarning, match="dataset_language: without a meaning here"):
        FeaturizationConfig(dataset_language="deu")
    assert config == FeaturizationConfig()


def test_wrong_types_are_refused():
    config = FeaturizationConfig()
    with pytest.raises(ConfigException, match="blocked_transformers=5"):
        config.blocked_transformers = 5
    with pytest.raises(ConfigException, match="transformer_params"):
        config.add_transformer_params("Imputer", ["a"], 5)
    with pytest.raises(ConfigException, match="drop_columns=5"):
        FeaturizationConfig(drop_columns=5)


@pytest.mark.parametrize(
    "change",
    [
        lambda config: setattr(config, "blocked_transformers", ["LabelEncoder"]),
        lambda config: config.add_blocked_transformers("LabelEncoder"),
        lambda config: config.add_transformer_params("HashOneHotEncoder", [], {}),
        lambda config: config.add_column_purpose("a", "Hash of sorts"),
        lambda config: FeaturizationConfig(blocked_transformers=["LabelEncoder"]),
    ],
)
def test_warnings_show_the_line_of_the_script(change):
    with pytest.warns(UserWarning, match="no counterpart") as caught:
        change(FeaturizationConfig())
    assert caught[0].filename == __file__
