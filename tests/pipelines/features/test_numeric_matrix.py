from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine import DataException, UnreadableValuesWarning
from engine.pipelines.features.numeric_matrix import NumericMatrix

FRAME = pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [True, False, True], "c": [1, 2, 3]})


def test_columns_are_found_by_name():
    step = NumericMatrix().fit(FRAME)
    shuffled = FRAME[["c", "a", "b"]].assign(extra="text")
    assert (step.transform(shuffled) == step.transform(FRAME)).all()
    assert step.get_feature_names_out().tolist() == ["a", "b", "c"]
    with pytest.raises(DataException, match=r"lacks the columns \['b'\]"):
        step.transform(FRAME.drop(columns="b"))


def test_missing_values_become_the_mean_of_training():
    step = NumericMatrix().fit(FRAME)
    assert step.transform(FRAME)[1, 0] == 2.0
    assert step.transform(FRAME.assign(c=np.nan))[0, 2] == 2.0
    passed_on = NumericMatrix(fill_missing=False).fit(FRAME).transform(FRAME)
    assert np.isnan(passed_on[1, 0])


def test_an_all_missing_column_becomes_zero():
    X = np.array([[np.nan, 1.0], [np.nan, 2.0]])
    assert NumericMatrix().fit(X).transform(X)[:, 0].tolist() == [0.0, 0.0]


def test_sparse_missing_values():
    X = sparse.csr_matrix(np.array([[np.nan, 1.0], [4.0, 0.0], [0.0, 3.0]]))
    assert NumericMatrix().fit(X).transform(X).toarray()[0, 0] == 2.0


def test_arrays_of_another_width_are_refused():
    step = NumericMatrix().fit(np.zeros((3, 2)))
    with pytest.raises(DataException, match=r"\(n_rows, 2\)"):
        step.transform(np.zeros((3, 3)))


def test_text_that_is_no_number_counts_as_missing_and_is_told():
    step = NumericMatrix().fit(np.array([[1.0, 5.0], [3.0, 7.0]]))
    with pytest.warns(UnreadableValuesWarning, match="1 of 1 values of 'column_1'"):
        assert step.transform(np.array([["1.5", "b"]])).tolist() == [[1.5, 6.0]]


def test_clean_arrays_are_not_copied():
    X = np.zeros((3, 2))
    assert NumericMatrix().fit(X).transform(X) is X
