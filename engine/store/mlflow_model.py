"""Fitted models in the store, and their copies in MLflow's own format."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import engine
from engine._version import __version__
from engine.data.training_summary import TrainingSummary
from engine.errors import RunException
from engine.store.digests import digest_of_folder
from engine.store.files import CARD_FILE, MLFLOW_MODEL, MODEL_FILE
from engine.store.mlflow_store import RunStore
from engine.store.model_requirements import model_requirements, pinned
from engine.store.model_signature import ModelInterface
from engine.store.packing import unpack_model
from engine.store.tags import DIGEST
from engine.store.training_summary import load_training_summary
from engine.temporary import passing_folder

#: Files of an MLflow model that are added when it is registered; nothing is loaded from them.
_ADDED_LATER = (CARD_FILE,)
#: File of an MLflow model with the `TrainingSummary` of its data.
SUMMARY_IN_MODEL = "training_summary.json"
#: The code of raysmith in the model. Its digest is that of the whole model.
_CODE = f"{MLFLOW_MODEL}/code"
#: What MLflow calls to compare a model's requirements with what is installed, to warn.
_COMPARISON = "warn_dependency_requirement_mismatches"
_comparison_lock = threading.Lock()


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


def save_mlflow_model(store: RunStore, child_id: str, *, with_code: bool = False) -> str:
    """Write an iteration's model as an MLflow model, unless that has been done.

    It has a signature, an example of its input, the requirements of the pipeline and the summary
    of the training data. Several processes may write it at the same time: what is there when the
    last of them has returned is whole. A model whose writer died is written again.

    Parameters
    ----------
    with_code:
        Whether the model carries the packages ``engine`` and ``cluster``, so that it loads where
        raysmith is not installed. Otherwise its requirements name raysmith. The code has some 300
        files, which only a model that leaves the run is worth.

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
    if _is_there(store, child_id, with_code):
        return uri
    model = load_model(store, child_id)
    summary = load_training_summary(store, child_id)
    is_whole = False
    while not is_whole:
        with passing_folder("model") as folder:
            path = folder / MLFLOW_MODEL
            # Files of code that another process has begun to write would not belong to the model.
            has_code = with_code or store.digest_of(child_id, _CODE) is not None
            write_mlflow_model(model, path, summary, has_code)
            is_whole = _publish(store, child_id, path, has_code)
    return uri


def _is_there(store: RunStore, child_id: str, with_code: bool) -> bool:
    recorded = store.digest_of(child_id, MLFLOW_MODEL)
    if recorded is None:
        return False
    try:
        with passing_folder("model") as place:
            download_mlflow_model(store, child_id, str(place))
    except RunException:
        if store.digest_of(child_id, MLFLOW_MODEL) == recorded:
            raise
        return False  # another process writes it at this moment
    return not with_code or store.digest_of(child_id, _CODE) is not None


def _publish(store: RunStore, child_id: str, path: Path, has_code: bool) -> bool:
    """Upload a model, and record its digest; return whether it is whole.

    It is not when another process has finished meanwhile, as the files may be a mixture then.
    Whoever finishes last notices that.
    """
    digest = digest_of_folder(path, _ADDED_LATER)
    store.forget_digest(child_id, MLFLOW_MODEL)
    if has_code:
        store.tag(child_id, f"{DIGEST}{_CODE}", digest)
    store.upload_folder(child_id, path, MLFLOW_MODEL)
    if store.digest_of(child_id, MLFLOW_MODEL) is not None:
        return False
    store.tag(child_id, f"{DIGEST}{MLFLOW_MODEL}", digest)
    is_last = store.digest_of(child_id, MLFLOW_MODEL) == digest
    return is_last and (has_code or store.digest_of(child_id, _CODE) is None)


def write_mlflow_model(
    model: Any, path: Path, summary: TrainingSummary | None, with_code: bool
) -> None:
    """Write a fitted pipeline into a new folder, in MLflow's format; see `save_mlflow_model`."""
    import mlflow.sklearn

    # MLflow warns of cloudpickle, and of types that it infers, on every call.
    for name in ("mlflow.sklearn", "mlflow.models.model", "mlflow.types.utils"):
        logging.getLogger(name).setLevel(logging.ERROR)
    here = Path(engine.__file__).parents[1]
    code = [str(here / package) for package in ("engine", "cluster")] if with_code else None
    # The whole of MLflow would bring its server and its database.
    needs = [f"mlflow-skinny=={mlflow.__version__}", *model_requirements(model)]
    if not with_code:
        needs.append(pinned("raysmith"))
    with warnings.catch_warnings(), _without_comparison():
        warnings.simplefilter("ignore")
        example, signature = _example_and_signature(model, summary)
        mlflow.sklearn.save_model(
            model,
            str(path),
            signature=signature,
            input_example=example,
            code_paths=code,
            # Without them MLflow would load the model in another process to find them out.
            pip_requirements=needs,
            metadata={"raysmith_version": __version__},
            # The default, skops, refuses trees and classes that are not on its list.
            serialization_format="cloudpickle",
        )
    if summary is not None:
        (path / SUMMARY_IN_MODEL).write_text(summary.to_json(), encoding="utf-8")


@contextmanager
def _without_comparison() -> Iterator[None]:
    """Keep MLflow from comparing requirements with what is installed.

    They are made from what is installed. The comparison looks for every file of every installed
    package: half a second of processor time, and a minute where the disk has not read them yet.
    """
    from mlflow.utils import environment

    with _comparison_lock:
        comparison = getattr(environment, _COMPARISON, None)
        if comparison is None:
            yield
            return
        setattr(environment, _COMPARISON, lambda requirements: None)
        try:
            yield
        finally:
            setattr(environment, _COMPARISON, comparison)


def _example_and_signature(model: Any, summary: TrainingSummary | None) -> tuple[Any, Any]:
    """Return rows to try and MLflow's signature; nothing for a pipeline that is not raysmith's."""
    interface = ModelInterface.of(model, summary)
    if interface is None:
        return None, None
    example = interface.example()
    return example, interface.signature(model.predict(example))


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
