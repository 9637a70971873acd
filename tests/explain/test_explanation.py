"""The forms that users know explanations in."""

from __future__ import annotations

import json

import numpy as np

from engine.explain.explanation import Explanation


def explanation(classes=("a", "b", "c")):
    values = np.random.default_rng(0).normal(size=(6, 3, len(classes) if classes else 1))
    values[:, 2] *= 10
    expected = np.arange(values.shape[2], dtype=float)
    return Explanation(
        values, expected, ("x", "y", "<b>z</b>"), classes, np.arange(6), values[:, :, 0], 9, "rows"
    )


def test_six_values_of_a_classifier():
    e = explanation()
    shap_values, expected, overall, names, per_class, per_class_names = e.as_six()
    assert [v.shape for v in shap_values] == [(6, 3)] * 3
    assert expected == [0.0, 1.0, 2.0]
    assert overall == sorted(overall, reverse=True)
    assert names[0] == "<b>z</b>"
    np.testing.assert_allclose(overall[0], np.abs(e.values[:, 2]).mean())
    assert len(per_class) == len(per_class_names) == 3
    np.testing.assert_allclose(per_class[1][0], np.abs(e.values[:, 2, 1]).mean())


def test_six_values_of_a_regressor():
    e = explanation(None)
    shap_values, expected, _, _, per_class, per_class_names = e.as_six()
    assert shap_values.shape == (6, 3)
    assert expected == 0.0
    assert per_class is per_class_names is None


def test_it_is_kept_without_pickles():
    for e in (explanation(), explanation(None)):
        again = Explanation.from_bytes(e.to_bytes())
        for name in ("values", "expected", "rows", "data"):
            np.testing.assert_array_equal(getattr(again, name), getattr(e, name))
        assert (again.columns, again.classes) == (e.columns, e.classes)
        assert (again.n_given, again.source) == (9, "rows")
        assert json.loads(json.dumps(e.summary()))["rows_explained"] == 6
