"""Explanations of a run's iterations: the rows from the cluster, the results into the store."""

from __future__ import annotations

import json
import logging

from engine.errors import RunException
from engine.explain.explanation import Explanation
from engine.explain.plots import draw_plots
from engine.store.mlflow_store import RunStore

logger = logging.getLogger("raysmith.driver")


FOLDER, FILE = "explanation", "explanation.npz"


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
