"""Rows of an explanation, and its progress."""

from __future__ import annotations

import numpy as np
import pytest

from engine.data.check import check_data
from engine.driver.explain_step import PrintedProgress, rows_from
from engine.errors import DataException

X = np.random.default_rng(0).normal(size=(500, 3))


def dataset(n_rows=500, **more):
    return check_data({"X": X[:n_rows], "y": X[:n_rows, 0], **more}, "regression")


def test_rows_are_drawn_from_the_training_data():
    background, rows, columns, source = rows_from(dataset())
    assert background.shape == (100, 3)
    assert rows.shape == (200, 3)
    assert len(columns) == 3
    assert source == "a sample of 200 of 500 training rows"
    again = rows_from(dataset())
    np.testing.assert_array_equal(rows, again[1])
    assert not np.array_equal(rows, rows_from(dataset(), random_state=1)[1])


def test_few_rows_are_all_taken():
    background, rows, _, source = rows_from(dataset(60))
    np.testing.assert_array_equal(background, X[:60])
    np.testing.assert_array_equal(rows, X[:60])
    assert source == "a sample of 60 of 60 training rows"


def test_the_validation_part_comes_before_a_sample():
    data = dataset(X_valid=X[:7], y_valid=X[:7, 0])
    _, rows, _, source = rows_from(data)
    np.testing.assert_array_equal(rows, X[:7])
    assert source == "the validation part"


def test_given_rows_come_first_and_are_checked():
    data = dataset(X_valid=X[:7], y_valid=X[:7, 0])
    _, rows, _, source = rows_from(data, X[:5])
    np.testing.assert_array_equal(rows, X[:5])
    assert source == "X_valid"
    with pytest.raises(DataException, match="X_valid"):
        rows_from(data, X[:5, :2])


def test_progress_is_printed_now_and_then(capsys):
    now = 0.0
    progress = PrintedProgress(clock=lambda: now)
    for now, done in ((1.0, 5), (2.5, 10), (4.0, 15), (4.1, 30)):  # noqa: B007
        progress(done, 30)
    assert capsys.readouterr().out == "explained 10 of 30 rows\nexplained 30 of 30 rows\n"
