from __future__ import annotations

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
