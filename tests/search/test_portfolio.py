from __future__ import annotations

from dataclasses import replace

import pytest

from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.entries import NO_SCALER
from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.search.portfolio import load_portfolio, write_portfolio
from tests.search.data import DATA


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_portfolio_names_what_the_catalogue_has(task):
    known = CLASSIFIERS if task == "classification" else REGRESSORS
    for spec in load_portfolio(task, n_rows=100_000):
        assert set(spec.estimator_params) <= set(known[spec.estimator].space)
        assert spec.scaler == NO_SCALER or spec.scaler in SCALERS


def test_many_rows_are_tried_with_larger_trees_early():
    few, many = (load_portfolio("regression", n_rows=n) for n in (4_999, 5_000))
    more = [spec for spec in many if spec not in few]
    assert few == tuple(spec for spec in many if spec not in more)
    assert 0 < len(more) < 5
    data = replace(DATA, task="regression", n_rows=5_000)
    search = PipelineSearch(data, METRICS["r2_score"])
    assert any(search.ask(number) in more for number in range(6))


def test_what_was_written_is_read_to_four_digits(tmp_path):
    spec = PipelineSpec("SVM", "PCA", {"C": 1.23456, "n": 12345}, {"share": 0.5})
    file = tmp_path / "portfolio.json"
    write_portfolio(file, {"classification": [spec], "regression": []}, {"classification": ["a"]})
    assert load_portfolio("regression", file) == ()
    expected = replace(spec, estimator_params={"C": 1.235, "n": 12345})
    assert load_portfolio("classification", file) == (expected,)
