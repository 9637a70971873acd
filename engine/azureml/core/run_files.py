"""Files of an iteration that SDK v1 had and the store has not: made when they are asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from engine import azureml
from engine.azureml.automl.core.shared import constants
from engine.azureml.core.run_properties import model_name_of
from engine.onnx.convert import to_onnx
from engine.store.files import MODEL_FILE
from engine.store.mlflow_model import load_model
from engine.store.model_requirements import model_requirements
from engine.store.packing import unpack_pickle
from engine.store.records import IterationRecord
from engine.temporary import passing_folder

_SCORING_FILE = '''"""Scores rows with the model that was registered as {model_name!r}."""

import json
import os

import joblib
import pandas as pd

model = None


def init():
    global model
    folder = os.environ.get("AZUREML_MODEL_DIR", "")
    path = os.path.join(folder, "model.pkl")
    if not os.path.exists(path):
        from engine.azureml.core.model import Model

        path = Model.get_model_path({model_name!r})
    model = joblib.load(path)


def run(data):
    try:
        if isinstance(data, str):
            data = json.loads(data)
        if isinstance(data, dict):
            data = data.get("data", data)
        rows = data if isinstance(data, pd.DataFrame) else pd.DataFrame(data)
        return json.dumps({{"result": model.predict(rows).tolist()}})
    except Exception as error:
        return json.dumps({{"error": str(error)}})
'''


class MadeFiles:
    """The files of an iteration that are made from its model.

    Parameters
    ----------
    parent:
        The `engine.azureml.train.automl.run.AutoMLRun`.
    record:
        The iteration.
    """

    def __init__(self, parent: Any, record: IterationRecord) -> None:
        self._parent = parent
        self._store = parent.store
        self._record = record

    def names(self) -> list[str]:
        """List the files; an iteration without a model has none."""
        if not self._record.is_completed:
            return []
        return [name for name in _MAKERS if name not in _ONNX or self._is_onnx]

    def read(self, name: str) -> bytes:
        """Make one of the files."""
        return _MAKERS[name](self)

    def environment(self) -> Any:
        """Return the packages that the model needs, as an `Environment`."""
        with passing_folder("environment") as folder:
            file = folder / "environment.yml"
            file.write_bytes(self.conda_environment())
            return azureml.core.Environment.from_conda_specification("AutoML", str(file))

    @property
    def _is_onnx(self) -> bool:
        settings = self._store.load_spec(self._parent.run_id)["settings"]
        return bool(settings.get("enable_onnx_compatible_models"))

    def pickled_model(self) -> bytes:
        """Return the fitted pipeline for ``pickle.load`` and ``joblib.load``."""
        return unpack_pickle(self._store.read_verified(self._record.run_id, MODEL_FILE))

    def scoring_file(self) -> bytes:
        """Return a script with ``init()`` and ``run(data)``."""
        name = model_name_of(self._parent.run_id, self._record.iteration)
        return _SCORING_FILE.format(model_name=name).encode()

    def conda_environment(self) -> bytes:
        """Return a conda environment: this Python, and the model's packages from pip."""
        lines = ["name: project_environment", "channels:", "- conda-forge", "dependencies:"]
        lines.append(f"- python={sys.version_info.major}.{sys.version_info.minor}")
        lines += ["- pip", "- pip:"]
        lines += [f"  - {requirement}" for requirement in model_requirements(self._model())]
        return ("\n".join(lines) + "\n").encode()

    def onnx_model(self) -> bytes:
        """Return the ONNX model, with an input a column."""
        return to_onnx(self._model(), by_column=True).SerializeToString()

    def onnx_resource(self) -> bytes:
        """Return what `OnnxInferenceHelper` needs to know beside the model."""
        classes = getattr(self._model(), "classes_", None)
        task = "regression" if classes is None else "classification"
        return json.dumps({"task": task, "classes": _plain(classes)}).encode()

    def featurization_summary(self) -> bytes:
        """Return how each raw column was featurized."""
        return json.dumps(self._model()[0].get_featurization_summary(), default=str).encode()

    def engineered_feature_names(self) -> bytes:
        """Return the names of the columns that the estimator sees."""
        return json.dumps(self._model()[0].get_engineered_feature_names()).encode()

    def _model(self) -> Any:
        return load_model(self._store, self._record.run_id)


def _plain(classes: Any) -> list[Any] | None:
    return None if classes is None else classes.tolist()


_ONNX = (constants.MODEL_PATH_ONNX, constants.MODEL_RESOURCE_PATH_ONNX)
_MAKERS: Mapping[str, Callable[[MadeFiles], bytes]] = {
    constants.MODEL_PATH: MadeFiles.pickled_model,
    constants.SCORING_FILE_PATH: MadeFiles.scoring_file,
    constants.CONDA_ENV_FILE_PATH: MadeFiles.conda_environment,
    constants.MODEL_PATH_ONNX: MadeFiles.onnx_model,
    constants.MODEL_RESOURCE_PATH_ONNX: MadeFiles.onnx_resource,
    constants.FEATURIZATION_SUMMARY_PATH: MadeFiles.featurization_summary,
    constants.ENGINEERED_FEATURE_NAMES_PATH: MadeFiles.engineered_feature_names,
}
