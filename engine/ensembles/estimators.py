"""Ensembles of fitted pipelines, as scikit-learn estimators."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.pipeline import Pipeline

from engine.data.dataset import Matrix, rows_of
from engine.ensembles.meta_features import Array, divide, meta_input, meta_predict


class SharedFeatures(TransformerMixin, BaseEstimator):
    """Passes X on to an ensemble's members; tells of the heaviest member's features."""

    def __init__(self, transformer: Any) -> None:
        self.transformer = transformer

    def fit(self, X: Matrix, y: Any = None) -> SharedFeatures:
        self.transformer.fit(X, y)
        return self

    def transform(self, X: Matrix) -> Matrix:
        return X

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self.transformer, "n_features_in_")

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        return np.asarray(self.transformer.get_feature_names_out(input_features))

    def get_engineered_feature_names(self) -> list[str]:
        """See `engine.pipelines.featurize.DataTransformer`."""
        return list(self.transformer.get_engineered_feature_names())

    def get_featurization_summary(self) -> list[dict[str, Any]]:
        """See `engine.pipelines.featurize.DataTransformer`."""
        return list(self.transformer.get_featurization_summary())


class _Ensemble(BaseEstimator):
    """What voting and stacking have in common.

    Parameters
    ----------
    members:
        (name, pipeline) pairs; `fit` fits clones of them, `of_fitted` takes fitted ones as they
        are.
    """

    members_: list[Any]

    def _outputs(
        self, X: Matrix, classes: NDArray[Any] | None, known: dict[int, Matrix] | None = None
    ) -> list[Array]:
        """Each member's predictions, probabilities in the order of ``classes``.

        ``known`` gets what the first steps, by their identity, made of X.
        """
        outputs: list[Array] = []
        known = {} if known is None else known
        for member in self.members_:
            model, features = member, X
            if isinstance(member, Pipeline) and len(member) > 1:
                first = member[0]
                if id(first) not in known:
                    known[id(first)] = first.transform(X)
                model, features = member[1:], known[id(first)]
            if classes is None:
                outputs.append(np.asarray(model.predict(features), dtype=np.float64).reshape(-1))
                continue
            full = np.zeros((_n_rows(X), len(classes)))
            full[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(features)
            outputs.append(full)
        return outputs


class _Voting(_Ensemble):
    def __init__(self, members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> None:
        self.members = members
        self.weights = weights

    def fit(self, X: Matrix, y: NDArray[Any]) -> _Voting:
        self.members_ = [clone(member).fit(X, y) for _, member in self.members]
        if isinstance(self, ClassifierMixin):
            self.classes_ = np.unique(y)
        return self

    def _mean(self, outputs: Sequence[Array]) -> Array:
        return np.asarray(np.average(np.stack(outputs), axis=0, weights=self.weights))


class VotingEnsembleClassifier(ClassifierMixin, _Voting):
    """The weighted mean of the members' class probabilities."""

    def predict_proba(self, X: Matrix) -> Array:
        return self._mean(self._outputs(X, self.classes_))

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class VotingEnsembleRegressor(RegressorMixin, _Voting):
    """The weighted mean of the members' predictions."""

    def predict(self, X: Matrix) -> Array:
        return self._mean(self._outputs(X, None))


class _Stack(_Ensemble):
    """A meta learner over the members' predictions.

    Parameters
    ----------
    members:
        See `_Ensemble`.
    meta_learner:
        Fitted on the members' out-of-fold predictions and, as a second level, on features beside
        them.
    features:
        What makes these from X, a transformer; default: the meta learner sees predictions only.
    weights:
        (n_members + 1,), of each member's prediction and, last, of the meta learner's in the mean
        that is the stack's; default: the meta learner's alone.
    n_inputs:
        The meta learner sees this many of the members, the first ones; default: all.
    """

    # Of stacks that were kept before they could have these.
    features_: Any = None
    weights: Sequence[float] | None = None
    n_inputs: int | None = None

    def __init__(
        self,
        members: Sequence[tuple[str, Any]],
        meta_learner: Any,
        features: Any = None,
        weights: Sequence[float] | None = None,
        n_inputs: int | None = None,
    ) -> None:
        self.members = members
        self.meta_learner = meta_learner
        self.features = features
        self.weights = weights
        self.n_inputs = n_inputs

    def fit(self, X: Matrix, y: NDArray[Any]) -> _Stack:
        """Fits the members on all rows, the meta learner on their out-of-fold predictions."""
        is_classifier = isinstance(self, ClassifierMixin)
        if is_classifier:
            self.classes_ = np.unique(y)
        codes = np.searchsorted(self.classes_, y) if is_classifier else np.asarray(y)
        parts = divide(codes, is_classifier)
        outputs: list[Array] = []
        for _, member in self.members[: self.n_inputs]:
            shape = (len(y), len(self.classes_)) if is_classifier else (len(y),)
            output = np.zeros(shape)
            for number in np.unique(parts):
                train, valid = np.flatnonzero(parts != number), np.flatnonzero(parts == number)
                self.members_ = [clone(member).fit(rows_of(X, train), y[train])]
                classes = self.classes_ if is_classifier else None
                output[valid] = self._outputs(rows_of(X, valid), classes)[0]
            outputs.append(output)
        features = None
        if self.features is not None:
            self.features_ = clone(self.features)
            features = self.features_.fit_transform(X, y)
        self.meta_learner_ = clone(self.meta_learner).fit(meta_input(outputs, features), codes)
        self.members_ = [clone(member).fit(X, y) for _, member in self.members]
        return self

    def _predictions(self, X: Matrix, classes: NDArray[Any] | None) -> Array:
        known: dict[int, Matrix] = {}
        outputs = self._outputs(X, classes, known)
        features = None
        if self.features_ is not None:
            features = known.get(id(self.features_))
            features = self.features_.transform(X) if features is None else features
        n_classes = None if classes is None else len(classes)
        own = meta_predict(self.meta_learner_, outputs[: self.n_inputs], n_classes, features)
        if self.weights is None:
            return own
        return np.asarray(np.average(np.stack([*outputs, own]), axis=0, weights=self.weights))


class StackEnsembleClassifier(ClassifierMixin, _Stack):
    """A meta learner over the members' class probabilities; see `_Stack`."""

    def predict_proba(self, X: Matrix) -> Array:
        return self._predictions(X, self.classes_)

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class StackEnsembleRegressor(RegressorMixin, _Stack):
    """A meta learner over the members' predictions; see `_Stack`."""

    def predict(self, X: Matrix) -> Array:
        return self._predictions(X, None)


def share_first_steps(pipelines: Sequence[Any]) -> list[Any]:
    """The pipelines, with one first step for all whose first steps are the same to the last bit.

    An ensemble then transforms its input once for them.
    """
    known: dict[bytes, Any] = {}
    shared = []
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            shared.append(pipeline)
            continue
        name, first = pipeline.steps[0]
        kept = known.setdefault(pickle.dumps(first), first)
        shared.append(Pipeline([(name, kept), *pipeline.steps[1:]]))
    return shared


def _n_rows(X: Matrix) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
