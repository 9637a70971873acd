"""Fitted models in the store, and their copies in MLflow's own format."""

from __future__ import annotations

import logging
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.errors import RunException
from engine.store.files import MLFLOW_MODEL, MODEL_FILE
from engine.store.mlflow_store import RunStore
from engine.store.packing import unpack_model

_PACKAGES = ("raysmith", "scikit-learn", "numpy", "scipy", "pandas", "cloudpickle")
_PACKAGE_OF = {"lightgbm": "lightgbm", "xgboost": "xgboost-cpu", "catboost": "catboost"}


def load_model(store: RunStore, child_id: str) -> Any:
    """Read the fitted pipeline of an iteration.

    Raises
    ------
    RunException
        When the iteration left no model.
    """
    try:
        return unpack_model(store.read_bytes(child_id, MODEL_FILE))
    except FileNotFoundError as error:
        raise RunException("this iteration has no fitted model") from error


def import_flavour() -> None:
    """Import the module that `save_mlflow_model` needs, which takes about a second.

    The driver calls it while trials run.
    """
    import mlflow.sklearn  # noqa: F401


def save_mlflow_model(store: RunStore, child_id: str) -> str:
    """Write an iteration's model as an MLflow model, unless that has been done.

    Returns
    -------
    str
        URI of the MLflow model, ``runs:/<id>/model``, for ``mlflow.sklearn.load_model`` and the
        registry.

    Raises
    ------
    RunException
        When the iteration left no model.
    """
    uri = f"runs:/{child_id}/{MLFLOW_MODEL}"
    if f"{MLFLOW_MODEL}/MLmodel" in store.files(child_id, MLFLOW_MODEL):
        return uri
    import mlflow.sklearn

    # MLflow warns of cloudpickle on every call.
    logging.getLogger("mlflow.sklearn").setLevel(logging.ERROR)
    model = load_model(store, child_id)
    with tempfile.TemporaryDirectory(prefix="raysmith-") as folder:
        path = Path(folder) / MLFLOW_MODEL
        mlflow.sklearn.save_model(
            model,
            str(path),
            # Without them MLflow would load the model in another process to find them out.
            pip_requirements=_requirements(model),
            # The default, skops, refuses trees and classes that are not on its list.
            serialization_format="cloudpickle",
        )
        store.upload_folder(child_id, path, MLFLOW_MODEL)
    return uri


def _requirements(model: Any) -> list[str]:
    packages = list(_PACKAGES)
    text = str(type(getattr(model.steps[-1][1], "estimator", model.steps[-1][1])).__module__)
    packages += [name for module, name in _PACKAGE_OF.items() if text.startswith(module)]
    pinned = []
    for package in packages:
        try:
            pinned.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            pinned.append(package)
    return pinned
