"""Every estimator and scaler of the catalogue, on every kind of input it says it copes with."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

from engine import DataException
from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.evaluation.cross_validation import evaluate
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS
from engine.pipelines.catalogue.ranges import Choices
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec

EVERY = [
    (entry.task, entry.name) for group in (CLASSIFIERS, REGRESSORS) for entry in group.values()
]
# Small and quick settings; everything else is the estimator's default.
QUICK = {
    "RandomForest": {"n_estimators": 10},
    "ExtremeRandomTrees": {"n_estimators": 10},
    "LightGBM": {"n_estimators": 10, "min_child_samples": 5},
    "GradientBoosting": {"max_iter": 10},
    "MLP": {"hidden_layer_sizes": 32, "learning_rate_init": 0.01, "max_iter": 100},
    "LassoLars": {"alpha": 0.01},
    **{f"XGBoost{kind}": {"n_estimators": 10} for kind in ("Classifier", "Regressor")},
    **{f"CatBoost{kind}": {"iterations": 10} for kind in ("Classifier", "Regressor")},
}


def problem(task, labels=("a", "b", "c"), n_rows=90):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n_rows, 4))
    if task == "regression":
        return X, X[:, 0] * 100 + 500
    return X, np.array(labels)[np.digitize(X[:, 0], [-0.5, 0.5])]


def frozen(array):
    array.flags.writeable = False
    return array


def spec_of(task, name):
    entry = (CLASSIFIERS if task == "classification" else REGRESSORS)[name]
    return PipelineSpec(name, entry.scalers[0], QUICK.get(name, {})), entry


@pytest.mark.parametrize(("task", "name"), EVERY)
@pytest.mark.filterwarnings("ignore")
class TestEveryEstimator:
    def check(self, task, name, X, y, **extra):
        spec, _ = spec_of(task, name)
        data = check_data({"X": X, "y": y, **extra}, task)
        result = evaluate(spec, data, make_splits(data, SplitPlan(2)))
        best = "AUC_weighted" if task == "classification" else "r2_score"
        assert result.metrics[best] > (0.6 if task == "classification" else 0.3)
        assert np.isfinite(result.predictions).all()
        predicted = result.model.predict(X)
        assert predicted.shape == (len(y),)
        if task == "classification":
            assert set(predicted) <= set(y)
            assert result.model.predict_proba(X).sum(axis=1) == pytest.approx(1.0)
        again = pickle.loads(pickle.dumps(result.model)).predict(X)
        assert (again == predicted).all()
        return result

    def test_read_only_arrays(self, task, name):
        X, y = problem(task)
        self.check(task, name, frozen(X), frozen(y))

    def test_data_frame_with_missing_values(self, task, name):
        X, y = problem(task)
        X[::17, 1] = np.nan
        self.check(task, name, pd.DataFrame(X, columns=list("abcd")), y)

    def test_sparse(self, task, name):
        _, entry = spec_of(task, name)
        X, y = problem(task)
        if not entry.handles_sparse:
            pytest.skip("says that it does not")
        if entry.scalers[0] == "StandardScalerWrapper":
            X[np.abs(X) < 0.2] = 0
        matrix = sparse.csr_matrix(X)
        for part in (matrix.data, matrix.indices, matrix.indptr):
            frozen(part)
        self.check(task, name, matrix, y)

    def test_weights(self, task, name):
        _, entry = spec_of(task, name)
        X, y = problem(task)
        weight = frozen(np.random.default_rng(1).uniform(0.5, 2, len(y)))
        if entry.handles_weights:
            self.check(task, name, X, y, sample_weight=weight)
        else:
            with pytest.raises(DataException, match="cannot use"):
                self.check(task, name, X, y, sample_weight=weight)

    def test_same_seed_same_scores(self, task, name):
        X, y = problem(task)
        data = check_data({"X": X, "y": y}, task)
        spec, _ = spec_of(task, name)
        folds = make_splits(data, SplitPlan(2))
        first, second = (evaluate(spec, data, folds).metrics for _ in range(2))
        assert first == pytest.approx(second, nan_ok=True, abs=0)

    def test_range_bounds_can_be_built(self, task, name):
        _, entry = spec_of(task, name)
        X, y = problem(task)
        for end in ("low", "high"):
            params = {
                key: r.choices[-1] if isinstance(r, Choices) else getattr(r, end)
                for key, r in entry.space.items()
            }
            known = {*params, entry.rounds_parameter}
            params |= {k: v for k, v in QUICK.get(name, {}).items() if k in known}
            if name == "KNN":
                params["n_neighbors"] = min(params["n_neighbors"], 20)
            build_pipeline(PipelineSpec(name, entry.scalers[0], params), task).fit(X, y)

    def test_threads_are_exactly_the_cores(self, task, name):
        spec, entry = spec_of(task, name)
        pipeline = build_pipeline(spec, task, cores=3)
        if entry.threads_parameter:
            values = pipeline.get_params()
            found = [v for k, v in values.items() if k.endswith(f"__{entry.threads_parameter}")]
            assert found == [3]


@pytest.mark.parametrize("name", [n for n, e in CLASSIFIERS.items() if e.installed])
@pytest.mark.filterwarnings("ignore")
def test_labels_of_any_kind_come_back(name):
    for labels in ([10, 20, 35], [False, True, True], [0.0, 1.0, 2.0]):
        X, y = problem("classification", labels)
        spec, _ = spec_of("classification", name)
        model = build_pipeline(spec, "classification").fit(X, y)
        assert model.predict(X).dtype.kind == y.dtype.kind
        assert set(model.predict(X)) <= set(y)
        assert (model.classes_ == np.unique(y)).all()


@pytest.mark.parametrize("name", list(CLASSIFIERS))
@pytest.mark.filterwarnings("ignore")
def test_a_class_with_one_row(name):
    """Some training folds do not hold it, some validation folds neither."""
    X, y = problem("classification")
    y = y.copy()
    y[0] = "rare"
    data = check_data({"X": X, "y": y}, "classification")
    spec, _ = spec_of("classification", name)
    result = evaluate(spec, data, make_splits(data, SplitPlan(3)))
    assert result.predictions.shape == (90, 4)
    assert result.metrics["AUC_weighted"] > 0.5


@pytest.mark.parametrize("name", list(SCALERS))
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_every_scaler(name, kind):
    scaler = SCALERS[name]
    if not (scaler.handles_sparse if kind == "sparse" else scaler.handles_dense):
        pytest.skip("says that it does not")
    X, y = problem("classification")
    X = np.abs(X)
    X[3, 2] = np.nan
    if kind == "sparse":
        X = sparse.csr_matrix(X)
    else:
        frozen(X)
    spec = PipelineSpec("LogisticRegression", name)
    model = build_pipeline(spec, "classification", sparse=kind == "sparse").fit(X, y)
    assert list(model.named_steps) == ["datatransformer", name, "LogisticRegression"]
    assert model.score(X, y) > 0.4
    clone(model)


def test_one_column_is_enough_for_the_reducers():
    X, y = problem("classification")
    for name in ("PCA", "TruncatedSVDWrapper"):
        model = build_pipeline(PipelineSpec("LogisticRegression", name), "classification")
        model.fit(X[:, :1], y)
        assert model[:-1].transform(X[:, :1]).shape == (90, 1)


def test_specification_survives_json():
    spec = PipelineSpec("SGD", "PCA", {"alpha": 1e-4}, {"share": 0.5})
    assert PipelineSpec.from_json(spec.to_json()) == spec
    assert spec.name == "PCA SGD"
    assert PipelineSpec("KNN").name == "KNN"


def test_large_data_changes_what_would_take_too_long():
    def params(name, n_rows, **given):
        return build_pipeline(PipelineSpec(name, "", given), "classification", n_rows=n_rows)[
            -1
        ].get_params()

    assert params("RandomForest", 1_000)["max_samples"] is None
    assert params("RandomForest", 1_000_000)["max_samples"] == 0.05
    assert params("RandomForest", 50_000, n_estimators=200)["n_estimators"] == 60
    assert (
        params("RandomForest", 50_000, n_estimators=200, min_samples_leaf=4)["n_estimators"] == 200
    )
    assert params("RandomForest", 5_000, n_estimators=400)["n_estimators"] == 400
    assert params("ExtremeRandomTrees", 1_000_000)["bootstrap"] is True
    assert params("LightGBM", 1_000_000)["n_estimators"] < params("LightGBM", 1_000)["n_estimators"]
    assert params("LightGBM", 1_000_000, n_estimators=900)["n_estimators"] == 900
    assert params("MLP", 1_000_000)["max_iter"] == 10
    assert params("MLP", 1_000_000, max_iter=300)["max_iter"] == 10
    assert params("MLP", 10_000, max_iter=300)["max_iter"] == 300


def test_the_layers_of_a_network():
    def layers(**given):
        spec = PipelineSpec("MLP", "StandardScalerWrapper", given)
        return build_pipeline(spec, "classification")[-1].hidden_layer_sizes

    assert layers(hidden_layer_sizes=32, n_layers=3) == (32, 32, 32)
    assert layers(hidden_layer_sizes=32, n_layers=1) == layers(hidden_layer_sizes=32) == 32
    assert layers(n_layers=2) == (100, 100)


def test_a_kernel_svm_ranks_the_rows_of_many_classes():
    X, y = load_digits(return_X_y=True)
    data = check_data({"X": X[:600], "y": y[:600]}, "classification")
    spec = PipelineSpec("SVM", "StandardScalerWrapper", {"C": 3.0})
    result = evaluate(spec, data, make_splits(data, SplitPlan(3)))
    assert result.metrics["AUC_weighted"] > 0.9985
    assert result.metrics["accuracy"] > 0.94
