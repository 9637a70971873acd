"""Settings as scripts for SDK v1 write them: what is translated, left out, refused."""

from __future__ import annotations

import logging
import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest

from engine import ConfigException
from engine.azureml.automl.core.featurization import FeaturizationConfig
from engine.azureml.train.automl import AutoMLConfig
from engine.config import automl_config
from engine.data import featurization

ARRAYS = {"X": np.arange(40.0).reshape(20, 2), "y": np.arange(20) % 2}
TABLE = pd.DataFrame({"a": np.arange(20.0), "b": list("xy") * 10, "left": np.arange(20) % 2})


def made(task="classification", **settings):
    """The settings, and what was warned of."""
    given = settings if "training_data" in settings or "data_script" in settings else None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config = AutoMLConfig(task=task, **(given or ARRAYS | settings))
    assert all(warning.filename == __file__ for warning in caught)
    return config.settings, [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("given", "found", "warned"),
    [
        ({"max_time_sec": 120}, {"iteration_timeout_minutes": 2.0}, "max_time_sec is iteration"),
        ({"exit_time_sec": 600}, {"experiment_timeout_minutes": 10.0}, "exit_time_sec is exp"),
        ({"experiment_timeout_hours": 0.3}, {"experiment_timeout_minutes": 18.0}, None),
        (
            {"experiment_timeout_hours": 0.3, "iteration_timeout_minutes": 30},
            {"iteration_timeout_minutes": 18.0, "experiment_timeout_minutes": 18.0},
            "iteration_timeout_minutes=30: the whole run has 18",
        ),
        (
            {"experiment_timeout_hours": 1, "experiment_timeout_minutes": 5},
            {"experiment_timeout_minutes": 60.0},
            "experiment_timeout_hours is used",
        ),
        ({"exit_score": 0.9}, {"experiment_exit_score": 0.9}, "exit_score is experiment_exit"),
        ({"concurrent_iterations": 4}, {"max_concurrent_iterations": 4}, "concurrent_iter"),
        ({"blacklist_algos": ["KNN"]}, {"blocked": ("KNN",)}, "blacklist_algos is blocked"),
        ({"blacklist_models": "KNN"}, {"blocked": ("KNN",)}, None),
        ({"whitelist_models": ["KNN", "SGD"]}, {"allowed": ("KNN", "SGD")}, None),
        (
            {"whitelist_models": ["KNN"], "allowed_models": ["SGD"]},
            {"allowed": ("SGD", "KNN")},
            None,
        ),
        (
            {"blacklist_models": ["kNN", "TensorFlowDNN", "logistic regression"]},
            {"blocked": ("KNN", "LogisticRegression")},
            r"\['TensorFlowDNN'\] are no classification models here",
        ),
        ({"blocked_models": ["AveragedPerceptronClassifier"]}, {"blocked": ()}, "no class"),
        ({"n_cross_validations": "auto"}, {"n_cross_validations": None}, None),
        ({"ensemble_iterations": 1}, {"ensemble_iterations": 2}, "two candidates at least"),
        ({"enable_ensembling": False}, {"ensembles": ()}, "enable_ensembling is"),
        ({"verbosity": None, "primary_metric": None}, {"verbosity": logging.INFO}, None),
        ({"enable_stack_ensemble": None}, {"enable_stack_ensemble": True}, None),
        ({"enable_tf": False}, {}, "enable_tf: without a meaning here"),
        ({"enable_cache": True, "y_min": 0.0}, {}, "y_min: without a meaning here"),
        (
            {"featureization": "auto"},
            {"featurization": None},
            "featureization: unknown parameter, it is left out; did you mean 'featurization'?",
        ),
        (
            {"stack_meta_learner_kwargs": {"multi_class": "auto", "C": 2.0}},
            {"stack_meta_learner_kwargs": {"C": 2.0}},
            "no multi_class any more",
        ),
        ({"early_stopping_n_iters": 5}, {"enable_early_stopping": False}, "early stopping is off"),
        (
            {"preprocess": True, "featurization": "off"},
            {"preprocess": None, "featurization": "off"},
            "preprocess is left out",
        ),
    ],
)
def test_words_are_translated(given, found, warned):
    settings, notes = made(**given)
    assert {name: getattr(settings, name) for name in found} == found
    if warned is None:
        assert notes == []
    else:
        assert any(re.search(warned, note) for note in notes), notes


def test_defaults_are_those_of_july_2019():
    settings, notes = made()
    assert notes == []
    assert (settings.iterations, settings.ensembles) == (98, ("VotingEnsemble", "StackEnsemble"))
    assert settings.preprocess is False
    assert settings.featurization_config is None
    assert settings.enable_early_stopping is settings.enable_pruning is False
    assert settings.model_explainability is False
    validated, _ = made(X_valid=ARRAYS["X"], y_valid=ARRAYS["y"])
    assert validated.model_explainability is False
    explained, _ = made(X_valid=ARRAYS["X"])
    assert explained.model_explainability is True


