"""Explanations as scripts for SDK v1 ask for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.pipeline import Pipeline

from engine import ConfigException, RunException
from engine.azureml.contrib.interpret.visualize import ExplanationDashboard
from engine.azureml.explain.model.mimic.models.lightgbm_model import LGBMExplainableModel
from engine.azureml.explain.model.mimic_wrapper import MimicWrapper
from engine.azureml.interpret import ExplanationClient
from engine.azureml.interpret import MimicWrapper as SameWrapper
from engine.azureml.interpret.scoring.scoring_explainer import (
    KernelScoringExplainer,
    ScoringExplainer,
    TreeScoringExplainer,
    load,
    save,
)
from engine.azureml.train.automl.automlexplainer import explain_model, retrieve_model_explanation
from engine.azureml.train.automl.runtime.automl_explain_utilities import (
    automl_setup_model_explanations,
)
from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.ensembles.estimators import SharedFeatures, VotingEnsembleClassifier
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec
from tests.client.recorded import BEST, LABELS, TABLE, keep_explanation

RNG = np.random.default_rng(0)
MIXED = pd.DataFrame({"size": RNG.normal(size=80), "colour": RNG.choice(["red", "blue"], 80)})
KIND = np.where(MIXED["size"] + (MIXED["colour"] == "red") > 0.5, "big", "small")


def fitted(estimator, task="classification", scaler="", y=KIND):
    data = check_data({"X": MIXED, "y": y}, task, featurization=FeaturizationConfig())
    pipeline = build_pipeline(PipelineSpec(estimator, scaler), task, layout=data.layout)
    return pipeline.fit(MIXED, y)


def wrapper(setup, run=None, **more):
    return MimicWrapper(
        None,
        setup.automl_estimator,
        LGBMExplainableModel,
        init_dataset=setup.X_transform,
        run=run,
        features=setup.engineered_feature_names,
        feature_maps=[setup.feature_map],
        classes=setup.classes,
        **more,
    )


@pytest.mark.parametrize(
    ("estimator", "scaler"), [("LogisticRegression", "MaxAbsScaler"), ("DecisionTree", "")]
)
def test_the_cells_of_a_script(estimator, scaler):
    model = fitted(estimator, scaler=scaler)
    setup = automl_setup_model_explanations(
        model, X=MIXED, X_test=MIXED.head(7), y=KIND, task="classification"
    )
    assert setup.raw_feature_names == ["size", "colour"]
    assert setup.engineered_feature_names == model[0].get_engineered_feature_names()
    assert setup.classes == ["big", "small"]
    assert setup.feature_map.sum(axis=0).tolist() == [[1.0] * len(setup.engineered_feature_names)]
    np.testing.assert_array_equal(setup.y_test_pred, model.predict(MIXED.head(7)))

    explainer = wrapper(setup)
    engineered = explainer.explain(["local", "global"], eval_dataset=setup.X_test_transform)
    assert set(engineered.get_feature_importance_dict()) == set(setup.engineered_feature_names)
    raw = explainer.explain(
        ["local", "global"],
        get_raw=True,
        raw_feature_names=setup.raw_feature_names,
        eval_dataset=setup.X_test_transform,
        raw_eval_dataset=setup.X_test_raw,
    )
    importance = raw.get_feature_importance_dict()
    assert list(importance) == raw.get_ranked_global_names()
    assert list(importance.values()) == sorted(importance.values(), reverse=True)
    assert set(importance) == {"size", "colour"}
    totals = np.array(raw.local_importance_values).sum(axis=2).T + raw.expected_values
    np.testing.assert_allclose(totals, model.predict_proba(MIXED.head(7)), atol=1e-3)
    assert (raw.classes, raw.features, raw.num_features) == (
        ["big", "small"],
        ["size", "colour"],
        2,
    )
    assert len(raw.get_ranked_per_class_names(top_k=1)[0]) == 1
    assert len(raw.get_ranked_per_class_values()[1]) == 2
    assert len(raw.global_importance_values) == 2
    assert raw.rows == list(range(7))


def test_a_regression_has_one_number_a_row():
    y = MIXED["size"] * 2 + (MIXED["colour"] == "red")
    model = fitted("ElasticNet", "regression", "StandardScalerWrapper", y)
    setup = automl_setup_model_explanations(model, "regression", X=MIXED, X_test=MIXED.head(4))
    assert setup.classes is None
    raw = wrapper(setup).explain(
        get_raw=True, eval_dataset=setup.X_test_transform, raw_feature_names=["size", "colour"]
    )
    totals = np.array(raw.local_importance_values).sum(axis=1) + raw.expected_values
    np.testing.assert_allclose(totals, model.predict(MIXED.head(4)), atol=1e-3)
    assert raw.get_ranked_per_class_names() == []


def test_an_ensemble_is_explained_by_its_raw_columns():
    members = [(n, fitted(n)) for n in ("LogisticRegression", "DecisionTree")]
    voting = VotingEnsembleClassifier.of_fitted(members, [0.5, 0.5], np.array(["big", "small"]))
    first = SharedFeatures(members[0][1][0])
    model = Pipeline([("datatransformer", first), ("VotingEnsemble", voting)])
    setup = automl_setup_model_explanations(model, "classification", X=MIXED, X_test=MIXED.head(3))
    assert setup.engineered_feature_names == ["size", "colour"]
    explanation = wrapper(setup).explain(eval_dataset=setup.X_test_transform)
    totals = np.array(explanation.local_importance_values).sum(axis=2).T
    np.testing.assert_allclose(
        totals + explanation.expected_values, model.predict_proba(MIXED.head(3)), atol=1e-3
    )


def test_explanations_are_kept_with_the_iteration(v1_run):
    best, model = v1_run.get_output()
    client = ExplanationClient.from_run(best)
    failed = list(v1_run.get_children())[1]
    for is_raw in (True, False):
        with pytest.raises(RunException, match="has not been explained"):
            ExplanationClient.from_run(failed).download_model_explanation(raw=is_raw)
    assert client.list_model_explanations() == []
    estimator = model
    explainer = MimicWrapper(
        None,
        estimator,
        init_dataset=TABLE,
        run=v1_run,
        features=["a", "b", "c"],
        feature_maps=[sparse.identity(3)],
    )
    engineered = explainer.explain(eval_dataset=TABLE.head(3), tag="mine")
    raw = explainer.explain(
        eval_dataset=TABLE.head(3), get_raw=True, raw_feature_names=["a", "b", "c"]
    )
    assert (engineered.comment, engineered.is_raw, raw.is_raw) == ("mine", False, True)
    for is_raw in (True, False):
        found = client.download_model_explanation(raw=is_raw)
        assert found.get_feature_importance_dict() == raw.get_feature_importance_dict()
        assert found.is_raw is is_raw
    assert len(client.download_model_explanation(top_k=1).get_feature_importance_dict()) == 1
    assert [e["raw"] for e in client.list_model_explanations()] == [True, False]
    again = ExplanationClient(v1_run.experiment.workspace, "recorded", best.id, best)
    assert again.download_model_explanation(engineered=True).is_raw is False
    shap_values, *_ = retrieve_model_explanation(best)
    assert np.asarray(shap_values).shape == (2, 3, 3)
    with pytest.raises(ConfigException, match="ask for one of them"):
        client.download_model_explanation(raw=True, engineered=True)


def test_the_dashboard_writes_the_plots(v1_run, capsys, tmp_path):
    keep_explanation(v1_run, 0)
    first = next(v1_run.get_children())
    explanation = ExplanationClient.from_run(first).download_model_explanation()
    dashboard = ExplanationDashboard(explanation, None, datasetX=TABLE)
    assert dashboard.files
    assert dashboard.files[0] in capsys.readouterr().out
    with pytest.raises(ConfigException, match="expected what MimicWrapper"):
        ExplanationDashboard("an explanation")


def test_targets_of_training_rows_may_be_given(v1_run):
    best, model = v1_run.get_output()
    explanation = explain_model(
        model, TABLE, TABLE.head(2), best_run=best, features=["p", "q", "r"], y_train=LABELS
    )
    assert set(explanation.overall_imp) == {"p", "q", "r"}
    assert retrieve_model_explanation(best).overall_imp == explanation.overall_imp
    assert best.iteration == BEST


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fitted_model": object()}, "expected a pipeline of a run"),
        ({"task": "forecasting"}, "task='forecasting'"),
        ({"X": None}, "X and X_test: give rows"),
    ],
)
def test_what_cannot_be_taken_apart(change, message):
    given = {"fitted_model": fitted("DecisionTree"), "task": "classification", "X": MIXED}
    with pytest.raises(ConfigException, match=message):
        automl_setup_model_explanations(**given | change)


def test_what_cannot_be_explained():
    model = fitted("DecisionTree")
    with pytest.raises(ConfigException, match="init_dataset"):
        SameWrapper(None, model)
    with pytest.raises(ConfigException, match="needs feature_maps"):
        SameWrapper(None, model, init_dataset=MIXED).explain(get_raw=True)
    setup = automl_setup_model_explanations(model, "classification", X=MIXED)
    with pytest.raises(ConfigException, match="1 names for 2 raw columns"):
        wrapper(setup).explain(get_raw=True, raw_feature_names=["one"])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_scoring_script_explains_the_rows_of_a_request(task, tmp_path, v1_run):
    y = KIND if task == "classification" else MIXED["size"] * 2 + (MIXED["colour"] == "red")
    model = fitted("DecisionTree", task, y=y)
    setup = automl_setup_model_explanations(model, task, X=MIXED, y=y)
    explainer = wrapper(setup, run=v1_run)
    made = TreeScoringExplainer(explainer.explainer, feature_maps=[setup.feature_map])
    assert save(made, str(tmp_path / "models")) == [str(tmp_path / "models/scoring_explainer.pkl")]
    with pytest.raises(ConfigException, match="exist_ok=True"):
        save(made, str(tmp_path / "models"))
    assert str(v1_run.id).encode() not in (tmp_path / "models/scoring_explainer.pkl").read_bytes()

    loaded = load(str(tmp_path / "models"))
    request = automl_setup_model_explanations(model, task, X_test=MIXED.head(3))
    engineered = loaded.explain(request.X_test_transform)
    raw = loaded.explain(request.X_test_transform, get_raw=True)
    assert isinstance(engineered, list)
    widths = (len(setup.engineered_feature_names), 2)
    for values, width in zip((engineered, raw), widths, strict=True):
        shape = (2, 3, width) if task == "classification" else (3, width)
        assert np.shape(values) == shape
    found = explainer.explain(eval_dataset=request.X_test_transform, upload=False)
    np.testing.assert_allclose(engineered, found.local_importance_values, atol=1e-6)
    np.testing.assert_allclose(np.sum(raw, axis=-1), np.sum(engineered, axis=-1), atol=1e-6)


def test_what_is_no_explainer_for_a_scoring_script():
    with pytest.raises(ConfigException, match="expected a MimicWrapper"):
        KernelScoringExplainer(fitted("DecisionTree"))
    setup = automl_setup_model_explanations(fitted("DecisionTree"), "classification", X=MIXED)
    without_map = MimicWrapper(None, setup.automl_estimator, init_dataset=setup.X_transform)
    made = ScoringExplainer(without_map)
    with pytest.raises(ConfigException, match="needs feature_maps"):
        made.explain(setup.X_transform, get_raw=True)
