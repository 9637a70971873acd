"""Wrappers of boosters: labels as codes, categories as texts, and access to what is inside."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.tree import DecisionTreeClassifier

from engine.pipelines.estimators.catboost_categories import (
    TextCategories,
    as_texts,
    categorical_columns,
)
from engine.pipelines.estimators.labels import EncodedLabels
from engine.pipelines.estimators.wrappers import fitted_inside, given_inside

FRAME = pd.DataFrame({"kind": pd.Categorical(["b", None, "a", "b"]), "n": [1.0, 2.0, 3.0, 4.0]})
LABELS = np.array(["no", "yes", "no", "yes"])


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps what `fit` was given; predicts the first class with the probability it is given."""

    def fit(self, X, y, **fit_params):
        self.seen_ = {"X": X, "y": y, **fit_params}
        return self

    def predict_proba(self, X, first=1.0):
        return np.tile([first, 1.0 - first], (len(X), 1))


def test_labels_are_codes_inside_and_come_back():
    X = np.eye(4)
    weight = np.arange(4.0)
    model = EncodedLabels(Recorder()).fit(X, LABELS, weight, eval_set=[(X[:2], LABELS[:2])])
    seen = model.estimator_.seen_
    assert seen["y"].tolist() == [0, 1, 0, 1]
    assert seen["sample_weight"] is weight
    assert seen["eval_set"][0][1].tolist() == [0, 1]
    assert model.classes_.tolist() == ["no", "yes"]
    assert model.predict(X).tolist() == ["no"] * 4
    assert model.predict(X, first=0.2).tolist() == ["yes"] * 4


def test_categories_are_texts_inside():
    model = TextCategories(Recorder()).fit(FRAME, LABELS, eval_set=[(FRAME[:1], LABELS[:1])])
    seen = model.estimator_.seen_
    assert seen["X"]["kind"].tolist() == ["1", "-1", "0", "1"]
    assert seen["X"]["n"].tolist() == FRAME["n"].tolist()
    assert seen["cat_features"] == ["kind"]
    assert seen["eval_set"][0][0]["kind"].tolist() == ["1"]
    assert FRAME["kind"].dtype == "category"


def test_a_matrix_has_no_categories():
    X = np.eye(2)
    assert as_texts(X) is X
    assert categorical_columns(X) == []
    assert "cat_features" not in TextCategories(Recorder()).fit(X, LABELS[:2]).estimator_.seen_


def test_only_classifiers_have_probabilities():
    assert hasattr(TextCategories(Recorder()), "predict_proba")
    assert not hasattr(TextCategories(BaseEstimator()), "predict_proba")


def test_what_is_inside():
    tree = DecisionTreeClassifier(max_depth=1)
    wrapped = EncodedLabels(TextCategories(tree))
    assert given_inside(wrapped) is tree
    assert given_inside(tree) is fitted_inside(tree) is tree
    with pytest.raises(AttributeError):
        fitted_inside(wrapped)
    fitted = fitted_inside(EncodedLabels(tree).fit(np.eye(4), LABELS))
    assert fitted is not tree
    assert fitted.get_depth() == 1
