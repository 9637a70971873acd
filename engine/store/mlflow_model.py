"""Fitted models in the store, and their copies in MLflow's own format."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from engine.errors import RunException
from engine.store.digests import digest_of_folder
from engine.store.files import CARD_FILE, MLFLOW_MODEL, MODEL_FILE
from engine.store.mlflow_store import RunStore
from engine.store.packing import unpack_model
from engine.store.tags import DIGEST
from engine.temporary import passing_folder

#: Files of an MLflow model that are added when it is registered; nothing is loaded from them.
_ADDED_LATER = (CARD_FILE,)
_PACKAGES = ("raysmith", "scikit-learn", "numpy", "scipy", "pandas", "cloudpickle")


def load_model(store: RunStore, child_id: str) -> Any:
    """Read the fitted pipeline of an iteration.

    Raises
    ------
    RunException
        When the iteration left no model, or its file is not the one that was written.
    """
    try:
        return unpack_model(store.read_verified(child_id, MODEL_FILE))
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
        When the iteration left no model, or a file of it is not the one that was written.
    """
    uri = f"runs:/{child_id}/{MLFLOW_MODEL}"
    if store.has_digest(child_id, MLFLOW_MODEL):
        with passing_folder("model") as place:
            download_mlflow_model(store, child_id, str(place))
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
        digest = digest_of_folder(path, _ADDED_LATER)
        store.upload_folder(child_id, path, MLFLOW_MODEL)
    store.tag(child_id, f"{DIGEST}{MLFLOW_MODEL}", digest)
    return uri


def download_mlflow_model(store: RunStore, child_id: str, folder: str) -> Path:
    """Copy the MLflow model that `save_mlflow_model` wrote into ``folder``; return its path.

    Raises
    ------
    FileNotFoundError
        When there is none.
    RunException
        When a file of it is not the one that was written.
    """
    copy = Path(store.download(child_id, MLFLOW_MODEL, folder))
    store.check_recorded(child_id, MLFLOW_MODEL, digest_of_folder(copy, _ADDED_LATER))
    return copy


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
