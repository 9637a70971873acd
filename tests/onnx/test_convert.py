"""Every pipeline that says so converts to ONNX and predicts the same there."""

from __future__ import annotations

import json
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
)
from engine.errors import DataException, ModelException
from engine.onnx.convert import onnx_inputs, to_onnx
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS
from engine.pipelines.spec import PipelineSpec

onnxruntime = pytest.importorskip("onnxruntime")

ENTRIES = [
    entry
    for entry in (*CLASSIFIERS.values(), *REGRESSORS.values())
    if entry.converts_to_onnx and entry.installed
]
CLASSIFYING = ["LogisticRegression", "RandomForest", "LightGBM", "GradientBoosting", "KNN"]


def table(n_rows=300, seed=0):
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(generator.normal(size=(n_rows, 3)), columns=["a", "b", "c d"])
    frame.loc[generator.random(n_rows) < 0.2, "b"] = np.nan
    frame["kind"] = generator.choice(["new", "old", "ancient", None], n_rows)
    frame["city"] = [f"city {n}" for n in generator.integers(0, 60, n_rows)]
    frame["code"] = generator.integers(0, 5, n_rows)
    frame["yes"] = generator.random(n_rows) < 0.5
    return frame


def target(frame, task):
    score = frame["a"] + (frame["kind"] == "new") - frame["code"] / 5
    if task == "regression":
        return (100 * score).to_numpy()
    return pd.cut(score, [-np.inf, -0.5, 0.5, np.inf], labels=["low", "mid", "high"]).astype(str)


def fitted(entry, X, y, *, config=None, scaler=None):
    task = "classification" if entry in CLASSIFIERS.values() else "regression"
    dataset = check_data({"X": X, "y": y}, task, featurization=config)
    few = {} if entry.rounds_parameter is None else {entry.rounds_parameter: 10}
    if entry.steps_parameter == "n_estimators":
        few = {"n_estimators": 6}
    spec = PipelineSpec(entry.name, entry.scalers[0] if scaler is None else scaler, few)
    model = build_pipeline(spec, task, layout=dataset.layout)
    return model.fit(dataset.X, dataset.y)


def run(model, X):
    converted = to_onnx(model)
    session = onnxruntime.InferenceSession(
        converted.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, onnx_inputs(converted, X)), strict=True))


def assert_same(model, X):
    found = run(model, X)
    found = {name.rstrip("_"): values for name, values in found.items()}
    if hasattr(model, "classes_"):
        assert list(found) == ["label", "probabilities"]
        expected = model.predict_proba(X)
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)
        first, second = np.sort(expected, axis=1)[:, :-3:-1].T
        sure = first - second > 1e-6
        assert list(found["label"][sure]) == list(model.predict(X)[sure])
        assert set(found["label"]) <= set(model.classes_)
    else:
        assert list(found) == ["prediction"]
        np.testing.assert_allclose(found["prediction"], model.predict(X), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.task}-{e.name}")
def test_numbers(entry):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 5)) * [1, 100, 1e-3, 1, 1]
    # Thresholds that single precision cannot tell apart.
    X[:, 4] = 1.7e9 + generator.integers(0, 50, 300)
    y = X[:, 0] + X[:, 1] / 100 + (X[:, 4] > 1.7e9 + 25)
    y = (100 * y) if entry.task == "regression" else np.digitize(y, [0, 1])
    for scaler in [s for s in entry.scalers if s != "SparseNormalizer"]:
        assert_same(fitted(entry, X, y, scaler=scaler), X + 1e-9)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.task}-{e.name}")
def test_tables(entry):
    frame = table()
    config = FeaturizationConfig(column_purposes={"code": "Categorical"}).only_for_onnx()
    model = fitted(entry, frame, target(frame, entry.task), config=config)
    new = table(200, seed=1).astype({"yes": object})
    new.loc[:9, "kind"] = "never seen"
    new.loc[10:19, ["a", "city", "yes"]] = None
    assert_same(model, new[list(reversed(new.columns))].assign(more=1))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.task}-{e.name}")
