"""`FileDataset`: files of any kind, found when they are needed."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from engine.data.table_source import files_at, open_file, unreadable
from engine.errors import DataException


class FileDataset:
    """Files at paths, in folders or by patterns, as local paths or URIs that fsspec reads.

    Parameters
    ----------
    paths:
        Files, folders and patterns.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "a.txt").write_text("hello")
    ...     files = FileDataset([folder])
    ...     target = Path(folder, "copy")
    ...     files.to_path(), Path(files.download(target)[0]).read_text()
    (['/a.txt'], 'hello')
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self.paths = tuple(paths)
        self._part: tuple[float, int, bool] | None = None
        self._rows = slice(None)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({list(self.paths)})"

    def files(self) -> list[tuple[str, str]]:
        """List the files: the name of each, which begins with ``/``, and its path or URI.

        Raises
        ------
        DataException
            When there are none.
        """
        found = [file for path in self.paths for file in files_at(path)]
        if self._part is not None:
            share, seed, is_first = self._part
            order = np.random.default_rng(seed).permutation(len(found))
            n_first = round(share * len(found))
            found = [found[i] for i in sorted(order[:n_first] if is_first else order[n_first:])]
        return found[self._rows]

    def to_path(self) -> list[str]:
        """List the names of the files, which begin with ``/``."""
        return [name for name, _ in self.files()]

    def download(self, target_path: str | Path, overwrite: bool = False) -> list[str]:
        """Copy the files into a folder and return their paths.

        Raises
        ------
        DataException
            When a file cannot be read, or is there already, unless ``overwrite``.
        """
        written = []
        for name, place in self.files():
            file = Path(target_path).absolute() / name.lstrip("/")
            if file.exists() and not overwrite:
                raise DataException(f"{file} exists; give overwrite=True or another target_path")
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open_file(place, decompress=False) as source, file.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
            except OSError as error:
                raise unreadable(place, error) from error
            written.append(str(file))
        return written

    def take(self, count: int) -> Self:
        """Keep the first ``count`` files."""
        return self._changed(rows=slice(None, count))

    def skip(self, count: int) -> Self:
        """Leave out the first ``count`` files."""
        return self._changed(rows=slice(count, None))

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Divide the files at random into two datasets, the same for the same seed."""
        seed = secrets.randbits(31) if seed is None else seed
        return (
            self._changed(part=(percentage, seed, True)),
            self._changed(part=(percentage, seed, False)),
        )

    def _changed(
        self, rows: slice = slice(None), part: tuple[float, int, bool] | None = None
    ) -> Self:
        if self._part is not None or self._rows != slice(None):
            raise DataException("take, skip and random_split are done once; list the files instead")
        changed = type(self).__new__(type(self))
        changed.__dict__.update(self.__dict__)
        changed._rows, changed._part = rows, part
        return changed
