"""Explainers: exact SHAP values where the model allows them, sampled ones elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.pipeline import Pipeline

from engine.data.dataset import Matrix, is_sparse, rows_of
from engine.ensembles.estimators import VotingEnsembleClassifier, VotingEnsembleRegressor
from engine.explain.exact import Margins, margins_of, to_probabilities
from engine.pipelines.protocols import Predictor

Array = NDArray[np.float64]

#: Scalers after which every column is still made of one raw column.
_COLUMNWISE = ("StandardScaler", "MinMaxScaler", "MaxAbsScaler", "RobustScaler")
#: Rows that sampled explanations compare with: the time grows with them.
_COMPARED = 20
_TOLERANCE = 5e-4


class Explainer(Protocol):
    """Explains rows one by one: a row's values do not depend on the other rows of a call.

    Attributes
    ----------
    expected:
        (n_outputs,) expected outputs. With the sum of a row's values they give the model's output.
    """

    expected: Array

    def explain(self, X: Matrix) -> Array:
        """Return the SHAP values of the rows of X, (n, n_columns, n_outputs)."""
        ...


def outputs_of(model: Predictor, X: Matrix) -> Array:
    """Return (n, n_outputs) class probabilities, or values in a single column.

    Parameters
    ----------
    model:
        Any model with ``predict_proba`` or ``predict``.
    X:
        Rows in the form of the model's input.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> model = DummyClassifier().fit([[0.0], [0.0]], ["no", "yes"])
    >>> outputs_of(model, [[1.0]]).tolist()
    [[0.5, 0.5]]
    """
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)
    return np.asarray(model.predict(X), dtype=np.float64).reshape(-1, 1)


def explainer_of(
    model: Predictor, background: Matrix, columns: Sequence[str], random_state: int = 0
) -> Explainer:
    """Choose the best explainer of a model's output by its raw columns.

    Parameters
    ----------
    model:
        A fitted pipeline of a run, an ensemble of them, or any model with ``predict_proba`` or
        ``predict``.
    background:
        Training rows, a hundred or so: a row's values say how its output differs from theirs.
    columns:
        Names of the raw columns, in their order.
    random_state:
        Seed of sampled values.

    Notes
    -----
    Trees and linear models have exact values where each of their columns is made of one raw
    column; the values of one raw column are added up. Voting ensembles have the weighted sums of
    their members' values. Other models, and those whose exact values do not add up to the output,
    are explained by permutations (`shap.PermutationExplainer`).

    Examples
    --------
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X = np.arange(12.0).reshape(6, 2) ** 2
    >>> model = build_pipeline(PipelineSpec("ElasticNet"), "regression").fit(X, X[:, 0])
    >>> explainer = explainer_of(model, X, ["first", "second"])
    >>> values = explainer.explain(X)
    >>> values.shape
    (6, 2, 1)
    >>> bool(np.allclose(explainer.expected + values.sum(axis=1), outputs_of(model, X)))
    True
    """
    last = model[-1] if isinstance(model, Pipeline) else None
    if isinstance(last, VotingEnsembleClassifier | VotingEnsembleRegressor):
        return _Weighted(last, background, columns, random_state)
    exact = _exact(model, background, columns)
    if exact is None:
        exact = _exact_without_featurization(model, background)
    if exact is not None and _adds_up(exact, model, background):
        return exact
    return _Sampled(model, background, random_state)


def engineered_explainer_of(
    pipeline: Pipeline, background: Matrix, random_state: int = 0
) -> Explainer:
    """Choose the best explainer of a pipeline by the columns that its first step makes.

    Parameters
    ----------
    pipeline:
        A fitted pipeline.
    background:
        Training rows as the first step gives them.
    random_state:
        Seed of sampled values.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import MaxAbsScaler
    >>> X, y = np.arange(12.0).reshape(6, 2), [0, 0, 0, 1, 1, 1]
    >>> pipeline = make_pipeline(MaxAbsScaler(), LogisticRegression()).fit(X, y)
    >>> explainer = engineered_explainer_of(pipeline, pipeline[0].transform(X))
    >>> explainer.explain(X[:2]).shape  # rows, columns, classes
    (2, 2, 2)
    """
    rest = pipeline[1:]
    exact = _exact_by_column(rest[:-1] if len(rest) > 1 else None, rest[-1], background)
    if exact is not None and _adds_up(exact, rest, background):
        return exact
    return _Sampled(rest, background, random_state)


def _exact_without_featurization(model: Predictor, background: Matrix) -> Explainer | None:
    """Explain a bare estimator, or a pipeline whose steps are not those of a run."""
    if not isinstance(model, Pipeline):
        return _exact_by_column(None, model, background)
    if hasattr(model[0], "get_engineered_feature_names"):
        return None
    return _exact_by_column(model[:-1] if len(model) > 1 else None, model[-1], background)


def _exact_by_column(
    head: Pipeline | None, estimator: Predictor, background: Matrix
) -> Explainer | None:
    """Explain an estimator by its own columns, behind steps that keep each column itself."""
    if head is not None and any(type(step).__name__ not in _COLUMNWISE for _, step in head.steps):
        return None
    try:
        margins = margins_of(estimator, background if head is None else head.transform(background))
    except Exception:
        return None  # a model that its library cannot explain is sampled
    return None if margins is None else _Exact(head, margins, None, background)


def _exact(model: Predictor, background: Matrix, columns: Sequence[str]) -> Explainer | None:
    if not isinstance(model, Pipeline) or not hasattr(model[0], "get_source_columns"):
        return None
    if len(model) > 2 and type(model[1]).__name__ not in _COLUMNWISE:
        return None
    head = model[:-1]
    try:
        margins = margins_of(model[-1], head.transform(background))
    except Exception:
        return None  # a model that its library cannot explain is sampled
    if margins is None:
        return None
    places = {name: index for index, name in enumerate(columns)}
    sources = model[0].get_source_columns()
    if any(name not in places for name in sources):
        if len(sources) != len(columns):
            return None
        places = {name: index for index, name in enumerate(sources)}
    fold = np.zeros((len(sources), len(columns)))
    fold[np.arange(len(sources)), [places[name] for name in sources]] = 1.0
    return _Exact(head, margins, fold, background)


def _adds_up(explainer: Explainer, model: Predictor, background: Matrix) -> bool:
    rows = rows_of(background, np.arange(min(16, background.shape[0])))
    try:
        totals = explainer.expected + explainer.explain(rows).sum(axis=1)
    except Exception:
        return False
    expected = outputs_of(model, rows)
    if totals.shape != expected.shape:
        return False
    scale = max(1.0, float(np.abs(expected).max()))
    return bool(np.abs(totals - expected).max() <= _TOLERANCE * scale)


class _Exact:
    """Exact values of an estimator's columns, added up by raw column."""

    def __init__(
        self, head: Pipeline | None, margins: Margins, fold: Array | None, background: Matrix
    ) -> None:
        self._head = head
        self._margins = margins
        self._fold = fold
        self.expected = self._both(rows_of(background, np.arange(1)))[1]

    def explain(self, X: Matrix) -> Array:
        return self._both(X)[0]

    def _both(self, X: Matrix) -> tuple[Array, Array]:
        seen = X if self._head is None else self._head.transform(X)
        phi, base = self._margins.contributions(seen)
        if self._fold is not None:
            phi = np.einsum("njm,jr->nrm", phi, self._fold, optimize=True)
        if self._margins.link is not None:
            return to_probabilities(phi, base, self._margins.link)
        return phi, base


