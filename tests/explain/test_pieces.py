"""Pieces of rows, and explanations that are put together from them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LinearRegression

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.explain.pieces import Pieces, Work, as_explanation, as_numbers, in_this_process
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec


def values_of(rows):
    return rows[:, None, None].astype(float)


def finish(pieces, seconds=1.0):
    """Do all pieces; returns their sizes."""
    sizes = []
    while (rows := pieces.next()) is not None:
        sizes.append(len(rows))
        pieces.add(rows, values_of(rows), seconds)
    return sizes


def test_every_row_is_handed_out_once():
    pieces = Pieces(1_000)
    sizes = finish(pieces)
    assert sum(sizes) == pieces.n_done == 1_000
    assert sorted(np.concatenate([rows for rows, _ in pieces.done])) == list(range(1_000))


@pytest.mark.parametrize(("seconds", "largest"), [(0.001, 2_000), (1.0, 4), (60.0, 4)])
def test_a_piece_grows_until_it_takes_about_a_second(seconds, largest):
    sizes = finish(Pieces(20_000 if largest > 4 else 40), seconds)
    assert sizes[0] == 4
    assert max(sizes) == largest
    assert all(after <= 4 * before for before, after in pairwise(sizes))


def test_rows_come_from_all_over_the_table():
    pieces = Pieces(1_000)
    first = np.concatenate([pieces.next() for _ in range(25)])
    assert first.min() < 100
    assert first.max() > 900


def test_a_lost_piece_is_handed_out_again():
    pieces = Pieces(8)
    lost, kept = pieces.next(), pieces.next()
    assert pieces.next() is None
    pieces.lost(lost)
    np.testing.assert_array_equal(pieces.next(), lost)
    assert pieces.next() is None
    pieces.add(kept, values_of(kept), 1.0)
    assert pieces.n_done == len(kept)


def test_pieces_are_put_together_in_the_order_of_the_rows():
    X = np.random.default_rng(0).normal(size=(30, 1))
    work = Work(LinearRegression(), X, X, ("x",), "rows")
    pieces = Pieces(30)
    finish(pieces)
    explanation = as_explanation(work, np.array([1.0]), pieces)
    assert explanation.rows.tolist() == list(range(30))
    np.testing.assert_array_equal(explanation.values, values_of(explanation.rows))
    np.testing.assert_array_equal(explanation.data, X)
    assert (explanation.n_given, explanation.source, explanation.classes) == (30, "rows", None)


@pytest.mark.parametrize("features", ["raw", "engineered"])
def test_a_pipeline_is_explained_in_this_process(features):
    frame = pd.DataFrame({"size": np.linspace(-1, 1, 60), "colour": ["red", "blue", "green"] * 20})
    y = np.where((frame["size"] > 0) ^ (frame["colour"] == "red"), "yes", "no")
    data = check_data({"X": frame, "y": y}, "classification", featurization=FeaturizationConfig())
    spec = PipelineSpec("LogisticRegression")
    pipeline = build_pipeline(spec, "classification", layout=data.layout)
    pipeline.fit(data.X, data.y)
    work = Work(pipeline, data.X[:40], data.X[:9], data.feature_names, features=features)
    explanation = in_this_process(work)
    assert explanation.classes == ("no", "yes")
    assert (explanation.columns == ("size", "colour")) == (features == "raw")
    totals = explanation.expected + explanation.values.sum(axis=1)
    np.testing.assert_allclose(totals, pipeline.predict_proba(data.X[:9]), atol=1e-3)
    assert len(in_this_process(work, seconds=0.0).rows) == 4  # one piece


def test_tables_become_numbers():
    frame = pd.DataFrame(
        {
            "number": [1.0, np.nan],
            "flag": [True, False],
            "day": pd.to_datetime(["1970-01-02", None]),
            "colour": ["red", None],
        }
    )
    expected = [[1.0, 1.0, 86_400.0, 0.0], [np.nan, 0.0, np.nan, np.nan]]
    np.testing.assert_array_equal(as_numbers(frame), expected)
    matrix = sparse.csr_matrix([[0.0, 2.0]])
    np.testing.assert_array_equal(as_numbers(matrix), [[0.0, 2.0]])
    np.testing.assert_array_equal(as_numbers([[1, 2]]), [[1.0, 2.0]])
