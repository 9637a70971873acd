"""Explanations of a run's iterations: the rows from the cluster, the results into the store."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import ray

from engine.data.check import check_features
from engine.data.dataset import Dataset, rows_of
from engine.errors import AutoMLError, RunException
from engine.explain.actors import explain_with_actors
from engine.explain.explanation import Explanation
from engine.explain.plots import draw_plots
from engine.explain.pool import Progress, Work
from engine.store.mlflow_model import load_model
from engine.store.mlflow_store import RunStore

logger = logging.getLogger("raysmith.driver")

FOLDER, FILE = "explanation", "explanation.npz"
#: Training rows that rows are compared with, and that are explained where no others are given.
_BACKGROUND = 100
_SAMPLE = 200


@ray.remote(num_cpus=0)
def take_rows(reference: list[Any], X: Any, random_state: int) -> tuple[Any, ...]:
    """Of the data of a run: background rows, rows to explain, columns, and where they are from."""
    return rows_from(ray.get(reference[0]), X, random_state)


def rows_from(
    dataset: Dataset, X: Any = None, random_state: int = 0
) -> tuple[Any, Any, tuple[str, ...], str]:
    """What `Work` needs of a dataset.

    Parameters
    ----------
    X:
        Rows to explain; ``None``: the validation part, else a sample of the training rows.
    """
    generator = np.random.default_rng(random_state)

    def some(count: int) -> Any:
        if dataset.n_rows <= count:
            return dataset.X
        chosen = np.sort(generator.choice(dataset.n_rows, count, replace=False))
        return rows_of(dataset.X, chosen)

    background = some(_BACKGROUND)
    if X is not None:
        rows, source = check_features(X, dataset), "X_valid"
    elif dataset.X_valid is not None:
        rows, source = dataset.X_valid, "the validation part"
    else:
        rows = some(_SAMPLE)
        source = f"a sample of {rows.shape[0]} of {dataset.n_rows} training rows"
    return background, rows, dataset.feature_names, source


def explain_iteration(
    store: RunStore,
    child_id: str,
    reference: list[Any],
    X: Any = None,
    *,
    seconds: float | None,
    name: str,
    features: str = "raw",
    random_state: int = 0,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> Explanation:
    """Explain an iteration's model on the cluster and keep the result with the iteration.

    Parameters
    ----------
    reference:
        The run's `Dataset` in Ray's object store, in a list.
    X:
        See `rows_from`.
    seconds:
        Explain as many rows as this allows.
    name:
        Of the actors.
    """
    try:
        background, rows, columns, source = ray.get(take_rows.remote(reference, X, random_state))
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, AutoMLError):
            raise error.cause from None
        raise
    model = load_model(store, child_id)
    work = Work(model, background, rows, columns, source, features, random_state)
    explanation = explain_with_actors(work, name, seconds, progress, stop)
    logger.info("explained %d of %d rows", len(explanation.rows), explanation.n_given)
    save_explanation(store, child_id, explanation)
    return explanation


def save_explanation(store: RunStore, child_id: str, explanation: Explanation) -> None:
    """As ``.npz``, JSON and PNG files in the folder ``explanation`` of the iteration."""
    files = {
        FILE: explanation.to_bytes(),
        "summary.json": json.dumps(explanation.summary(), indent=1).encode(),
    }
    try:
        files |= draw_plots(explanation)
    except Exception:
        # Pictures of odd data may fail; the values must not be lost for it.
        logger.exception("no pictures of the explanation")
    store.write_files(child_id, FOLDER, files)


def load_explanation(store: RunStore, child_id: str) -> Explanation:
    """What `save_explanation` has kept.

    Raises
    ------
    RunException
        When the iteration has not been explained.
    """
    try:
        return Explanation.from_bytes(store.read_bytes(child_id, f"{FOLDER}/{FILE}"))
    except FileNotFoundError as error:
        raise RunException(
            "this iteration has not been explained; run.explain(iteration=...) does it, and "
            "AutoMLConfig(model_explainability=True) does it for the best one"
        ) from error
