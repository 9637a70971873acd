"""The contract of a booster library."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.deadline import Deadline
from engine.pipelines.libraries.contributions import Contributions
from engine.pipelines.libraries.trees import Trees
from engine.pipelines.protocols import Estimator

Method = Literal["predict", "predict_proba"]
#: Type of the library's fitted estimators.
Fitted = TypeVar("Fitted")


@dataclass(frozen=True)
class StoppedFit:
    """A fit with early stopping.

    Attributes
    ----------
    X, y, sample_weight:
        Training part; weights are ``None`` or (n_rows,).
    X_valid, y_valid:
        Validation part: at least one row, only classes of the training part.
    patience:
        Rounds without progress that end the fit; it grows with the rounds, see
        `engine.pipelines.libraries.patience`.
    deadline:
        Moment at which the fit ends, with the rounds that it has.
    keep_all:
        Whether rounds after the best one are kept in the model.
    """

    X: Matrix
    y: NDArray[Any]
    sample_weight: NDArray[np.float64] | None
    X_valid: Matrix
    y_valid: NDArray[Any]
    patience: int
    deadline: Deadline
    keep_all: bool

    @property
    def weights(self) -> dict[str, NDArray[np.float64]]:
        """Keyword arguments of `fit` for the weights: none where there are no weights."""
        return {} if self.sample_weight is None else {"sample_weight": self.sample_weight}


class BoosterLibrary(ABC, Generic[Fitted]):
    """Everything that is particular to one gradient boosting library.

    One instance serves all estimators and threads: it holds no state. Only methods that work with a
    fit or a model import the library itself.

    ``estimator`` is an estimator of the library in the catalogue's wrappers, which share its
    interface. ``fitted`` is a fitted estimator of the library without wrappers. The suite
    `tests/pipelines/libraries/test_libraries.py` checks every library of the registry.

    Attributes
    ----------
    module:
        Import name.
    distribution:
        Name on the package index, as a requirement names it.
    rounds_parameter:
        Name of the parameter for the number of rounds.
    tree_ms:
        Milliseconds a tree takes to predict 1,000 rows on one core.
    """

    module: str
    distribution: str
    rounds_parameter: str
    tree_ms: float

    @property
    def is_installed(self) -> bool:
        """Whether the library can be imported; it is not imported for the answer."""
        return importlib.util.find_spec(self.module) is not None

    def owns(self, estimator: object) -> bool:
        """Whether an estimator without wrappers is of this library, or of a subclass."""
        return any(c.__module__.partition(".")[0] == self.module for c in type(estimator).__mro__)

    @abstractmethod
    def fit_with_early_stopping(self, estimator: Estimator, fit: StoppedFit) -> int:
        """Fit ``estimator`` in place until its validation loss stands still or time is over.

        The estimator's parameters for rounds and early stopping may change. Afterwards it can be
        cloned and pickled.

        Returns
        -------
        int
            The best number of rounds, at least 1.
        """

    @abstractmethod
    def fitted_rounds(self, fitted: Fitted) -> int:
        """Return how many rounds the model holds, those after the best one included."""

    @abstractmethod
    def predict_at(
        self, estimator: Estimator, rounds: int, method: Method, X: Matrix
    ) -> NDArray[Any]:
        """Return what ``method`` of a fitted estimator gives with its first ``rounds`` only.

        ``rounds`` is between 1 and `fitted_rounds`.
        """

    @abstractmethod
    def contributions(self, fitted: Fitted) -> Contributions | None:
        """Return a function for exact SHAP values of the margins.

        ``None`` where the model has splits whose SHAP values the library cannot compute.
        """

    @abstractmethod
    def trees(self, fitted: Fitted) -> Trees:
        """Return the model's trees, which predict what the model predicts.

        Raises
        ------
        ModelException
            For splits on categories and uncommon objectives.
        """

    @abstractmethod
    def n_trees(self, fitted: Fitted) -> int:
        """Return the number of trees: for many classes, each round has one a class."""

    def prediction_ms(self, fitted: Fitted) -> float:
        """Return milliseconds for 1,000 rows on one core, roughly, the same on any machine."""
        return self.tree_ms * self.n_trees(fitted)