def test_missing_numbers_without_featurization(entry):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(300, 4))
    X[generator.random(X.shape) < 0.2] = np.nan
    y = np.nan_to_num(X[:, 0]) + np.isnan(X[:, 1])
    y = y if entry.task == "regression" else y > 0
    assert_same(fitted(entry, X, y), X)


@pytest.mark.parametrize("name", CLASSIFYING)
@pytest.mark.parametrize(
    "labels", [[0, 1], ["no", "yes"], [False, True], [1.0, 2.0], [3, 5, 7, 11]], ids=str
)
def test_labels_of_any_kind(name, labels):
    X = np.random.default_rng(0).normal(size=(120, 3))
    codes = np.digitize(X[:, 0], np.linspace(-1, 1, len(labels) + 1)[1:-1])
    assert_same(fitted(CLASSIFIERS[name], X, np.array(labels)[codes]), X)


def test_target_encoding_of_every_class():
    frame = table(600)
    frame["user"] = [f"user {n % 90}" for n in range(600)]
    for labels in (target(frame, "classification"), frame["a"] > 0):
        model = fitted(
            CLASSIFIERS["LogisticRegression"], frame, labels, config=FeaturizationConfig()
        )
        assert_same(model, table(100, seed=2).assign(user="user 3"))


def members(entries, frame, y):
    config = FeaturizationConfig().only_for_onnx()
    return [(e.name, fitted(e, frame, y, config=config)) for e in entries]


def ensemble_pipeline(ensemble, first):
    from sklearn.pipeline import Pipeline

    return Pipeline([("datatransformer", SharedFeatures(first[0])), ("Ensemble", ensemble)])


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("kind", ["voting", "stack"])
def test_ensembles(task, kind):
    from sklearn.linear_model import ElasticNet, LogisticRegression

    frame = table()
    y = np.asarray(target(frame, task))
    known = CLASSIFIERS if task == "classification" else REGRESSORS
    chosen = members([known[n] for n in ("LightGBM", "RandomForest", "KNN")], frame, y)
    if kind == "voting":
        made = VotingEnsembleClassifier if task == "classification" else VotingEnsembleRegressor
        ensemble = made(chosen, [0.5, 0.3, 0.2]).fit(frame, y)
    else:
        made = StackEnsembleClassifier if task == "classification" else StackEnsembleRegressor
        learner = LogisticRegression() if task == "classification" else ElasticNet()
        ensemble = made(chosen, learner).fit(frame, y)
    model = ensemble_pipeline(ensemble, ensemble.members_[0])
    assert_same(model, table(100, seed=3))


def test_a_second_level_is_refused():
    from sklearn.linear_model import LogisticRegression

    frame = table()
    y = np.asarray(target(frame, "classification"))
    chosen = members([CLASSIFIERS["KNN"]], frame, y)
    features = chosen[0][1][0]  # what makes the member's features
    ensemble = StackEnsembleClassifier(chosen, LogisticRegression(), features).fit(frame, y)
    with pytest.raises(ModelException, match="meta learner sees features"):
        to_onnx(ensemble_pipeline(ensemble, ensemble.members_[0]))


def test_inputs_are_columns_by_their_names():
    frame = table()
    config = FeaturizationConfig(drop_columns=["yes"]).only_for_onnx()
    model = to_onnx(
        fitted(CLASSIFIERS["LightGBM"], frame, target(frame, "classification"), config=config)
    )
    kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    assert kinds == {"a": 11, "b": 11, "c d": 11, "kind": 8, "city": 8, "code": 11}
    assert model.producer_name == "raysmith"
    with pytest.raises(ModelException, match="lacks the columns \\['city'\\]"):
        onnx_inputs(model, frame.drop(columns="city"))
    with pytest.raises(ModelException, match="takes a DataFrame"):
        onnx_inputs(model, frame.to_numpy())


