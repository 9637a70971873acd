"""Explanations that users ask for, without a cluster."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression, LogisticRegression

from engine import ConfigException, explain_model, retrieve_model_explanation
from tests.explain.test_files import Folder

X = np.random.default_rng(0).normal(size=(150, 3))
MODEL = LinearRegression().fit(X, X @ [1.0, 2.0, 0.0])


def test_a_regressor():
    values, expected, overall, names, per_class, per_class_names = explain_model(MODEL, X, X[:60])
    np.testing.assert_allclose(expected + values.sum(axis=1), MODEL.predict(X[:60]), atol=1e-6)
    assert names == ["column_1", "column_0", "column_2"]
    assert overall == sorted(overall, reverse=True)
    assert per_class is per_class_names is None


def test_a_classifier_and_a_table():
    frame = pd.DataFrame(X, columns=list("abc"))
    model = LogisticRegression().fit(frame, X[:, 0] > 0)
    values, expected, _, names, *_ = explain_model(model, frame, frame[:5])
    for k in range(2):
        np.testing.assert_allclose(
            expected[k] + values[k].sum(axis=1), model.predict_proba(frame[:5])[:, k], atol=1e-3
        )
    assert names[0] == "a"


def test_sparse_rows_and_names():
    rows = sparse.coo_matrix(np.where(np.abs(X) > 0.5, X, 0.0))
    model = LinearRegression().fit(rows, X[:, 0])
    assert explain_model(model, rows, rows.tocsr()[:4], features=["p", "q", "r"])[3][0] == "p"


def test_an_explanation_is_kept_with_an_iteration():
    store = Folder()
    iteration = SimpleNamespace(parent=SimpleNamespace(store=store), run_id="one", store=store)
    values, *_ = explain_model(MODEL, X, X[:6], best_run=iteration)
    np.testing.assert_array_equal(retrieve_model_explanation(iteration)[0], values)
    run = SimpleNamespace(get_output=lambda: (iteration, MODEL))
    np.testing.assert_array_equal(retrieve_model_explanation(run)[0], values)


def test_the_six_values_have_names_and_targets_change_nothing():
    explanation = explain_model(MODEL, X, X[:6], y_train=X[:, 0])
    again = explain_model(MODEL, X, X[:6])
    assert explanation._fields == (
        "shap_values",
        "expected_values",
        "overall_summary",
        "overall_imp",
        "per_class_summary",
        "per_class_imp",
    )
    np.testing.assert_array_equal(explanation.shap_values, again[0])
    assert explanation[1:] == again[1:]


@pytest.mark.parametrize(
    ("rows", "features", "message"),
    [
        (X[:6], ["one"], "1 names, X_test has 3 columns"),
        (X[:6], "odd", "allowed is 'raw', 'engineered' or a list of names"),
        (X[:6], "engineered", "the model is no pipeline"),
        (X[:6, :2], None, "X_test has 2 columns, X_train has 3"),
        (X[0], None, r"X_test has the shape \(3,\)"),
        (X[:0], None, r"X_test has the shape \(0, 3\)"),
    ],
)
def test_wrong_input_says_what_is_wrong(rows, features, message):
    with pytest.raises(ConfigException, match=message):
        explain_model(MODEL, X, rows, features=features)
