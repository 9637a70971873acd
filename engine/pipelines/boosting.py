"""Early stopping inside boosting: as many rounds as the fold's validation part has use for."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data import Matrix
from engine.pipelines.estimators import EncodedLabels, TextCategories


def fit_with_early_stopping(
    estimator: Any,
    X: Matrix,
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    X_valid: Matrix,
    y_valid: NDArray[Any],
    seconds: float | None = None,
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
        Stop earlier after this long (but for histogram gradient boosting).

    Returns
    -------
    int
        The number of rounds that was best.
    """
    inner = estimator
    while isinstance(inner, EncodedLabels | TextCategories):
        inner = inner.estimator
    library = type(inner).__module__.partition(".")[0]
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
        estimator.set_params(early_stopping=True, n_iter_no_change=patience)
        estimator.fit(X, y, **weigh, X_val=X_valid, y_val=y_valid)
        return max(1, int(estimator.n_iter_) - patience)
    if library == "lightgbm":
        import lightgbm

        callbacks: list[Any] = [lightgbm.early_stopping(patience, verbose=False)]
        if seconds is not None:
            callbacks.append(_StopLightGBM(seconds))
        with warnings.catch_warnings():
            # What should come instead, eval_X and eval_y, forgets to encode the labels in 4.7.
            warnings.filterwarnings("ignore", message="The argument 'eval_set' is deprecated")
            estimator.fit(X, y, **weigh, eval_set=[(X_valid, y_valid)], callbacks=callbacks)
        return max(1, int(estimator.best_iteration_ or estimator.n_estimators_))
    if library == "xgboost":
        callback = [] if seconds is None else [_stop_xgboost(seconds)]
        inner.set_params(early_stopping_rounds=patience, callbacks=callback or None)
        estimator.fit(X, y, **weigh, eval_set=[(X_valid, codes)], verbose=False)
        fitted = estimator.estimator_ if isinstance(estimator, EncodedLabels) else estimator
        fitted.set_params(callbacks=None)
        inner.set_params(callbacks=None)
        # Undefined when the time was over in the first round, before early stopping looked.
        best = fitted.get_booster().attr("best_iteration")
        return fitted.get_booster().num_boosted_rounds() if best is None else int(best) + 1
    limit = {} if seconds is None else {"callbacks": [_StopCatBoost(seconds)]}
    estimator.fit(
        X, y, **weigh, eval_set=[(X_valid, codes)], early_stopping_rounds=patience, **limit
    )
    fitted = estimator
    while isinstance(fitted, EncodedLabels | TextCategories):
        fitted = fitted.estimator_
    return max(1, int(fitted.tree_count_))


_ROUNDS = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations",
           "sklearn": "max_iter"}  # fmt: skip


def _patience(learning_rate: float) -> int:
    """Rounds without progress that end a fit: slow learners get more."""
    return int(np.clip(round(3.0 / learning_rate), 15, 100))


class _StopLightGBM:
    """Ends a fit of LightGBM when its time is over."""

    order = 40  # after early stopping has noted the round

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def __call__(self, env: Any) -> None:
        if time.monotonic() > self._until:
            from lightgbm.callback import EarlyStopException

            raise EarlyStopException(env.iteration, env.evaluation_result_list)


class _StopCatBoost:
    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def after_iteration(self, info: Any) -> bool:
        return time.monotonic() < self._until


def _stop_xgboost(seconds: float) -> Any:
    from xgboost.callback import TrainingCallback

    until = time.monotonic() + seconds

    class Stop(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            return time.monotonic() > until

    return Stop()
