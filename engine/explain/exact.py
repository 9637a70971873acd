"""Exact SHAP values of trees and linear models, in the words of the columns that they see.

They are of the margin, which trees and linear models add up; `to_probabilities` turns them into
shares of a class probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit, softmax
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, LassoLars, LogisticRegression, SGDClassifier

from engine.pipelines.estimators.catboost_categories import TextCategories, as_texts
from engine.pipelines.estimators.labels import EncodedLabels

Array = NDArray[np.float64]

#: Points of the path from the expected margin to the row's, for more than two classes.
_POINTS = 48


@dataclass(frozen=True)
class Margins:
    """An estimator's way to SHAP values of its margins.

    Attributes
    ----------
    contributions:
        X -> ((n, n_columns, n_margins), (n_margins,) expected margin).
    link:
        (n, n_margins) margins -> (n, n_outputs) outputs; ``None`` where margins are the outputs.
    """

    contributions: Callable[[Any], tuple[Array, Array]]
    link: Callable[[Array], Array] | None = None


def margins_of(estimator: Any, background: Any) -> Margins | None:
    """How to explain a fitted estimator exactly, or ``None`` where that is not known.

    Parameters
    ----------
    estimator:
        Fitted; in the wrappers of the catalogue.
    background:
        Rows as the estimator sees them: what linear models compare with.
    """
    if isinstance(estimator, TransformedTargetRegressor):
        return _scaled(estimator, background)
    if isinstance(estimator, EncodedLabels):
        return margins_of(estimator.estimator_, background)
    package = type(estimator).__module__.partition(".")[0]
    inner = estimator.estimator_ if isinstance(estimator, TextCategories) else estimator
    if isinstance(estimator, TextCategories) or package == "catboost":
        return Margins(lambda X: _catboost(inner, X), _link_of(inner))
    if package == "lightgbm":
        return Margins(lambda X: _lightgbm(estimator, X), _link_of(estimator))
    if package == "xgboost":
        return Margins(lambda X: _xgboost(estimator, X), _link_of(estimator))
    if hasattr(estimator, "n_trees_per_iteration_"):
        if estimator.is_categorical_ is not None and np.any(estimator.is_categorical_):
            return None  # shap does not follow splits by category
        return _shap_trees(estimator, _link_of(estimator))
    if (
        hasattr(estimator, "tree_")
        or hasattr(estimator, "estimators_samples_")
        or (hasattr(estimator, "estimators_") and hasattr(estimator.estimators_[0], "tree_"))
    ):
        return _shap_trees(estimator, None)
    return _linear(estimator, background)


def to_probabilities(
    phi: Array, base: Array, link: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """SHAP values of margins as shares of the outputs behind ``link``.

    Along the straight line from the expected margin to the row's, each margin's part of the
    output's change goes to the columns in proportion to their share of that margin (the rescale
    rule that shap's own tree explainer uses for two classes; integrated gradients for more).

    Parameters
    ----------
    phi:
        (n, n_columns, n_margins).
    base:
        (n_margins,).

    Returns
    -------
    tuple
        (n, n_columns, n_outputs) and (n_outputs,).

    Notes
    -----
    Source: Shrikumar, Greenside & Kundaje (2017), Learning important features through propagating
    activation differences; Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep
    networks.
    """
    delta = phi.sum(axis=1)
    start = link(base[None, :])
    change = link(base + delta) - start
    if phi.shape[2] == 1:
        # One margin decides about all outputs: their change is shared as the margin's is.
        share = np.divide(phi, delta[:, None, :], out=np.zeros_like(phi),
                          where=np.abs(delta[:, None, :]) > 1e-12)  # fmt: skip
        return share * change[:, None, :], start[0]
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    total = np.zeros((len(phi), phi.shape[2], change.shape[1]))
    step = 1e-4
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        here = base + node * delta
        for margin in range(phi.shape[2]):
            shift = np.zeros(phi.shape[2])
            shift[margin] = step
            total[:, margin] += weight * (link(here + shift) - link(here - shift)) / (2 * step)
    shares = np.einsum("njm,nmk->njk", phi, total)
    # What the quadrature leaves over goes where the rest went.
    missing = change - shares.sum(axis=1)
    size = np.abs(shares)
    parts = size / np.maximum(size.sum(axis=1, keepdims=True), 1e-300)
    return shares + parts * missing[:, None, :], start[0]


def _link_of(estimator: Any) -> Callable[[Array], Array] | None:
    classes = getattr(estimator, "classes_", None)
    if classes is None or not hasattr(estimator, "predict_proba"):
        return None
    return _two if len(classes) == 2 else lambda margins: softmax(margins, axis=1)


def _two(margins: Array) -> Array:
    second = expit(margins[:, 0])
    return np.column_stack([1.0 - second, second])


def _scaled(estimator: TransformedTargetRegressor, background: Any) -> Margins | None:
    """A regressor on a target of mean 0 and variance 1."""
    inner = margins_of(estimator.regressor_, background)
    scaler = estimator.transformer_
    if inner is None or inner.link is not None or not hasattr(scaler, "scale_"):
        return None
    scale, mean = float(scaler.scale_[0]), float(scaler.mean_[0])

    def contributions(X: Any) -> tuple[Array, Array]:
        phi, base = inner.contributions(X)
        return phi * scale, base * scale + mean

    return Margins(contributions)


def _split(found: Array, n_columns: int) -> tuple[Array, Array]:
    """(n, n_margins, n_columns + 1) with the expected margin last -> both parts."""
    if found.ndim == 2:
        found = found.reshape(len(found), -1, n_columns + 1)
    phi = np.ascontiguousarray(found[:, :, :-1].transpose(0, 2, 1), dtype=np.float64)
    return phi, np.asarray(found[0, :, -1], dtype=np.float64)


def _lightgbm(estimator: Any, X: Any) -> tuple[Array, Array]:
    found = estimator.predict(_dense(X), pred_contrib=True)
    return _split(np.asarray(found), X.shape[1])


def _xgboost(estimator: Any, X: Any) -> tuple[Array, Array]:
    import xgboost

    data = xgboost.DMatrix(_dense(X), enable_categorical=True)
    booster = estimator.get_booster()
    best = booster.attr("best_iteration")
    rounds = (0, 0) if best is None else (0, int(best) + 1)
    found = booster.predict(data, pred_contribs=True, iteration_range=rounds)
    return _split(np.asarray(found), X.shape[1])


def _catboost(estimator: Any, X: Any) -> tuple[Array, Array]:
    import catboost

    texts = as_texts(X)
    names = [n for n in X if isinstance(X[n].dtype, pd.CategoricalDtype)] if texts is not X else []
    pool = catboost.Pool(texts if isinstance(texts, pd.DataFrame) else np.array(texts),
                         cat_features=names or None)  # fmt: skip
    found = estimator.get_feature_importance(pool, type="ShapValues", thread_count=1)
    return _split(np.asarray(found), X.shape[1])


def _shap_trees(estimator: Any, link: Callable[[Array], Array] | None) -> Margins:
    import shap

    explainer = shap.TreeExplainer(estimator)

    def contributions(X: Any) -> tuple[Array, Array]:
        dense = _dense(X)
        dense = dense.to_numpy(np.float64) if isinstance(dense, pd.DataFrame) else dense
        found = np.asarray(explainer.shap_values(dense, check_additivity=False), dtype=np.float64)
        if found.ndim == 2:
            found = found[:, :, None]
        base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64)).reshape(-1)
        return found, base

    return Margins(contributions, link)


def _linear(estimator: Any, background: Any) -> Margins | None:
    link: Callable[[Array], Array] | None = None
    if isinstance(estimator, LogisticRegression):
        link = _link_of(estimator)
    elif isinstance(estimator, SGDClassifier):
        if estimator.loss != "log_loss":
            return None
        link = _two if len(estimator.classes_) == 2 else _one_against_rest
    elif not isinstance(estimator, ElasticNet | LassoLars) and type(estimator).__name__ not in (
        "SGDRegressor",
    ):
        return None
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercept = np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64))
    mean = np.asarray(_dense(background), dtype=np.float64).mean(axis=0)

    def contributions(X: Any) -> tuple[Array, Array]:
        away = np.asarray(_dense(X), dtype=np.float64) - mean
        return away[:, :, None] * coefficients.T[None, :, :], coefficients @ mean + intercept

    return Margins(contributions, link)


def _one_against_rest(margins: Array) -> Array:
    each = expit(margins)
    return np.asarray(each / np.maximum(each.sum(axis=1, keepdims=True), 1e-300))


def _dense(X: Any) -> Any:
    return X.toarray() if sparse.issparse(X) else X
