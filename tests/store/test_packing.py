"""Models as bytes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.ensemble import ExtraTreesRegressor

from engine.store.memory import release_memory
from engine.store.packing import pack_model, unpack_model


def test_a_model_comes_back_from_fewer_bytes():
    X, y = load_diabetes(return_X_y=True)
    model = ExtraTreesRegressor(50, random_state=0).fit(X, y)
    packed = pack_model(model)
    assert len(packed) < len(pickle.dumps(model)) / 3
    np.testing.assert_array_equal(unpack_model(packed).predict(X), model.predict(X))


def test_what_cannot_be_pickled_says_so():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pack_model(lambda: None)


def test_releasing_memory_is_harmless():
    kept = np.arange(1000)
    release_memory()
    assert kept.sum() == 499500
