"""ONNX models as scripts for SDK v1 save them and predict with them."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest

from engine.azureml.automl.core.onnx_convert import (
    OnnxConvertConstants,
    OnnxConverter,
    OnnxInferenceHelper,
)
from engine.azureml.automl.runtime import onnx_convert
from engine.azureml.core.experiment import Experiment
from engine.azureml.train.automl import constants
from engine.azureml.train.automl.run import AutoMLRun
from engine.data.check import check_data
from engine.errors import ModelException
from engine.onnx.convert import to_onnx
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec
from tests.driver.replay import Replay, X, Y, scored

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def onnx_run(module_workspace) -> AutoMLRun:
    """A run of two pipelines that convert."""
    experiment = Experiment(module_workspace, "onnx")
    trials = {0: scored(0.8), 1: scored(0.9)}
    replay = Replay(experiment, trials, iterations=2, enable_onnx_compatible_models=True)
    replay.drive()
    return experiment.run_of(replay.run_id)


def test_the_cells_of_a_script(onnx_run, tmp_path):
    best_run, onnx_model = onnx_run.get_output(return_onnx_model=True)
    path = tmp_path / "models" / "best_model.onnx"
    OnnxConverter.save_onnx_model(onnx_model, str(path))
    assert [value.name for value in onnx_model.graph.input] == ["column_0", "column_1", "column_2"]
    onnxruntime.InferenceSession(str(path))
    assert sys.version_info < OnnxConvertConstants.OnnxIncompatiblePythonVersion

    resource = tmp_path / "onnx_resource.json"
    best_run.download_file(name=constants.MODEL_RESOURCE_PATH_ONNX, output_file_path=str(resource))
    helper = OnnxInferenceHelper(
        onnx_model.SerializeToString(), json.loads(resource.read_text(encoding="utf-8"))
    )
    labels, probabilities = helper.predict(X)
    _, model = onnx_run.get_output()
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
    assert (labels == Y).mean() > 0.8
    assert helper.predict(X, with_prob=False)[1] is None
    assert {constants.MODEL_PATH_ONNX, constants.MODEL_RESOURCE_PATH_ONNX} <= set(
        best_run.get_file_names()
    )
    file = best_run.read_file(constants.MODEL_PATH_ONNX)
    assert onnxruntime.InferenceSession(file).get_inputs()[0].name == "column_0"


def test_a_regression_has_values_alone():
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    data = check_data({"X": frame, "y": X[:, 0]}, "regression")
    pipeline = build_pipeline(PipelineSpec("DecisionTree"), "regression", names=data.feature_names)
    model = to_onnx(pipeline.fit(frame, X[:, 0]), by_column=True)
    helper = OnnxInferenceHelper(model.SerializeToString(), {})
    values, nothing = helper.predict(frame)
    np.testing.assert_allclose(values, pipeline.predict(frame), rtol=1e-5)
    assert nothing is None
    assert [value.name for value in model.graph.input] == ["a", "b", "c"]
    with pytest.raises(ModelException, match="X lacks the columns"):
        helper.predict(frame[["a"]])


def test_both_module_paths_are_the_same():
    assert onnx_convert.OnnxInferenceHelper is OnnxInferenceHelper
    assert onnx_convert.OnnxConverter is OnnxConverter
