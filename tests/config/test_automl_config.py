from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig, ConfigException, DataException
from engine.config.settings import Settings
from engine.data.sources import TableFiles

X = np.arange(40, dtype=float).reshape(20, 2)
Y = np.array([0, 1] * 10)


def config(**changes):
    return AutoMLConfig(**({"task": "classification", "X": X, "y": Y} | changes))


def problems(**changes):
    with pytest.raises(ConfigException) as caught:
        config(**changes)
    return caught.value.problems


def test_defaults():
    settings = config().settings
    assert settings.primary_metric == "accuracy"
    assert config(task="regression").settings.primary_metric == "spearman_correlation"
    assert settings.iterations == 100
    assert settings.path == "."
    assert settings.max_cores_per_iteration == 1
    assert settings.enable_early_stopping
    assert settings.early_stopping_n_iters == 20
    assert settings.exclude_nan_labels
    assert settings.verbosity == logging.INFO
    assert settings.debug_log == "automl.log"
    assert settings.random_state == 0
    assert settings.n_cross_validations is None


def test_the_articles_settings_are_taken(tmp_path):
    (tmp_path / "get_data.py").write_text("def get_data(): ...")
    automl_settings = {
        "name": "AutoML_Demo_Experiment",
        "iteration_timeout_minutes": 10,
        "iterations": 20,
        "n_cross_validations": 5,
        "primary_metric": "AUC_weighted",
        "preprocess": False,
        "max_concurrent_iterations": 10,
        "verbosity": logging.INFO,
    }
    made = AutoMLConfig(
        task="classification",
        debug_log="automl_errors.log",
        path=tmp_path,
        data_script=f"{tmp_path}/get_data.py",
        **automl_settings,
    )
    assert made.settings.name == "AutoML_Demo_Experiment"
    assert made.prepare().settings.data_script == str(tmp_path / "get_data.py")


def test_all_problems_at_once():
    found = problems(iterations=0, n_cross_validations=1, primary_metric="auc", iteration=3)
    assert len(found) == 4
    text = "\n".join(found)
    assert "iteration: unknown parameter; did you mean 'iterations'?" in text
    assert "iterations=0: allowed is an integer of at least 1" in text
    assert "n_cross_validations=1" in text
    assert "primary_metric='auc'" in text
    assert "AUC_weighted" in text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"task": None}, "task=None"),
        ({"task": "clustering"}, "'classification', 'regression', 'forecasting'"),
        ({"task": "forecasting"}, "not available yet"),
        ({"primary_metric": "r2_score"}, "not a primary metric of classification"),
        ({"iterations": True}, "iterations=True"),
        ({"iterations": 2.5}, "iterations=2.5"),
        ({"iteration_timeout_minutes": 0}, "above 0"),
        ({"iteration_timeout_minutes": float("nan")}, "above 0"),
        ({"experiment_exit_score": "high"}, "a finite number"),
        ({"validation_size": 1.0}, "below 1"),
        ({"max_cores_per_iteration": 0}, "at least 1, or -1"),
        ({"max_concurrent_iterations": 0}, "at least 1"),
        ({"allowed_models": ["LigthGBM"]}, "LightGBM"),
        ({"allowed_models": "LightGBM"}, "a non-empty list"),
        ({"blocked_models": ["ElasticNet"]}, "no classification models"),
        ({"allowed_models": ["KNN"], "whitelist_models": ["KNN"]}, "two names of one parameter"),
        ({"enable_voting_ensemble": None}, "True or False"),
        ({"ensemble_iterations": 1}, "an integer of at least 2"),
        ({"stack_meta_learner_type": "Forest"}, "one of 'LogisticRegression'"),
        ({"stack_meta_learner_type": "ElasticNet"}, "not for classification"),
        ({"stack_meta_learner_kwargs": 3}, "a dict from texts to numbers"),
        ({"featurization": "some"}, "'auto', 'off' or a FeaturizationConfig"),
        ({"model_explainability": "yes"}, "True or False"),
        ({"enable_onnx_compatible_models": "yes"}, "allowed is"),
        ({"positive_label": [1]}, "a label: a text, a number or a boolean"),
        ({"task": "regression", "positive_label": 1}, "only for task='classification'"),
        ({"compute_target": 3}, "'local', a compute target or its name"),
        ({"run_configuration": object()}, "a RunConfiguration"),
        ({"class_weight": "heavy"}, "'balanced', or a dict"),
        ({"task": "regression", "class_weight": "balanced"}, "only for task='classification'"),
        ({"y": None}, "X needs y"),
        ({"X": None, "y": None}, "no data"),
        ({"X": None}, "y needs X"),
        ({"data_script": "get_data.py"}, "one source of data"),
        ({"training_data": pd.DataFrame(X)}, "one source of data"),
        ({"X_valid": [[1.0]], "model_explainability": False}, "is only explained"),
        ({"y_valid": Y}, "y_valid needs X_valid"),
        ({"X_valid": X, "y_valid": Y, "n_cross_validations": 3}, "is the validation data"),
        ({"cv_splits_indices": [], "validation_size": 0.1}, "are the splits"),
        ({"label_column_name": "t"}, "label_column_name needs training_data"),
        (
            {"iteration_timeout_minutes": 5, "experiment_timeout_minutes": 2},
            "is more than experiment_timeout_minutes",
        ),
    ],
)
def test_what_is_not_allowed(changes, expected):
    assert expected in "\n".join(problems(**changes))