@pytest.mark.parametrize(
    ("iterations", "more", "pipelines", "ensembles"),
    [
        (20, {}, 18, 2),
        (3, {}, 2, 1),
        (3, {"enable_voting_ensemble": False}, 2, 1),
        (4, {}, 2, 2),
        (2, {}, 2, 0),
        (1, {}, 1, 0),
        (np.int64(20), {"enable_stack_ensemble": np.True_}, 18, 2),
        (np.int32(5), {"enable_stack_ensemble": np.False_}, 4, 1),
        (20, {"enable_voting_ensemble": False}, 19, 1),
        (20, {"model_explainability": True}, 19, 1),
        (20, {"enable_onnx_compatible_models": True}, 19, 1),
        (2, {"stack_meta_learner_kwargs": {"C": 1.0}, "ensemble_iterations": 5}, 2, 0),
    ],
)
def test_iterations_count_the_ensembles_in(iterations, more, pipelines, ensembles):
    settings, _ = made(iterations=iterations, **more)
    assert (settings.iterations, len(settings.ensembles)) == (pipelines, ensembles)


@pytest.mark.parametrize(
    ("given", "is_auto"),
    [
        ({}, True),
        ({"featurization": "off"}, False),
        ({"preprocess": False}, False),
        ({"preprocess": True}, True),
        ({"featurization": True}, True),
    ],
)
def test_tables_are_featurized(given, is_auto):
    settings, _ = made(training_data=TABLE, label_column_name="left", **given)
    assert (settings.featurization_config is not None) is is_auto


def test_the_order_of_parameters_is_that_of_v1(tmp_path):
    config = AutoMLConfig("classification", str(tmp_path), 10, "AUC_weighted", **ARRAYS)
    settings = config.settings
    assert (settings.path, settings.primary_metric) == (str(tmp_path), "AUC_weighted")
    assert settings.iterations == 8
    assert config.user_settings["iterations"] == 10
    assert isinstance(config, automl_config.AutoMLConfig)
    with pytest.raises(ConfigException, match="iterations: given by position and by name"):
        AutoMLConfig("classification", ".", 10, iterations=5, **ARRAYS)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"spark_context": object()}, "spark_context: Spark is not available"),
        ({"cv_split_column_names": ["cv1"]}, "cv_splits_indices"),
        ({"whitelist_models": []}, "allowed_models=.*a non-empty list"),
        ({"whitelist_models": ["Unheard"]}, "Unheard.* are no classification models"),
        ({"whitelist_models": 5}, "allowed_models"),
        ({"iterations": "many"}, "iterations='many'"),
        ({"iterations": True}, "iterations=True"),
        ({"iterations": 0}, "iterations=0"),
        ({"primary_metric": "accurate"}, "primary_metric='accurate'"),
        ({"experiment_timeout_hours": "long"}, "experiment_timeout_minutes='long'"),
        ({"experiment_timeout_minutes": "x", "iteration_timeout_minutes": 5}, "='x'"),
        ({"n_cross_validations": 1}, "n_cross_validations=1"),
    ],
)
def test_what_no_run_can_be_made_of_is_refused(given, message):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(ConfigException, match=message):
            AutoMLConfig("classification", **ARRAYS | given)


def test_models_do_not_need_the_tree_of_old_names():
    config = FeaturizationConfig(blocked_transformers=["DateTimeTransformer"])
    settings, _ = made(training_data=TABLE, label_column_name="left", featurization=config)
    assert type(settings.featurization_config) is featurization.FeaturizationConfig
    assert settings.featurization_config.blocked_transformers == ["DateTime"]
    assert b"azureml" not in pickle.dumps(settings)


def test_a_local_run_uses_what_is_installed():
    class Configuration:
        target = "local"

        def to_runtime_env(self):
            return {"pip": ["numpy"]}

    settings, notes = made(run_configuration=Configuration())
    assert settings.run_configuration is None
    assert "a local run uses the packages that are installed" in notes[0]
    remote, notes = made(run_configuration=Configuration(), compute_target="mine")
    assert remote.run_configuration == {"pip": ["numpy"]}
    assert notes == []


@pytest.mark.filterwarnings("error")
def test_a_task_that_is_not_available_is_one_error():
    with pytest.raises(ConfigException) as refused:
        AutoMLConfig(
            task="forecasting", time_column_name="t", max_horizon=3, X=[[1]], y=[1], iterations=2
        )
    assert len(refused.value.problems) == 1
    assert "not available yet" in str(refused.value)


@pytest.mark.parametrize(
    ("task", "given", "allowed"),
    [
        ("classification", ["TensorFlowLinearClassifier", "TensorFlowDNN"],
         ["LogisticRegression", "MLP"]),
        ("regression", "TensorFlowDNN", ["MLP"]),
    ],
)  # fmt: skip
def test_models_that_stand_in_for_those_of_the_service(task, given, allowed):
    with pytest.warns(UserWarning, match="in place of"):
        config = AutoMLConfig(task, whitelist_models=given, X=[[1.0], [2.0]] * 4, y=[0, 1] * 4)
    assert list(config.settings.allowed_models) == allowed
    with pytest.warns(UserWarning, match="are left out"):
        config = AutoMLConfig(task, blacklist_models=given, X=[[1.0], [2.0]] * 4, y=[0, 1] * 4)
    assert not config.settings.blocked_models
