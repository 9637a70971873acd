"""Files of runs and iterations: specification, data, models, predictions and logs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from engine.store.digests import check_digest, digest_of_file, digest_tags
from engine.store.retrying import Access, is_outage
from engine.store.tags import DIGEST, SPECIFICATION
from engine.store.texts import plain_text
from engine.store.tracking import Tracking
from engine.temporary import passing_folder

MODEL_FILE, PREDICTIONS_FILE = "outputs/model.pkl.zst", "outputs/predictions.npy"
_LOGS = "logs/"
LOG_FILE = f"{_LOGS}iteration.log"
#: Folder of an iteration's model in MLflow's own format.
MLFLOW_MODEL = "model"
#: Its card, which is written when the model is registered.
CARD_FILE = "model_card.md"
_SPEC_FOLDER, _SPEC_FILE = "spec", "spec/settings.json"


class Files(Tracking):
    """Read and write the artifacts of MLflow runs."""

    def save_spec(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """Keep a run's specification as JSON, in place of an earlier one.

        Whoever dies on the way leaves the earlier one or this one. Each has a file of its own, and
        a tag that is written last names the one that counts.
        """
        text = json.dumps(dict(settings), indent=1)
        [digest] = digest_tags({_SPEC_FILE: text.encode()}).values()
        tags = self._mlflow_run(run_id).data.tags
        current = tags.get(SPECIFICATION)
        if current is not None and tags.get(f"{DIGEST}{current}") == digest:
            return
        file = _SPEC_FILE if current is None else f"{_SPEC_FOLDER}/settings-{digest[:16]}.json"
        self.client.log_text(run_id, text, file)
        # The specification names the script that a driver runs.
        self.tag(run_id, f"{DIGEST}{file}", digest)
        self.tag(run_id, SPECIFICATION, file)

    def load_spec(self, run_id: str) -> dict[str, Any]:
        """Read the specification that `save_spec` wrote.

        Raises
        ------
        FileNotFoundError
            When none was written.
        RunException
            When the file is not the one that was written.
        """
        tags = self._mlflow_run(run_id).data.tags
        file = tags.get(SPECIFICATION)
        if file is None:
            raise FileNotFoundError(f"run {run_id} has no specification")
        content = self.read_bytes(run_id, file)
        [found] = digest_tags({file: content}).values()
        check_digest(run_id, file, found, tags)
        return dict(json.loads(content))

    def save_data(self, run_id: str, data: object, name: str) -> None:
        """Keep data that another driver of the run could not get otherwise, pickled.

        Parameters
        ----------
        name:
            Name of the file; `load_data` reads it by the same name.
        """
        digests: dict[str, str] = {}

        def write(folder: Path) -> None:
            with (folder / name).open("wb") as file:
                cloudpickle.dump(data, file)
            path = f"{_SPEC_FOLDER}/{name}"
            digests[f"{DIGEST}{path}"] = digest_of_file(folder / name)

        self._upload(run_id, _SPEC_FOLDER, write)
        self._tag_all(run_id, digests)

    def load_data(self, run_id: str, name: str) -> Any:
        """Read the data that `save_data` wrote.

        Raises
        ------
        FileNotFoundError
            When it was not written to its end.
        RunException
            When the file is not the one that was written.
        """
        file = f"{_SPEC_FOLDER}/{name}"
        if not self.has_digest(run_id, file):
            raise FileNotFoundError(f"run {run_id} has no complete {file}")
        with passing_folder("store") as folder:
            # From the file: the bytes would be a second copy of the data in memory.
            copy = Path(self.download(run_id, file, str(folder)))
            self.check_recorded(run_id, file, digest_of_file(copy))
            with copy.open("rb") as content:
                return cloudpickle.load(content)

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

        def write(place: Path) -> None:
            for name, content in files.items():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                (place / name).write_bytes(content)

        if files:
            self._upload(run_id, folder or None, write)

    def write_text(self, run_id: str, file: str, text: str) -> None:
        """Write a text file, in place of an earlier one; a log without secrets."""
        text = plain_text(text)
        is_log = file.startswith(_LOGS)
        self.client.log_text(run_id, self.redact(text) if is_log else text, file)

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

        def read() -> bytes:
            with passing_folder("store") as folder:
                return Path(self._copy(run_id, file, str(folder))).read_bytes()

        return self.client.attempt(Access.READ_FILES, read)

    def read_verified(self, run_id: str, file: str) -> bytes:
        """Read an artifact that runs code when it is loaded, if its digest is the recorded one.

        Raises
        ------
        FileNotFoundError
            When the run has no such file.
        RunException
            When the file is not the one that was written.
        """
        content = self.read_bytes(run_id, file)
        [found] = digest_tags({file: content}).values()
        self.check_recorded(run_id, file, found)
        return content

    def has_digest(self, run_id: str, file: str) -> bool:
        """Whether a digest was recorded for a file or a folder, which is then complete."""
        return self.digest_of(run_id, file) is not None

    def digest_of(self, run_id: str, file: str) -> str | None:
        """Return the digest that was recorded for a file or a folder; ``None`` without one."""
        digest: str | None = self._mlflow_run(run_id).data.tags.get(f"{DIGEST}{file}")
        return digest

    def forget_digest(self, run_id: str, file: str) -> None:
        """Have a file or a folder count as incomplete."""
        self._remove_tag(run_id, f"{DIGEST}{file}")

    def check_recorded(self, run_id: str, file: str, found: str) -> None:
        """Check that ``found`` is the digest that was recorded for a file or a folder.

        Raises
        ------
        RunException
            When it is another one, or none was recorded.
        """
        check_digest(run_id, file, found, self._mlflow_run(run_id).data.tags)

    def download(self, run_id: str, file: str, folder: str) -> str:
        """Copy an artifact, a file or a folder, into ``folder``; return the path of the copy.

        Raises
        ------
        FileNotFoundError
            When the run has no such artifact.
        """
        return self.client.attempt(Access.READ_FILES, lambda: self._copy(run_id, file, folder))

    def _copy(self, run_id: str, file: str, folder: str) -> str:
        once = self.client.once
        try:
            return str(once.download_artifacts(run_id, file, folder))
        except Exception as error:
            # Artifact stores have many ways to say that there is no such file, and to fail.
            beside = {entry.path for entry in once.list_artifacts(run_id, _folder_of(file))}
            if file.rstrip("/") not in beside:
                raise FileNotFoundError(f"run {run_id} has no file {file!r}") from error
            if is_outage(error):
                raise
        # It has come in between: the log of an iteration that has just begun.
        return str(once.download_artifacts(run_id, file, folder))

    def files(self, run_id: str, folder: str = "") -> list[str]:
        """List the paths of all artifacts, or of those in a folder, sorted."""
        paths: list[str] = []
        folders = [folder]
        while folders:
            for entry in self.client.list_artifacts(run_id, folders.pop() or None):
                (folders if entry.is_dir else paths).append(entry.path)
        return sorted(paths)

    def _upload(
        self, run_id: str, artifact_path: str | None, write: Callable[[Path], None]
    ) -> None:
        """Have ``write`` fill a local folder, whose content becomes artifacts of the run."""

        def upload() -> None:
            with passing_folder("store") as folder:
                write(folder)
                if any(folder.iterdir()):
                    self.client.once.log_artifacts(run_id, str(folder), artifact_path)

        self.client.attempt(Access.WRITE_FILES, upload)


def _folder_of(file: str) -> str | None:
    return file.rstrip("/").rpartition("/")[0] or None
