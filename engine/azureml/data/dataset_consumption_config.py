"""A data set under a name, as runs of scripts took it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class DatasetConsumptionConfig:
    """A data set under a name; `AutoMLConfig` takes it in place of the data set."""

    name: str
    dataset: Any
    mode: str = "direct"
    path_on_compute: str | None = None

    def to_pandas_dataframe(self) -> Any:
        """Return the table."""
        return self.dataset.to_pandas_dataframe()

    def as_mount(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same with the mode ``mount``."""
        return DatasetConsumptionConfig(self.name, self.dataset, "mount", path_on_compute)

    def as_download(self, path_on_compute: str | None = None) -> DatasetConsumptionConfig:
        """Return the same with the mode ``download``."""
        return DatasetConsumptionConfig(self.name, self.dataset, "download", path_on_compute)
