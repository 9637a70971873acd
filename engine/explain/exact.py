"""Exact SHAP values of trees and linear models, for the columns that they see.

The values explain the margin, which trees and linear models add up. `to_probabilities` turns them
into shares of a class probability.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, softmax
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    ElasticNet,
    LassoLars,
    LogisticRegression,
    SGDClassifier,
    SGDRegressor,
)

from engine.data.dataset import Matrix
from engine.pipelines.estimators.wrappers import fitted_inside
from engine.pipelines.libraries.contributions import (
    Array,
    Contributions,
    dense,
    shap_tree_contributions,
)
from engine.pipelines.libraries.registry import library_of
from engine.pipelines.libraries.trees import decision_trees_of
from engine.pipelines.protocols import Predictor

#: Points of the path from the expected margin to the row's, for more than two classes.
_POINTS = 48
#: Distance for central differences.
_STEP = 1e-4


@dataclass(frozen=True)
class Margins:
    """How to compute SHAP values of an estimator's margins.

    Attributes
    ----------
    contributions:
        X -> ((n, n_columns, n_margins), (n_margins,) expected margin).
    link:
        (n, n_margins) margins -> (n, n_outputs) outputs; ``None`` where margins are the outputs.

    Examples
    --------
    >>> import numpy as np
    >>> half = Margins(lambda X: (X[:, :, None] / 2, np.zeros(1)))
    >>> phi, base = half.contributions(np.array([[2.0, 4.0]]))
    >>> phi[0, :, 0].tolist(), half.link is None
    ([1.0, 2.0], True)
    """

    contributions: Contributions
    link: Callable[[Array], Array] | None = None


def margins_of(estimator: Predictor, background: Matrix) -> Margins | None:
    """Find the way to explain a fitted estimator exactly.

    Parameters
    ----------
    estimator:
        Fitted; in the wrappers of the catalogue.
    background:
        Rows as the estimator sees them, with which linear models compare.

    Returns
    -------
    Margins or None
        ``None`` for an estimator that is neither linear nor made of trees, and for trees whose
        splits shap cannot follow.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    >>> model = LogisticRegression().fit(X, y)
    >>> phi, base = margins_of(model, X).contributions(X)
    >>> bool(np.allclose(phi.sum(axis=1)[:, 0] + base, model.decision_function(X)))
    True
    """
    if isinstance(estimator, TransformedTargetRegressor):
        return _scaled(estimator, background)
    library, fitted = library_of(estimator), fitted_inside(estimator)
    if library is not None:
        contributions = library.contributions(fitted)
        return None if contributions is None else Margins(contributions, _link_of(fitted))
    if decision_trees_of(fitted) is not None:
        return Margins(shap_tree_contributions(fitted))
    return _linear(fitted, background)


def to_probabilities(
    phi: Array, base: Array, link: Callable[[Array], Array]
) -> tuple[Array, Array]:
    """Turn SHAP values of margins into shares of the outputs behind ``link``.

    Along the straight line from the expected margin to the row's, each margin's part of the
    output's change goes to the columns in proportion to their share of that margin. For two
    classes that is the rescale rule, which shap's tree explainer uses too; for more classes it is
    integrated gradients.

    Parameters
    ----------
    phi:
        (n, n_columns, n_margins) SHAP values of margins.
    base:
        (n_margins,) expected margins.
    link:
        (n, n_margins) margins -> (n, n_outputs) outputs.

    Returns
    -------
    tuple
        (n, n_columns, n_outputs) shares, and (n_outputs,) outputs at the expected margins. Both
        add up to the row's outputs.

    Notes
    -----
    Source: Shrikumar, Greenside & Kundaje (2017), Learning important features through propagating
    activation differences; Sundararajan, Taly & Yan (2017), Axiomatic attribution for deep
    networks.

    Examples
    --------
    >>> import numpy as np
    >>> phi, base = np.array([[[2.0], [0.0]]]), np.array([0.0])
    >>> shares, start = to_probabilities(phi, base, lambda margins: expit(margins))
    >>> float((start + shares.sum(axis=1))[0, 0]) == float(expit(2.0))
    True
    """
    delta = phi.sum(axis=1)
    start = link(base[None, :])
    change = link(base + delta) - start
    if phi.shape[2] == 1:
        # One margin decides about all outputs: their change is divided like the margin's.
        moved = delta[:, None, :]
        share = np.divide(phi, moved, out=np.zeros_like(phi), where=np.abs(moved) > 1e-12)
        return share * change[:, None, :], start[0]
    shares = np.einsum("njm,nmk->njk", phi, _mean_slopes(base, delta, link))
    # The error of the quadrature is divided like the rest.
    missing = change - shares.sum(axis=1)
    size = np.abs(shares)
    parts = size / np.maximum(size.sum(axis=1, keepdims=True), 1e-300)
    return shares + parts * missing[:, None, :], start[0]


def _mean_slopes(base: Array, delta: Array, link: Callable[[Array], Array]) -> Array:
    """Average the derivatives of ``link`` on the straight line from ``base`` to ``base + delta``.

    Returns
    -------
    numpy.ndarray
        (n, n_margins, n_outputs), by Gauss-Legendre quadrature and central differences.
    """
    n_margins = delta.shape[1]
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    total: Array = np.zeros((len(delta), n_margins, link(base[None, :]).shape[1]))
    for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
        here = base + node * delta
        for margin in range(n_margins):
            shift = np.zeros(n_margins)
            shift[margin] = _STEP
            change = link(here + shift) - link(here - shift)
            total[:, margin] += weight * change / (2 * _STEP)
    return total


def _link_of(estimator: Predictor) -> Callable[[Array], Array] | None:
    classes = getattr(estimator, "classes_", None)
    if classes is None or not hasattr(estimator, "predict_proba"):
        return None
    return _two if len(classes) == 2 else lambda margins: softmax(margins, axis=1)


def _two(margins: Array) -> Array:
    second = expit(margins[:, 0])
    return np.column_stack([1.0 - second, second])


def _scaled(estimator: TransformedTargetRegressor, background: Matrix) -> Margins | None:
    """Explain a regressor whose target was scaled to mean 0 and variance 1."""
    inner = margins_of(estimator.regressor_, background)
    scaler = estimator.transformer_
    if inner is None or inner.link is not None or not hasattr(scaler, "scale_"):
        return None
    scale, mean = float(scaler.scale_[0]), float(scaler.mean_[0])

    def contributions(X: Matrix) -> tuple[Array, Array]:
        phi, base = inner.contributions(X)
        return phi * scale, base * scale + mean

    return Margins(contributions)


def _linear(estimator: Predictor, background: Matrix) -> Margins | None:
    link: Callable[[Array], Array] | None = None
    if isinstance(estimator, LogisticRegression):
        link = _link_of(estimator)
    elif isinstance(estimator, SGDClassifier):
        if estimator.loss != "log_loss":
            return None
        link = _two if len(estimator.classes_) == 2 else _one_against_rest
    elif not isinstance(estimator, ElasticNet | LassoLars | SGDRegressor):
        return None
    coefficients = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
    intercept = np.atleast_1d(np.asarray(estimator.intercept_, dtype=np.float64))
    mean = np.asarray(dense(background), dtype=np.float64).mean(axis=0)

    def contributions(X: Matrix) -> tuple[Array, Array]:
        away = np.asarray(dense(X), dtype=np.float64) - mean
        return away[:, :, None] * coefficients.T[None, :, :], coefficients @ mean + intercept

    return Margins(contributions, link)


def _one_against_rest(margins: Array) -> Array:
    each = expit(margins)
    return np.asarray(each / np.maximum(each.sum(axis=1, keepdims=True), 1e-300))