def test_a_column_with_the_name_of_a_node():
    frame = table().rename(columns={"a": "Identity_1", "b": "label", "c d": "X"})
    y = frame["Identity_1"] > 0
    config = FeaturizationConfig().only_for_onnx()
    assert_same(fitted(CLASSIFIERS["LightGBM"], frame, y, config=config), frame)


def test_what_has_no_counterpart_is_refused():
    frame = table()
    y = target(frame, "classification")
    for name in ("SVM", "CatBoostClassifier"):
        if CLASSIFIERS[name].installed:
            with pytest.raises(ModelException, match="cannot convert"):
                to_onnx(fitted(CLASSIFIERS[name], frame[["a", "b"]].fillna(0), y))
    native = fitted(CLASSIFIERS["LightGBM"], frame, y, config=FeaturizationConfig())
    with pytest.raises(ModelException, match="splits on categories"):
        to_onnx(native)
    dated = frame.assign(day=pd.Timestamp("2024-01-01") + pd.to_timedelta(range(300), "D"))
    with pytest.raises(ModelException, match=r"'day'.* dates or text"):
        to_onnx(fitted(CLASSIFIERS["LightGBM"], dated, y, config=FeaturizationConfig()))


def test_dates_and_text_are_left_out_with_a_word():
    frame = table()
    dates = pd.Timestamp("2024-01-01") + pd.to_timedelta(range(300), "D")
    dated = frame.assign(day=dates)
    config = FeaturizationConfig().only_for_onnx()
    y = target(frame, "classification")
    dataset = check_data({"X": dated, "y": y}, "classification", featurization=config)
    assert any("'day'" in note and "ONNX" in note for note in dataset.notes)
    assert_same(fitted(CLASSIFIERS["RandomForest"], dated, y, config=config), dated)
    with pytest.raises(DataException, match="there are no others"):
        check_data({"X": dated[["day"]], "y": y}, "classification", featurization=config)


def test_without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    X = np.random.default_rng(0).normal(size=(50, 2))
    with pytest.raises(ModelException, match=r"raysmith\[onnx\]"):
        to_onnx(fitted(CLASSIFIERS["LightGBM"], X, X[:, 0] > 0))


def test_the_configuration_survives_as_plain_values():
    config = FeaturizationConfig(drop_columns=["a"])
    assert FeaturizationConfig(**json.loads(json.dumps(config.to_dict()))) == config
    assert config.only_for_onnx() != config


@pytest.mark.parametrize("named", [True, False])
def test_numbers_have_an_input_a_column_on_request(named):
    frame = table()[["a", "b", "c d"]]
    X = frame if named else frame.to_numpy()
    pipeline = fitted(REGRESSORS["DecisionTree"], X, target(table(), "regression"))
    model = to_onnx(pipeline, by_column=True)
    names = [*frame.columns] if named else ["column_0", "column_1", "column_2"]
    assert [value.name for value in model.graph.input] == names
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for rows in (X, frame.to_numpy()):
        found = session.run(None, onnx_inputs(model, rows))[0]
        np.testing.assert_allclose(found, pipeline.predict(X), rtol=1e-6)
    with pytest.raises(ModelException, match="X has 2 columns; the model takes 3"):
        onnx_inputs(model, frame.to_numpy()[:, :2])


def test_an_ensemble_of_numbers_has_an_input_a_column_on_request():
    X = table()[["a", "c d"]]
    y = target(table(), "regression")
    members = [(n, fitted(REGRESSORS[n], X, y)) for n in ("DecisionTree", "ElasticNet")]
    voting = VotingEnsembleRegressor.of_fitted(members, [0.5, 0.5])
    first = SharedFeatures(members[0][1][0])
    model = Pipeline([("datatransformer", first), ("VotingEnsemble", voting)])
    converted = to_onnx(model, by_column=True)
    session = onnxruntime.InferenceSession(converted.SerializeToString())
    found = session.run(None, onnx_inputs(converted, X))[0]
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-5)
