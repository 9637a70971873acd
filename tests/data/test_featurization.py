from __future__ import annotations

import pickle

import pytest

from engine import ConfigException, FeaturizationConfig


def test_methods_and_arguments_say_the_same():
    config = FeaturizationConfig()
    config.add_blocked_transformers("OneHotEncoder")
    config.add_column_purpose("zip", "Categorical")
    config.add_drop_columns(["a", "b"])
    config.add_transformer_params("Imputer", ["age"], {"strategy": "median"})
    config.add_transformer_params("Imputer", [], {"strategy": "mean"})
    assert config == FeaturizationConfig(
        ["OneHotEncoder"],
        {"zip": "Categorical"},
        {"Imputer": [(["age"], {"strategy": "median"}), ([], {"strategy": "mean"})]},
        ["a", "b"],
    )
    assert FeaturizationConfig(**config.to_dict()) == config
    assert config.params_of("Imputer", "other") == {"strategy": "mean"}
    assert config.params_of("OneHotEncoder", "other") == {}
    assert "zip" in repr(config)


def test_all_problems_at_once():
    with pytest.raises(ConfigException) as caught:
        FeaturizationConfig(["Imputer", "Nope"], {"a": "Number"}, {"Scaler": [([], {})]})
    assert len(caught.value.problems) == 3
    assert "Numeric, Categorical" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("blocked_transformers", ["LabelEncoder"], r"\['LabelEncoder'\] unknown"),
        ("drop_columns", 5, "drop_columns=5: allowed is a list of names"),
        ("column_purposes", {"a": "Number"}, r"\['Number'\] unknown"),
        ("transformer_params", {"Scaler": [([], {})]}, r"\['Scaler'\] unknown"),
    ],
)
def test_what_is_assigned_is_checked(name, value, message):
    config = FeaturizationConfig(["TfIdf"], {"a": "Text"}, drop_columns=["b"])
    before = config.to_dict()
    with pytest.raises(ConfigException, match=message):
        setattr(config, name, value)
    assert config.to_dict() == before


def test_what_is_assigned_takes_the_place_of_what_was_there():
    config = FeaturizationConfig(["TfIdf"], {"a": "Text"}, drop_columns=["b"])
    config.blocked_transformers = "DateTime"
    config.drop_columns = None
    config.remove_column_purpose("a")
    config.remove_column_purpose("never there")
    assert config == FeaturizationConfig(["DateTime"])
    assert pickle.loads(pickle.dumps(config)) == config
