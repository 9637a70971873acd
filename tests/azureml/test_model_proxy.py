"""`ModelProxy`: an iteration's model predicts, and its predictions are tables."""

from __future__ import annotations

import numpy as np
import pytest

from engine import ConfigException, RunException
from engine.azureml.data import TabularDataset
from engine.azureml.train.automl.model_proxy import ModelProxy
from tests.client.recorded import TABLE


@pytest.mark.parametrize("whose", ["run", "iteration"])
def test_predictions_are_tables(whose, v1_run):
    best, model = v1_run.get_output()
    proxy = ModelProxy(v1_run if whose == "run" else best, compute_target="cpu-cluster")
    predicted = proxy.predict(TabularDataset.of(TABLE)).to_pandas_dataframe()
    assert list(predicted.columns) == ["predictions"]
    np.testing.assert_array_equal(predicted["predictions"], model.predict(TABLE))
    probabilities = proxy.predict_proba(TABLE).to_pandas_dataframe()
    assert list(probabilities.columns) == ["no", "yes"]
    np.testing.assert_allclose(probabilities, model.predict_proba(TABLE))


def test_iterations_without_a_model(v1_run):
    failed = list(v1_run.get_children())[1]
    with pytest.raises(RunException, match="no fitted model"):
        ModelProxy(failed)
    with pytest.raises(ConfigException, match="expected an iteration of a run"):
        ModelProxy("outputs/model.pkl")
