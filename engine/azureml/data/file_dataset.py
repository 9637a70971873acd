"""`FileDataset` by the methods of SDK v1."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from engine.azureml.data.abstract_dataset import AbstractDataset
from engine.azureml.data.dataset_consumption_config import DatasetConsumptionConfig
from engine.data import file_dataset
from engine.temporary import new_folder, remove_folder


class FileDataset(AbstractDataset, file_dataset.FileDataset):
    """Files that are found when they are needed; made by `Dataset.File`."""

    kind = "file"

    def to_plan(self) -> dict[str, Any]:
        """Return JSON values from which the data set is made again."""
        return {"paths": list(self.paths)}

    @classmethod
    def of_plan(cls, plan: Mapping[str, Any]) -> FileDataset:
        """Return the data set that `to_plan` was called on."""
        return cls(plan["paths"])

    def download(
        self,
        target_path: Any = None,
        overwrite: bool = False,
        ignore_not_found: bool = False,
        **more: object,
    ) -> list[str]:
        """Copy the files into a folder and return their paths.

        By default it is a temporary folder, which goes with this process.
        """
        folder = target_path or new_folder("files")
        return super().download(folder, overwrite)

    def mount(self, mount_point: str | None = None, **more: object) -> MountContext:
        """Return a context with a folder of copies, its ``mount_point``."""
        return MountContext(self, mount_point)

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the data set for a run, with the mode ``mount``."""
        return DatasetConsumptionConfig(self.name or "files", self, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the data set for a run, with the mode ``download``."""
        return DatasetConsumptionConfig(self.name or "files", self, "download", path_on_compute)


class MountContext:
    """A folder with copies of files, which is there from `start` to `stop`."""

    def __init__(self, files: FileDataset, mount_point: str | None) -> None:
        self._files = files
        self._is_own = mount_point is None
        self.mount_point = mount_point or str(new_folder("files"))

    def start(self) -> None:
        """Copy the files."""
        self._files.download(self.mount_point, overwrite=True)

    def stop(self) -> None:
        """Delete the folder, unless it was named by the user."""
        if self._is_own:
            remove_folder(Path(self.mount_point).name)

    def __enter__(self) -> MountContext:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