def test_switches_that_ask_for_nothing_are_fine():
    settings = config(
        preprocess=False, enable_voting_ensemble=False, enable_stack_ensemble=False,
        model_explainability=False, enable_onnx_compatible_models=False, compute_target="local",
        verbosity=logging.WARNING, mem_in_mb=512, max_cores_per_iteration=-1,
    ).settings  # fmt: skip
    assert settings.max_cores_per_iteration == -1


def test_old_and_new_names_of_models():
    assert config(whitelist_models=["KNN"]).settings.allowed == ("KNN",)
    assert config(blacklist_models=["KNN"]).settings.blocked == ("KNN",)


def test_data_is_checked_before_anything_is_started():
    with pytest.raises(DataException, match="X has 20 rows but y has 19"):
        config(y=Y[:-1]).prepare()
    with pytest.raises(DataException, match=r"labels are \[0, 1\]"):
        config(positive_label=2).prepare()
    with pytest.raises(DataException, match="n_cross_validations=30"):
        config(n_cross_validations=30).prepare()
    with pytest.raises(DataException, match="does not exist"):
        AutoMLConfig("classification", data_script="nowhere.py").prepare()
    with pytest.raises(DataException, match="does not exist"):
        AutoMLConfig("classification", training_data="nowhere.csv", label_column_name="t").prepare()


def test_warnings_about_data():
    with pytest.warns(UserWarning, match="fewer rows than the 3 parts"):
        config(y=[2, *Y[1:]], n_cross_validations=3).prepare()


def test_settings_survive_json():
    import json

    settings = config(
        class_weight={0: 1, np.int64(1): 3.5}, allowed_models={"KNN"}, experiment_exit_score=0.5,
        positive_label=np.int64(1),
    ).settings  # fmt: skip
    again = Settings.from_dict(json.loads(json.dumps(settings.to_dict())))
    assert again.class_weight == {0: 1.0, 1: 3.5}
    assert again.allowed == ("KNN",)
    assert again.positive_label == 1
    assert again == Settings.from_dict(settings.to_dict())


def test_specification_names_files_absolutely(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(20), "t": Y}).to_csv("t.csv", index=False)
    given = AutoMLConfig("classification", training_data="t.csv", label_column_name="t").prepare()
    assert isinstance(given.data, TableFiles)
    assert given.data.tables["training_data"] == str(tmp_path / "t.csv")
    assert given.settings.debug_log == str(tmp_path / "automl.log")
    assert given.dataset is None


def test_repr_shows_what_was_set():
    assert repr(config(iterations=3)) == (
        "AutoMLConfig(task='classification', primary_metric='accuracy', iterations=3, X=..., y=...)"
    )