class _Weighted:
    """Values of a voting ensemble: the weighted sum of its members' values."""

    def __init__(
        self,
        ensemble: VotingEnsembleClassifier | VotingEnsembleRegressor,
        background: Matrix,
        columns: Sequence[str],
        random_state: int,
    ) -> None:
        weights = np.asarray(ensemble.weights, dtype=np.float64)
        self._weights = weights / weights.sum()
        self._members = [
            explainer_of(member, background, columns, random_state) for member in ensemble.members_
        ]
        classes = getattr(ensemble, "classes_", None)
        self._places = [
            np.arange(1) if classes is None else np.searchsorted(classes, member.classes_)
            for member in ensemble.members_
        ]
        self._n_outputs = 1 if classes is None else len(classes)
        self.expected = np.zeros(self._n_outputs)
        for weight, member, places in self._parts():
            self.expected[places] += weight * member.expected

    def explain(self, X: Matrix) -> Array:
        total: Array | None = None
        for weight, member, places in self._parts():
            values = member.explain(X)
            if total is None:
                total = np.zeros((*values.shape[:2], self._n_outputs))
            total[:, :, places] += weight * values
        assert total is not None
        return total

    def _parts(self) -> list[tuple[float, Explainer, NDArray[Any]]]:
        return list(zip(self._weights.tolist(), self._members, self._places, strict=True))


class _Sampled:
    """Values from permutations of each row's columns, forth and back, against training rows."""

    def __init__(self, model: Predictor, background: Matrix, random_state: int) -> None:
        self._model = model
        n_rows = background.shape[0]
        chosen = np.arange(n_rows)
        if n_rows > _COMPARED:
            generator = np.random.default_rng(random_state)
            chosen = np.sort(generator.choice(n_rows, _COMPARED, False))
        self._compared = rows_of(background, chosen)
        self._seed = random_state
        self.expected = outputs_of(model, self._compared).mean(axis=0)

    def explain(self, X: Matrix) -> Array:
        import shap

        table = _Cells(self._compared, X)
        # shap sees row numbers instead of cells, as columns may hold anything.
        explainer = shap.PermutationExplainer(
            lambda numbers: outputs_of(self._model, table.rows(numbers)),
            shap.maskers.Independent(table.compared, max_samples=len(table.compared)),
            seed=self._seed,
        )
        n_columns = table.given.shape[1]
        found = explainer(table.given, max_evals=2 * n_columns + 1, silent=True)
        values = np.asarray(found.values, dtype=np.float64)
        return values[:, :, None] if values.ndim == 2 else values


class _Cells:
    """Two tables as one, from which rows are made whose cells come from different rows."""

    def __init__(self, compared: Matrix, given: Matrix) -> None:
        n_compared, n_columns = compared.shape
        self._sparse = is_sparse(given)
        if isinstance(given, pd.DataFrame):
            self._all: Matrix = pd.concat([compared, given], ignore_index=True)
        else:
            parts = [p.toarray() if is_sparse(p) else np.asarray(p) for p in (compared, given)]
            self._all = np.vstack(parts)
        self.compared = np.tile(np.arange(n_compared, dtype=np.float64)[:, None], n_columns)
        numbers = np.arange(n_compared, n_compared + given.shape[0], dtype=np.float64)
        self.given = np.tile(numbers[:, None], n_columns)

    def rows(self, numbers: Array) -> Matrix:
        places = numbers.astype(np.int64)
        if isinstance(self._all, pd.DataFrame):
            return pd.DataFrame(
                {
                    name: self._all.iloc[:, index].take(places[:, index]).reset_index(drop=True)
                    for index, name in enumerate(self._all.columns)
                }
            )
        cells = self._all[places, np.arange(places.shape[1])]
        return sparse.csr_matrix(cells) if self._sparse else cells
