"""Fitted models in the store, and their copies in MLflow's own format."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from engine.errors import RunException
from engine.store.files import MLFLOW_MODEL, MODEL_FILE
from engine.store.mlflow_store import RunStore
from engine.store.packing import unpack_model
from engine.temporary import passing_folder

_PACKAGES = ("raysmith", "scikit-learn", "numpy", "scipy", "pandas", "cloudpickle")


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
    with passing_folder("model") as folder:
        path = folder / MLFLOW_MODEL
        mlflow.sklearn.save_model(
            model,
            str(path),
            # Without them MLflow would load the model in another process to find them out.
            pip_requirements=model_requirements(model),
            # The default, skops, refuses trees and classes that are not on its list.
            serialization_format="cloudpickle",
        )
        store.upload_folder(child_id, path, MLFLOW_MODEL)
    return uri


def model_requirements(model: Any) -> list[str]:
    """Return the packages that a fitted pipeline needs, as requirements for pip.

    Each is pinned to the version that is installed here.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> [r.partition("==")[0] for r in model_requirements(make_pipeline(DummyClassifier()))]
    ['raysmith', 'scikit-learn', 'numpy', 'scipy', 'pandas', 'cloudpickle']
    """
    packages = dict.fromkeys((*_PACKAGES, *_booster_distributions(model)))
    pinned = []
    for package in packages:
        try:
            pinned.append(f"{package}=={version(package)}")
        except PackageNotFoundError:
            pinned.append(package)
    return pinned


def _booster_distributions(model: Any) -> Iterator[str]:
    """Yield the distribution of each booster in a pipeline or in an ensemble's members."""
    from engine.pipelines.libraries.registry import library_of

    estimator = model.steps[-1][1]
    for member in getattr(estimator, "members_", ()):
        yield from _booster_distributions(member)
    for booster in (estimator, getattr(estimator, "meta_learner_", None)):
        library = library_of(booster)
        if library is not None:
            yield library.distribution
