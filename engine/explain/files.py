"""Explanations among the files of an iteration: saving and loading."""

from __future__ import annotations

import json
import logging

from engine.errors import RunException
from engine.explain.explanation import Explanation
from engine.explain.plots import draw_plots
from engine.store.mlflow_store import RunStore

logger = logging.getLogger("raysmith.driver")

FOLDER, FILE = "explanation", "explanation.npz"
#: Folder of an explanation of engineered columns, kept beside that of the raw columns.
ENGINEERED_FOLDER = "explanation-engineered"


def save_explanation(
    store: RunStore, iteration_id: str, explanation: Explanation, folder: str = FOLDER
) -> None:
    """Write an explanation as ``.npz``, JSON and PNG files in the iteration's ``explanation``.

    Plots that cannot be drawn are left out.

    Parameters
    ----------
    store:
        The store.
    iteration_id:
        The iteration's id in MLflow.
    explanation:
        The explanation; it replaces one that was kept before.
    folder:
        Folder of the files.
    """
    files = {
        FILE: explanation.to_bytes(),
        "summary.json": json.dumps(explanation.summary(), indent=1).encode(),
    }
    try:
        files |= draw_plots(explanation)
    except Exception:
        # Plots of odd data may fail; the values must not be lost for it.
        logger.exception("no plots of the explanation")
    store.write_files(iteration_id, folder, files)


def load_explanation(store: RunStore, iteration_id: str, folder: str = FOLDER) -> Explanation:
    """Read what `save_explanation` has written.

    Parameters
    ----------
    store:
        The store.
    iteration_id:
        The iteration's id in MLflow.
    folder:
        Folder of the files.

    Raises
    ------
    RunException
        When the iteration has not been explained.
    """
    try:
        return Explanation.from_bytes(store.read_bytes(iteration_id, f"{folder}/{FILE}"))
    except FileNotFoundError as error:
        raise RunException(
            "this iteration has not been explained; run.explain(iteration=...) does it, and "
            "AutoMLConfig(model_explainability=True) does it for the best one"
        ) from error
