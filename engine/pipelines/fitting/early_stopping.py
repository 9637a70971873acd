"""Early stopping inside boosting: as many rounds as the fold's validation part has use for."""

from __future__ import annotations

import time
import warnings
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.pipelines.estimators.catboost_categories import TextCategories
from engine.pipelines.estimators.labels import EncodedLabels
from engine.pipelines.fitting.timed_fit import seconds_a_step


def fit_with_early_stopping(
    estimator: Any,
    X: Matrix,
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    X_valid: Matrix,
    y_valid: NDArray[Any],
    seconds: float | None = None,
    keep_all: bool = False,
) -> int:
    """Fit a boosting estimator of the catalogue until its validation loss stands still.

    Parameters
    ----------
    estimator:
        LightGBM, XGBoost, CatBoost or histogram gradient boosting, in its wrappers; is fitted.
    X, y, sample_weight:
        Training part.
    X_valid, y_valid:
        Validation part; rows of classes that the training part lacks are left out.
    seconds:
        Stop earlier after this long. Histogram gradient boosting cannot be stopped: its rounds are
        limited to what a few first ones say that there is time for.
    keep_all:
        Keep the rounds after the best one too, so that `AtRounds` can go beyond it, which LightGBM
        and CatBoost drop else.

    Returns
    -------
    int
        The number of rounds that was best.
    """
    inner = _inner(estimator, "estimator")
    library = _library(inner)
    patience = _patience(float(inner.get_params().get("learning_rate") or 0.1))
    if y.dtype.kind not in "f" or hasattr(inner, "predict_proba"):
        known = np.isin(y_valid, np.unique(y))
        X_valid = X_valid[known] if not known.all() else X_valid
        y_valid = y_valid[known]
    weigh = {} if sample_weight is None else {"sample_weight": sample_weight}
    if not len(y_valid):
        estimator.fit(X, y, **weigh)
        return int(inner.get_params().get(_ROUNDS[library], 100))
    codes = y_valid
    if isinstance(estimator, EncodedLabels):
        codes = np.searchsorted(np.unique(y), y_valid)
    if library == "sklearn":
        if seconds is not None:
            estimator.set_params(max_iter=_rounds_within(seconds, estimator, X, y))
        estimator.set_params(early_stopping=True, n_iter_no_change=patience)
        estimator.fit(X, y, **weigh, X_val=X_valid, y_val=y_valid)
        # The first score is that of no rounds at all.
        return max(1, int(np.argmax(estimator.validation_score_)))
    if library == "lightgbm":
        stopping = _PatientLightGBM(patience, keep_all)
        callbacks: list[Any] = [stopping]
        if seconds is not None:
            callbacks.append(_StopLightGBM(seconds))
        with warnings.catch_warnings():
            # What should come instead, eval_X and eval_y, forgets to encode the labels in 4.7.
            warnings.filterwarnings("ignore", message="The argument 'eval_set' is deprecated")
            estimator.fit(X, y, **weigh, eval_set=[(X_valid, y_valid)], callbacks=callbacks)
        return max(1, stopping.best or int(estimator.n_estimators_))
    if library == "xgboost":
        inner.set_params(callbacks=_xgboost_callbacks(patience, seconds))
        estimator.fit(X, y, **weigh, eval_set=[(X_valid, codes)], verbose=False)
        fitted = _inner(estimator, "estimator_")
        fitted.set_params(callbacks=None)
        inner.set_params(callbacks=None)
        # Undefined when the time was over in the first round, before early stopping looked.
        best = fitted.get_booster().attr("best_iteration")
        return fitted.get_booster().num_boosted_rounds() if best is None else int(best) + 1
    estimator.fit(
        X, y, **weigh, eval_set=[(X_valid, codes)], use_best_model=not keep_all,
        callbacks=[_PatientCatBoost(patience, seconds)],
    )  # fmt: skip
    best = _inner(estimator, "estimator_").get_best_iteration()
    return 1 if best is None else int(best) + 1


class AtRounds:
    """A fitted boosting estimator as it was after some of its rounds; it only predicts.

    Parameters
    ----------
    estimator:
        From `fit_with_early_stopping`.
    rounds:
        At least 1; more than were fitted are all of them.
    """

    def __init__(self, estimator: Any, rounds: int) -> None:
        self._estimator = estimator
        fitted = _inner(estimator, "estimator_")
        self._library = _library(fitted)
        self._rounds = min(rounds, _fitted_rounds(fitted, self._library))

    @property
    def classes_(self) -> NDArray[Any]:
        return np.asarray(self._estimator.classes_)

    def predict(self, X: Matrix) -> NDArray[Any]:
        return self._from("predict", X)

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        return self._from("predict_proba", X)

    def _from(self, method: str, X: Matrix) -> NDArray[Any]:
        if self._library == "sklearn":
            stages = getattr(self._estimator, f"staged_{method}")(X)
            return np.asarray(next(islice(stages, self._rounds - 1, None)))
        limits: dict[str, dict[str, Any]] = {
            "lightgbm": {"num_iteration": self._rounds},
            "xgboost": {"iteration_range": (0, self._rounds)},
            "catboost": {"ntree_end": self._rounds},
        }
        return np.asarray(getattr(self._estimator, method)(X, **limits[self._library]))


