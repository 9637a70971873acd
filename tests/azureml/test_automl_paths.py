"""Imports of automated training as scripts for SDK v1 write them, with the tree's name in front."""

from __future__ import annotations

from importlib import import_module

import pytest

IMPORTS = [
    ("azureml.core", "Experiment Run"),
    ("azureml.core.experiment", "Experiment"),
    ("azureml.core.run", "Run get_run"),
    ("azureml.train.automl", "AutoMLConfig AutoMLRun constants"),
    ("azureml.train.automl.automlconfig", "AutoMLConfig"),
    ("azureml.train.automl.run", "AutoMLRun"),
    ("azureml.train.automl.automlexplainer", "explain_model retrieve_model_explanation"),
    ("azureml.train.automl.automl_explain_utilities", "automl_setup_model_explanations"),
    (
        "azureml.train.automl.runtime.automl_explain_utilities",
        "AutoMLExplainerSetupClass automl_setup_model_explanations",
    ),
    ("azureml.train.automl.constants", "MODEL_PATH SCORING_FILE_PATH CONDA_ENV_FILE_PATH"),
    ("azureml.train.automl.exceptions", "AutoMLException ConfigException"),
    ("azureml.train.automl.utilities", "get_primary_metrics"),
    ("azureml.automl.core.featurization", "FeaturizationConfig"),
    ("azureml.automl.core.featurization.featurizationconfig", "FeaturizationConfig"),
    ("azureml.automl.core.onnx_convert", "OnnxConvertConstants OnnxConverter OnnxInferenceHelper"),
    ("azureml.automl.core.shared", "constants"),
    ("azureml.automl.core.shared.constants", "Metric Tasks MODEL_PATH"),
    ("azureml.automl.runtime.onnx_convert", "OnnxConverter OnnxInferenceHelper"),
    ("azureml.automl.runtime.shared.score", "scoring"),
    ("azureml.widgets", "RunDetails"),
    ("azureml.interpret", "ExplanationClient MimicWrapper"),
    ("azureml.interpret.mimic_wrapper", "MimicWrapper"),
    ("azureml.interpret.mimic.models.lightgbm_model", "LGBMExplainableModel"),
    ("azureml.interpret.mimic.models.linear_model", "LinearExplainableModel SGDExplainableModel"),
    ("azureml.interpret.mimic.models.tree_model", "DecisionTreeExplainableModel"),
    ("azureml.explain.model.mimic_wrapper", "MimicWrapper"),
    ("azureml.explain.model.mimic.models.lightgbm_model", "LGBMExplainableModel"),
    ("azureml.explain.model._internal.explanation_client", "ExplanationClient"),
    ("azureml.contrib.interpret.explanation.explanation_client", "ExplanationClient"),
    ("azureml.contrib.interpret.visualize", "ExplanationDashboard"),
    ("azureml.contrib.explain.model.visualize", "ExplanationDashboard"),
]


@pytest.mark.parametrize(("module", "names"), IMPORTS, ids=[module for module, _ in IMPORTS])
def test_names_are_found_at_their_paths(module, names):
    found = import_module(f"engine.{module}")
    for name in names.split():
        assert getattr(found, name) is not None


def test_modules_are_found_by_attribute():
    from engine import azureml

    assert azureml.train.automl.AutoMLConfig is azureml.train.automl.automlconfig.AutoMLConfig
    assert azureml.train.automl.constants.MODEL_PATH == "outputs/model.pkl"


def test_scores_of_predictions():
    from engine.azureml.automl.core.shared import constants
    from engine.azureml.automl.runtime.shared.score import scoring

    scores = scoring.score_regression(
        y_test=[1.0, 3.0, 5.0],
        y_pred=[1.0, 2.0, 5.0],
        metrics=list(constants.Metric.SCALAR_REGRESSION_SET),
    )
    assert set(scores) == set(constants.Metric.SCALAR_REGRESSION_SET)
    ranged = scoring.score_regression([1.0, 3.0], [1.0, 2.0], y_max=11.0, y_min=1.0)
    assert ranged[constants.Metric.NormMeanAbsError] == pytest.approx(0.05)
    classes = scoring.score_classification(
        ["a", "b", "a"], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [constants.Metric.Accuracy]
    )
    assert classes == {"accuracy": 1.0}


def test_names_of_metrics_are_those_that_runs_record():
    from engine.azureml.automl.core.shared.constants import Metric
    from engine.metrics.metric import CLASSIFICATION_METRICS, REGRESSION_METRICS

    names = {value for value in vars(Metric).values() if isinstance(value, str)}
    known = {*CLASSIFICATION_METRICS, *REGRESSION_METRICS}
    assert names & known == names - {Metric.__doc__, Metric.__module__, Metric.__qualname__}
