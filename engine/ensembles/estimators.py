"""Ensembles of pipelines, as scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone

from engine.data.dataset import Matrix
from engine.ensembles.members import Made, out_of_fold_output, output_of
from engine.ensembles.meta_features import Array, divide, meta_input, meta_predict
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.protocols import Estimator, Transformer


class SharedFeatures(TransformerMixin, BaseEstimator):
    """Reads X for an ensemble's members and describes the features of one of them.

    The members share the raw columns, so that their names and types are those of any member.

    Parameters
    ----------
    transformer:
        The member's first step, `DataTransformer` or `NumericMatrix`.

    Examples
    --------
    >>> import pandas as pd
    >>> member = NumericMatrix().fit(pd.DataFrame({"a": [1.0, 3.0], "b": [2.0, 4.0]}))
    >>> features = SharedFeatures(member)
    >>> features.transform(pd.DataFrame({"b": [6.0], "more": [0], "a": [5.0]})).tolist()
    [[5.0, 6.0]]
    >>> features.feature_names_in_.tolist()
    ['a', 'b']
    """

    def __init__(self, transformer: DataTransformer | NumericMatrix) -> None:
        self.transformer = transformer

    def fit(self, X: Matrix, y: NDArray[Any] | None = None) -> SharedFeatures:
        """Fit the member's first step, for its description."""
        self.transformer.fit(X, y)
        return self

    def transform(self, X: Matrix) -> Matrix:
        """Return the columns of training with values that cannot be read as missing."""
        return self.transformer.read(X)

    @property
    def n_features_in_(self) -> int:
        """Number of raw columns."""
        return int(self.transformer.n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Names of the raw columns; as in scikit-learn, only where there are any."""
        return np.asarray(self.transformer.feature_names_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.transformer, "n_features_in_")

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the names of the columns that the member's first step makes."""
        return np.asarray(self.transformer.get_feature_names_out(input_features))

    def get_engineered_feature_names(self) -> list[str]:
        """Return what the member's first step returns, see `DataTransformer`."""
        return list(self.transformer.get_engineered_feature_names())

    def get_featurization_summary(self, is_user_friendly: bool = True) -> list[dict[str, Any]]:
        """Return what the member's first step returns, see `DataTransformer`."""
        return list(self.transformer.get_featurization_summary(is_user_friendly))

    def get_stats_feature_type_summary(self) -> list[dict[str, Any]]:
        """Return what the member's first step returns, see `DataTransformer`."""
        return list(self.transformer.get_stats_feature_type_summary())


class _Ensemble(BaseEstimator):
    """The members, which voting and stacking have in common.

    `fit` fits clones of the members. `of_fitted` takes fitted members as they are.
    """

    members: Sequence[tuple[str, Any]]
    members_: list[Any]
    classes_: NDArray[Any]

    @property
    def named_members(self) -> list[tuple[str, Any]]:
        """(name, pipeline) pairs; the pipelines are fitted once the ensemble is.

        Examples
        --------
        >>> from sklearn.dummy import DummyRegressor
        >>> ensemble = VotingEnsembleRegressor([("mean", DummyRegressor())], [1.0])
        >>> ensemble.fit(np.zeros((2, 1)), np.array([1.0, 3.0])).named_members[0][1].constant_
        array([[2.]])
        """
        pipelines = getattr(self, "members_", [member for _, member in self.members])
        return [(name, p) for (name, _), p in zip(self.members, pipelines, strict=True)]

    def _adopt(self, members: Sequence[Any], classes: NDArray[Any] | None) -> None:
        """Take fitted members, and the sorted class labels of a classifier."""
        if (classes is not None) != isinstance(self, ClassifierMixin):
            wanted = "needs classes" if classes is None else "has no classes"
            raise ValueError(f"{type(self).__name__} {wanted}")
        self.members_ = list(members)
        if classes is not None:
            self.classes_ = classes

    def _outputs(self, X: Matrix, made: Made | None = None) -> list[Array]:
        """Return each member's predictions for X, see `output_of`."""
        classes = self.classes_ if isinstance(self, ClassifierMixin) else None
        made = {} if made is None else made
        return [output_of(member, X, classes, made) for member in self.members_]


class _Voting(_Ensemble):
    """A weighted mean of members' predictions.

    Parameters
    ----------
    members:
        (name, pipeline) pairs.
    weights:
        A weight for each member; their sum need not be 1.
    """

    def __init__(self, members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> None:
        self.members = members
        self.weights = weights

    @property
    def estimators(self) -> list[tuple[str, Any]]:
        """The members under the name that scikit-learn's voting estimators have for them."""
        return self.named_members

    @classmethod
    def of_fitted(
        cls,
        members: Sequence[tuple[str, Any]],
        weights: Sequence[float],
        classes: NDArray[Any] | None = None,
    ) -> Self:
        """Make a fitted ensemble of fitted members.

        Parameters
        ----------
        members:
            (name, fitted pipeline) pairs; the pipelines are not copied.
        weights:
            A weight for each member.
        classes:
            Sorted class labels of all members; ``None`` for regression.

        Raises
        ------
        ValueError
            When a classifier gets no classes, or a regressor gets some.
        """
        ensemble = cls(members, weights)
        ensemble._adopt([member for _, member in members], classes)
        return ensemble

    def fit(self, X: Matrix, y: NDArray[Any]) -> Self:
        """Fit a clone of each member on all rows."""
        classes = np.unique(y) if isinstance(self, ClassifierMixin) else None
        self._adopt([clone(member).fit(X, y) for _, member in self.members], classes)
        return self

    def _predictions(self, X: Matrix) -> Array:
        outputs = np.stack(self._outputs(X))
        return np.asarray(np.average(outputs, axis=0, weights=self.weights))


class _Stack(_Ensemble):
    """A meta learner over members' predictions.

    Parameters
    ----------
    members:
        (name, pipeline) pairs.
    meta_learner:
        An estimator for `meta_input`: the members' predictions, beside features where there are
        any.
    features:
        A transformer that makes these features from X; default: predictions alone.
    weights:
        (n_members + 1,) weights of the mean that the stack predicts: the members' and, last, the
        meta learner's. Default: the meta learner decides alone.
    n_inputs:
        The meta learner sees this many members, the first ones; default: all.
    """

    def __init__(
        self,
        members: Sequence[tuple[str, Any]],
        meta_learner: Estimator,
        features: Transformer | None = None,
        weights: Sequence[float] | None = None,
        n_inputs: int | None = None,
    ) -> None:
        self.members = members
        self.meta_learner = meta_learner
        self.features = features
        self.weights = weights
        self.n_inputs = n_inputs

    @classmethod
    def of_fitted(
        cls,
        members: Sequence[tuple[str, Any]],
        meta_learner: Estimator,
        classes: NDArray[Any] | None = None,
        features: Transformer | None = None,
        weights: Sequence[float] | None = None,
        n_inputs: int | None = None,
    ) -> Self:
        """Make a fitted ensemble of fitted members and a fitted meta learner.

        Parameters
        ----------
        members:
            (name, fitted pipeline) pairs; the pipelines are not copied.
        meta_learner:
            Fitted on `meta_input` of the members' out-of-fold predictions, for class codes or
            values.
        classes:
            Sorted class labels of all members; ``None`` for regression.
        features:
            The fitted transformer of the meta learner's features; default: predictions alone.
        weights, n_inputs:
            As in the constructor.

        Raises
        ------
        ValueError
            When a classifier gets no classes, or a regressor gets some.
        """
        ensemble = cls(members, meta_learner, features, weights, n_inputs)
        ensemble._adopt([member for _, member in members], classes)
        ensemble.meta_learner_ = meta_learner
        ensemble.features_ = features
        return ensemble

    @property
    def _base_learners(self) -> list[tuple[str, Any]]:
        """The members, for scripts that print a stack as Azure ML's SDK v1 documented it."""
        return self.named_members

    @property
    def _meta_learner(self) -> Estimator:
        """The meta learner, for the same scripts."""
        return getattr(self, "meta_learner_", self.meta_learner)

    def fit(self, X: Matrix, y: NDArray[Any]) -> Self:
        """Fit clones of the members on all rows, the meta learner on out-of-fold predictions."""
        classes = np.unique(y) if isinstance(self, ClassifierMixin) else None
        targets = np.asarray(y) if classes is None else np.searchsorted(classes, y)
        parts = divide(targets, classes is not None)
        outputs = [
            out_of_fold_output(member, X, y, classes, parts)
            for _, member in self.members[: self.n_inputs]
        ]
        self.features_ = None if self.features is None else clone(self.features)
        features = None if self.features_ is None else self.features_.fit_transform(X, y)
        self.meta_learner_ = clone(self.meta_learner).fit(meta_input(outputs, features), targets)
        self._adopt([clone(member).fit(X, y) for _, member in self.members], classes)
        return self

    def _predictions(self, X: Matrix) -> Array:
        made: Made = {}
        outputs = self._outputs(X, made)
        features = None
        if self.features_ is not None:
            features = made.get(id(self.features_))
            features = self.features_.transform(X) if features is None else features
        n_classes = len(self.classes_) if isinstance(self, ClassifierMixin) else None
        own = meta_predict(self.meta_learner_, outputs[: self.n_inputs], n_classes, features)
        if self.weights is None:
            return own
        return np.asarray(np.average(np.stack([*outputs, own]), axis=0, weights=self.weights))


class _Classifier(_Ensemble):
    """Labels from the probabilities that the members give together."""

    def predict_proba(self, X: Matrix) -> Array:
        """Return (n_rows, n_classes) probabilities in the order of ``classes_``."""
        return self._predictions(X)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable label of each row, (n_rows,)."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class VotingEnsembleClassifier(ClassifierMixin, _Classifier, _Voting):
    """The weighted mean of members' class probabilities.

    Parameters
    ----------
    members:
        (name, classifier) pairs.
    weights:
        A weight for each member; their sum need not be 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> X, y = np.zeros((4, 1)), np.array(["a", "b", "b", "b"])
    >>> prior, mode = DummyClassifier(), DummyClassifier(strategy="most_frequent")
    >>> ensemble = VotingEnsembleClassifier([("prior", prior), ("mode", mode)], [3.0, 1.0])
    >>> ensemble.fit(X, y).predict_proba(X)[0].tolist()
    [0.1875, 0.8125]
    """


class VotingEnsembleRegressor(RegressorMixin, _Voting):
    """The weighted mean of members' predictions.

    Parameters
    ----------
    members:
        (name, regressor) pairs.
    weights:
        A weight for each member; their sum need not be 1.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> X, y = np.zeros((3, 1)), np.array([0.0, 0.0, 6.0])
    >>> mean, median = DummyRegressor().fit(X, y), DummyRegressor(strategy="median").fit(X, y)
    >>> members = [("mean", mean), ("median", median)]
    >>> VotingEnsembleRegressor.of_fitted(members, [0.5, 0.5]).predict(X).tolist()
    [1.0, 1.0, 1.0]
    """

    def predict(self, X: Matrix) -> Array:
        """Return (n_rows,) values."""
        return self._predictions(X)


class StackEnsembleClassifier(ClassifierMixin, _Classifier, _Stack):
    """A meta learner over members' class probabilities.

    Parameters
    ----------
    members, meta_learner, features, weights, n_inputs:
        As in `StackEnsembleRegressor`; the meta learner predicts class codes.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X = np.linspace(-1, 1, 40)[:, None]
    >>> y = np.where(X[:, 0] > 0, "up", "down")
    >>> members = [("line", LogisticRegression()), ("stump", DecisionTreeClassifier(max_depth=1))]
    >>> stack = StackEnsembleClassifier(members, LogisticRegression()).fit(X, y)
    >>> stack.predict(X[[0, -1]]).tolist()
    ['down', 'up']
    """


class StackEnsembleRegressor(RegressorMixin, _Stack):
    """A meta learner over members' predictions.

    Parameters
    ----------
    members:
        (name, regressor) pairs.
    meta_learner:
        An estimator for `engine.ensembles.meta_features.meta_input`: the members' predictions,
        beside features where there are any.
    features:
        A transformer that makes these features from X; default: predictions alone.
    weights:
        (n_members + 1,) weights of the mean that the stack predicts: the members' and, last, the
        meta learner's. Default: the meta learner decides alone.
    n_inputs:
        The meta learner sees this many members, the first ones; default: all.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.arange(12.0)[:, None]
    >>> stack = StackEnsembleRegressor([("line", LinearRegression())], LinearRegression())
    >>> stack.fit(X, 2 * X[:, 0]).predict(X[:3]).round(6).tolist()
    [0.0, 2.0, 4.0]
    """

    def predict(self, X: Matrix) -> Array:
        """Return (n_rows,) values."""
        return self._predictions(X)