def _inner(estimator: Any, attribute: str) -> Any:
    """What is in the wrappers: ``"estimator"`` as it was given, ``"estimator_"`` as fitted."""
    while isinstance(estimator, EncodedLabels | TextCategories):
        estimator = getattr(estimator, attribute)
    return estimator


def _library(inner: Any) -> str:
    return type(inner).__module__.partition(".")[0]


def _fitted_rounds(fitted: Any, library: str) -> int:
    if library == "lightgbm":
        return int(fitted.booster_.current_iteration())
    if library == "xgboost":
        return int(fitted.get_booster().num_boosted_rounds())
    return int(fitted.tree_count_ if library == "catboost" else fitted.n_iter_)


_PROBED_ROUNDS = 5
_ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations",
           "sklearn": "max_iter"}  # fmt: skip


def _rounds_within(seconds: float, estimator: Any, X: Matrix, y: NDArray[Any]) -> int:
    """Rounds of histogram gradient boosting that there is time for, its limit at most."""
    a_round = seconds_a_step(estimator, "max_iter", _PROBED_ROUNDS, X, y)
    there_is_time_for = int(max(seconds - _PROBED_ROUNDS * a_round, 0.0) / a_round)
    return int(min(max(there_is_time_for, _PROBED_ROUNDS), estimator.max_iter))


def _patience(learning_rate: float) -> int:
    """Rounds without progress that end a fit: slow learners get more."""
    return int(np.clip(round(3.0 / learning_rate), 15, 100))


#: A fit also waits for this share of its rounds so far: what learns from many small steps, or finds
#: products of columns late, stands still for longer than it takes others to be done.
_PATIENCE_GROWTH = 0.25


def _growing(patience: int, rounds: int) -> int:
    """The patience of a fit that has made so many rounds; histogram gradient boosting has none."""
    return max(patience, int(_PATIENCE_GROWTH * rounds))


class _PatientLightGBM:
    """LightGBM's early stopping with patience that grows.

    With ``keep_all`` LightGBM does not drop the rounds that came after the best.
    """

    order = 30

    def __init__(self, patience: int, keep_all: bool) -> None:
        import lightgbm

        self.best: int | None = None
        self._patience = patience
        self._keep_all = keep_all
        self._stopping: Any = lightgbm.early_stopping(patience, verbose=False)

    def __call__(self, env: Any) -> None:
        from lightgbm.callback import EarlyStopException

        self._stopping.stopping_rounds = _growing(self._patience, env.iteration)
        try:
            self._stopping(env)
        except EarlyStopException as stop:
            self.best = stop.best_iteration + 1
            if not self._keep_all:
                raise
            raise EarlyStopException(env.iteration, stop.best_score) from None


class _StopLightGBM:
    """Ends a fit of LightGBM when its time is over."""

    order = 40  # after early stopping has noted the round

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, env: Any) -> None:
        if time.monotonic() > self._until:
            from lightgbm.callback import EarlyStopException

            raise EarlyStopException(env.iteration, env.evaluation_result_list)


class _PatientCatBoost:
    """Early stopping with patience that grows, and with an end when the time is over."""

    def __init__(self, patience: int, seconds: float | None) -> None:
        self._patience = patience
        self._until = np.inf if seconds is None else time.monotonic() + seconds
        self._best = np.inf
        self._best_round = 0

    def after_iteration(self, info: Any) -> bool:
        loss = next(iter(info.metrics["validation"].values()))[-1]
        if loss < self._best:
            self._best, self._best_round = loss, info.iteration
        waited = info.iteration - self._best_round
        return waited < _growing(self._patience, info.iteration) and time.monotonic() < self._until


def _xgboost_callbacks(patience: int, seconds: float | None) -> list[Any]:
    from xgboost.callback import EarlyStopping, TrainingCallback

    class Patient(EarlyStopping):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            self.rounds = _growing(patience, epoch)
            return bool(super().after_iteration(model, epoch, evals_log))

    class Stop(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return time.monotonic() > until

    if seconds is None:
        return [Patient(rounds=patience)]
    until = time.monotonic() + seconds
    return [Patient(rounds=patience), Stop()]
