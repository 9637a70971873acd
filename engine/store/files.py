"""Files of runs and iterations: specification, data, models, predictions and logs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from numpy.typing import NDArray

from engine.store.tracking import Tracking
from engine.temporary import passing_folder

MODEL_FILE, PREDICTIONS_FILE = "outputs/model.pkl.zst", "outputs/predictions.npy"
LOG_FILE = "logs/iteration.log"
#: Folder of an iteration's model in MLflow's own format.
MLFLOW_MODEL = "model"
_SPEC_FOLDER, _SPEC_FILE = "spec", "spec/settings.json"


class Files(Tracking):
    """Read and write the artifacts of MLflow runs."""

    def save_spec(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """Keep a run's specification as JSON, in place of an earlier one."""
        text = json.dumps(dict(settings), indent=1, default=str)
        self.client.log_text(run_id, text, _SPEC_FILE)

    def load_spec(self, run_id: str) -> dict[str, Any]:
        """Read the specification that `save_spec` wrote."""
        return dict(json.loads(self.read_bytes(run_id, _SPEC_FILE)))

    def save_data(self, run_id: str, data: object, name: str) -> None:
        """Keep data that another driver of the run could not get otherwise, pickled.

        Parameters
        ----------
        name:
            Name of the file; `load_data` reads it by the same name.
        """
        with self._upload(run_id, _SPEC_FOLDER) as folder, (folder / name).open("wb") as file:
            cloudpickle.dump(data, file)

    def load_data(self, run_id: str, name: str) -> Any:
        """Read the data that `save_data` wrote."""
        return cloudpickle.loads(self.read_bytes(run_id, f"{_SPEC_FOLDER}/{name}"))

    def predictions(self, child_id: str) -> NDArray[np.float32]:
        """Read the out-of-fold predictions of an iteration.

        Raises
        ------
        FileNotFoundError
            When the iteration left none.
        """
        content = io.BytesIO(self.read_bytes(child_id, PREDICTIONS_FILE))
        return np.asarray(np.load(content, allow_pickle=False))

    def write_files(self, run_id: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Write files into ``folder``; names may have folders of their own."""
        with self._upload(run_id, folder or None) as place:
            for name, content in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content)

    def write_text(self, run_id: str, file: str, text: str) -> None:
        """Write a text file, in place of an earlier one."""
        self.client.log_text(run_id, text, file)

    def upload_folder(self, run_id: str, folder: Path, artifact_path: str) -> None:
        """Copy a local folder's content into the artifact folder ``artifact_path``."""
        self.client.log_artifacts(run_id, str(folder), artifact_path)

    def read_bytes(self, run_id: str, file: str) -> bytes:
        """Read an artifact.

        Raises
        ------
        FileNotFoundError
            When the run has no such file.
        """
        with passing_folder("store") as folder:
            return Path(self.download(run_id, file, str(folder))).read_bytes()

    def download(self, run_id: str, file: str, folder: str) -> str:
        """Copy an artifact, a file or a folder, into ``folder``; return the path of the copy.

        Raises
        ------
        FileNotFoundError
            When the run has no such artifact.
        """
        try:
            # MLflow's own download by id reads the run three times and searches its experiment
            # for models. This reads the run once.
            root = self.client.get_run(run_id).info.artifact_uri
            repository = get_artifact_repository(root, tracking_uri=self.tracking_uri)
            Path(folder).mkdir(parents=True, exist_ok=True)
            return str(repository.download_artifacts(file, folder))
        except (MlflowException, OSError) as error:
            raise FileNotFoundError(f"run {run_id} has no file {file!r}") from error

    def files(self, run_id: str, folder: str = "") -> list[str]:
        """List the paths of all artifacts, or of those in a folder, sorted."""
        paths: list[str] = []
        folders = [folder]
        while folders:
            for entry in self.client.list_artifacts(run_id, folders.pop() or None):
                (folders if entry.is_dir else paths).append(entry.path)
        return sorted(paths)

    @contextmanager
    def _upload(self, run_id: str, artifact_path: str | None) -> Iterator[Path]:
        """Yield a local folder whose content becomes artifacts of the run."""
        with passing_folder("store") as folder:
            yield folder
            if any(folder.iterdir()):
                self.client.log_artifacts(run_id, str(folder), artifact_path)
