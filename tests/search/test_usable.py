from __future__ import annotations

from dataclasses import replace

import pytest

from engine import ConfigException
from engine.pipelines.catalogue.entries import NO_SCALER
from engine.pipelines.catalogue.estimators import CLASSIFIERS
from engine.pipelines.catalogue.scalers import SCALERS
from engine.search.usable import Restrictions, takes, usable_estimators, usable_scalers
from tests.search.data import DATA


def test_without_restrictions_all_installed_estimators_are_usable():
    usable = usable_estimators(DATA, Restrictions())
    assert list(usable) == [name for name, entry in CLASSIFIERS.items() if entry.installed]


def test_allowed_and_blocked():
    restrictions = Restrictions(allowed=["SVM", "KNN"], blocked=["KNN"])
    assert list(usable_estimators(DATA, restrictions)) == ["SVM"]


@pytest.mark.parametrize(
    ("data", "restrictions"),
    [(replace(DATA, weighted=True), Restrictions()), (DATA, Restrictions(weighted=True))],
)
def test_weights_leave_out_what_cannot_use_them(data, restrictions):
    usable = usable_estimators(data, restrictions)
    assert "KNN" not in usable
    assert all(entry.handles_weights for entry in usable.values())


def test_sparse_data_leave_out_what_needs_dense_ones():
    usable = usable_estimators(replace(DATA, sparse=True), Restrictions())
    assert all(entry.handles_sparse for entry in usable.values())


def test_onnx_leaves_out_what_does_not_convert():
    usable = usable_estimators(DATA, Restrictions(onnx=True))
    assert len(usable) > 0
    assert all(entry.converts_to_onnx for entry in usable.values())


def test_large_data_leave_out_what_cannot_finish():
    usable = usable_estimators(replace(DATA, n_rows=1_000_000), Restrictions())
    assert not {"SVM", "LinearSVM", "KNN"} & set(usable)


def test_an_estimator_without_its_package_is_left_out(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigException, match="LightGBM: not installed"):
        usable_estimators(DATA, Restrictions())


def test_nothing_left_says_why():
    with pytest.raises(ConfigException, match="KNN: too slow for 1000000 rows") as caught:
        usable_estimators(replace(DATA, n_rows=1_000_000), Restrictions(allowed=["KNN"]))
    assert "SVM: not allowed" in str(caught.value)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_scalers_take_the_kind_of_table(name, sparse):
    scalers = usable_scalers(CLASSIFIERS[name], sparse)
    assert scalers
    for scaler in scalers:
        assert takes(scaler, sparse)
        entry = SCALERS.get(scaler)
        assert scaler == NO_SCALER or (entry.handles_sparse if sparse else entry.handles_dense)
