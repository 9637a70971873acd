"""The part that runs and iterations share: an MLflow run with files."""

from __future__ import annotations

from pathlib import Path

from engine.store.mlflow_store import RunStore


class Stored:
    """An MLflow run in a store.

    Attributes
    ----------
    id:
        The id that users see: that of the run in MLflow.
    run_id:
        Id of the run in MLflow.
    store:
        The store that holds it.
    """

    def __init__(self, store: RunStore, run_id: str) -> None:
        self.store = store
        self.run_id = run_id

    @property
    def id(self) -> str:
        """The id that users see: that of the run in MLflow."""
        return self.run_id

    def get_file_names(self) -> list[str]:
        """List the files that are kept with it; those of an iteration are kept with that."""
        return self.store.files(self.run_id)

    def download_file(self, name: str, output_file_path: str | Path | None = None) -> str:
        """Copy one of the files; return the copy's path.

        Parameters
        ----------
        name:
            One of `get_file_names`.
        output_file_path:
            A path or an existing folder; default: the file's own name in the working directory.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        """
        path = Path(output_file_path if output_file_path is not None else Path(name).name)
        if path.is_dir():
            path = path / Path(name).name
        content = self.read_file(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    def read_file(self, name: str) -> bytes:
        """Return the content of one of the files.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        """
        return self.store.read_bytes(self.run_id, name)
