"""`raysmith predict` finds columns by name, whatever model a run has chosen."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from engine import AutoMLConfig, Experiment, FeaturizationConfig
from engine.cli.parser import main
from engine.data.check import check_data
from engine.driver.specification_files import keep_data
from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    VotingEnsembleClassifier,
)
from engine.ensembles.meta_features import meta_input
from engine.evaluation.parts import pipeline_for
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.spec import PipelineSpec
from engine.store.packing import pack_model
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus

N = 60
RNG = np.random.default_rng(0)
NUMBERS = pd.DataFrame(RNG.uniform(0, 1, (N, 3)), columns=["signal", "noise", "more"])
MIXED = NUMBERS.assign(
    kind=RNG.choice(["red", "blue"], N),
    gaps=np.where(RNG.random(N) < 0.3, np.nan, RNG.uniform(0, 1, N)),
)
LABELS = np.where(NUMBERS["signal"] > 0.5, "yes", "no")
#: Parameters that make a fit short.
FAST = {
    "LightGBM": {"n_estimators": 5},
    "XGBoostClassifier": {"n_estimators": 5},
    "CatBoostClassifier": {"iterations": 5},
    "GradientBoosting": {"max_iter": 5},
    "RandomForest": {"n_estimators": 5},
    "ExtremeRandomTrees": {"n_estimators": 5},
    "MLP": {"max_iter": 5},
}
CHECKED = {
    "named": check_data({"X": NUMBERS, "y": LABELS}, "classification"),
    "array": check_data(
        {"X": NUMBERS.to_numpy(), "y": LABELS, "feature_names": list(NUMBERS)},
        "classification",
        featurization=FeaturizationConfig(),
    ),
    "mixed": check_data(
        {"X": MIXED, "y": LABELS}, "classification", featurization=FeaturizationConfig()
    ),
}


def fitted(estimator, data):
    spec = PipelineSpec(estimator, estimator_params=FAST.get(estimator, {}))
    dataset = CHECKED[data]
    return pipeline_for(dataset, spec, cores=1, random_state=0).fit(dataset.X, dataset.y)


def ensemble(estimator):
    members = estimator.members_
    return Pipeline([("datatransformer", SharedFeatures(members[0][0])), ("Ensemble", estimator)])


def voting(data):
    members = [(name, fitted(name, data)) for name in ("LogisticRegression", "DecisionTree")]
    classes = CHECKED[data].classes
    return ensemble(VotingEnsembleClassifier.of_fitted(members, [0.5, 0.5], classes))


def stack(data, with_features):
    """A stack; with features a second level."""
    dataset = CHECKED[data]
    members = [(name, fitted(name, data)) for name in ("LogisticRegression", "DecisionTree")]
    outputs = [member.predict_proba(dataset.X) for _, member in members]
    features = members[0][1][0] if with_features else None
    made = None if features is None else features.transform(dataset.X)
    learner = LogisticRegression().fit(meta_input(outputs, made), dataset.target(dataset.y))
    made_of = StackEnsembleClassifier.of_fitted(members, learner, dataset.classes, features)
    return ensemble(made_of)


MODELS = {
    **{f"{name}, mixed": (fitted, name, "mixed") for name in estimators_of("classification")},
    **{f"KNN, {data}": (fitted, "KNN", data) for data in CHECKED},
    **{f"voting, {data}": (voting, data) for data in CHECKED},
    **{f"stack, {data}": (stack, data, False) for data in CHECKED},
    **{f"second level, {data}": (stack, data, True) for data in CHECKED},
}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return {name: make(*arguments) for name, (make, *arguments) in MODELS.items()}


@pytest.fixture(scope="module")
def run_id(module_workspace, models):
    """Write a run whose iterations have these models."""
    experiment = Experiment(module_workspace, "predict")
    given = AutoMLConfig("classification", X=NUMBERS, y=LABELS).prepare()
    store = module_workspace.store
    run_id = store.create_run(experiment.id, given.settings.to_dict(), {})
    store.save_spec(run_id, given.to_spec())
    keep_data(store, run_id, given)
    recorder = Recorder(store, store.run(run_id))
    for number, model in enumerate(models.values()):
        spec = PipelineSpec("KNN")
        recorder.started(number, spec, IterationProperties(), time.time())
        end = IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 1.0},
                           model=pack_model(model))  # fmt: skip
        recorder.ended(number, end, {"accuracy": 1.0})
    recorder.close()
    assert recorder.error is None
    store.set_status(run_id, RunStatus.COMPLETED)
    return run_id


@pytest.mark.parametrize("name", MODELS)
def test_columns_are_found_by_name(name, models, run_id, module_workspace, monkeypatch):
    monkeypatch.chdir(module_workspace.folder.parent)
    model, number = models[name], list(MODELS).index(name)
    shuffled = MIXED[["kind", "noise", "gaps", "more", "signal"]]
    shuffled.assign(label=LABELS, id=range(N)).to_csv("in.csv", index=False)
    assert main(["predict", run_id, "in.csv", "out.csv", "--iteration", str(number)]) == 0
    told = pd.read_csv("out.csv")
    assert told["prediction"].tolist() == model.predict(MIXED).tolist()
    probabilities = told[["probability_no", "probability_yes"]].to_numpy()
    np.testing.assert_allclose(probabilities, model.predict_proba(MIXED), rtol=1e-6)
    assert list(model.feature_names_in_) == list(MIXED if "mixed" in name else NUMBERS)


def test_a_table_without_a_column_is_refused(run_id, module_workspace, monkeypatch, capsys):
    monkeypatch.chdir(module_workspace.folder.parent)
    MIXED.drop(columns="signal").to_csv("lacking.csv", index=False)
    for name in ("KNN, mixed", "voting, named", "second level, array"):
        number = str(list(MODELS).index(name))
        assert main(["predict", run_id, "lacking.csv", "-", "--iteration", number]) == 1
        assert "X lacks the columns ['signal']" in capsys.readouterr().err
