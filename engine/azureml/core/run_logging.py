"""What scripts for SDK v1 add to runs and iterations: values, tables, images, files, tags."""

from __future__ import annotations

import io
import math
import numbers
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.client.stored import Stored
from engine.client.user_tags import check_tags
from engine.errors import ConfigException

_NAME = re.compile(r"[\w./: -]{1,200}")
_OUTPUTS = "outputs/"


class Logging(Stored):
    """The methods of a run that write: `log`, `upload_file`, `tag` and their like.

    Logged values come back from ``get_metrics``, beside the metrics of the training and behind them
    in a list where the name is the same. They choose no model, whatever their names.
    """

    def log(self, name: str, value: Any, description: str = "", step: object = None) -> None:
        """Log a number; numbers of one name become a list.

        Parameters
        ----------
        name:
            Letters, digits, ``_``, ``-``, ``.``, ``:``, ``/`` and spaces.
        value:
            The number.
        description, step:
            Without a meaning here.

        Raises
        ------
        ConfigException
            For another name, and for a value that is no finite number.
        """
        self._log({name: [value]})

    def log_list(self, name: str, value: Sequence[Any], description: str = "") -> None:
        """Log a list of numbers, see `log`."""
        self._log({name: list(value)})

    def log_row(self, name: str, description: str | None = None, **columns: Any) -> None:
        """Log a row of a table: a number for each column, named ``name/column``."""
        self._log({f"{name}/{column}": [value] for column, value in columns.items()})

    def log_table(self, name: str, value: Mapping[str, Any], description: str = "") -> None:
        """Log a table: column -> number or list of numbers, named ``name/column``."""
        columns = {
            f"{name}/{column}": list(cells) if isinstance(cells, Sequence) else [cells]
            for column, cells in value.items()
        }
        self._log(columns)

    def log_image(
        self, name: str, path: str | None = None, plot: Any = None, description: str = ""
    ) -> None:
        """Keep an image file, or what matplotlib has drawn, as ``outputs/images/name.png``.

        Parameters
        ----------
        path:
            The file.
        plot:
            A figure, or the module ``matplotlib.pyplot`` for its present figure.
        """
        if (path is None) == (plot is None):
            raise ConfigException([f"log_image({name!r}): give path or plot"])
        if path is not None:
            self.upload_file(f"{_OUTPUTS}images/{name}{Path(path).suffix}", path)
            return
        content = io.BytesIO()
        plot.savefig(content, format="png", bbox_inches="tight")
        self.upload_file(f"{_OUTPUTS}images/{name}.png", io.BytesIO(content.getvalue()))

    def upload_file(self, name: str, path_or_stream: Any, **ignored: object) -> str:
        """Keep a file with the run; return its name.

        Parameters
        ----------
        name:
            Name among the run's files, such as ``outputs/explainer.pkl``.
        path_or_stream:
            The file, or a stream of its bytes.

        Raises
        ------
        ConfigException
            When the run has a file of that name, the name leaves the run's folder, or there is no
            such file.
        """
        return self.upload_files([name], [path_or_stream])[0]

    def upload_files(
        self, names: Sequence[str], paths: Sequence[Any], **ignored: object
    ) -> list[str]:
        """Keep several files with the run, see `upload_file`; return their names."""
        if len(names) != len(paths):
            raise ConfigException([f"{len(names)} names for {len(paths)} paths: give one for each"])
        known = set(self.get_file_names())
        for name, given in zip(names, paths, strict=True):
            parts = Path(name).parts
            if not parts or Path(name).is_absolute() or ".." in parts:
                raise ConfigException(
                    [f"name={name!r}: expected a relative path such as outputs/a.pkl"]
                )
            if name in known:
                raise ConfigException(
                    [f"name={name!r}: {self.id} has this file, choose another name"]
                )
            known.add(name)
            self.store.write_files(self.run_id, "", {Path(name).as_posix(): _content(given)})
        return list(names)

    def upload_folder(self, name: str, path: str, **ignored: object) -> list[str]:
        """Keep all files of a folder with the run, below ``name``; return their names."""
        folder = Path(path)
        if not folder.is_dir():
            raise ConfigException([f"path={path!r}: there is no such folder"])
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        names = [f"{name}/{file.relative_to(folder).as_posix()}" for file in files]
        return self.upload_files(names, [str(file) for file in files])

    def tag(self, key: str, value: str = "") -> None:
        """Set a tag.

        Raises
        ------
        ConfigException
            For names that MLflow and raysmith use themselves.
        """
        self.set_tags({key: "" if value is None else value})

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Set tags, see `tag`."""
        check_tags(tags)
        self.store.tag_all(self.run_id, {key: str(value) for key, value in tags.items()})

    def remove_tags(self, tags: Sequence[str]) -> None:
        """Take tags away; names that are not there are passed over."""
        check_tags(dict.fromkeys(tags))
        for key in tags:
            self.store.remove_tag(self.run_id, key)

    def get_tags(self) -> dict[str, str]:
        """Return the user's tags."""
        return self.store.user_tags(self.run_id)

    def with_logged(self, metrics: Mapping[str, Any], name: str | None = None) -> dict[str, Any]:
        """Return metrics of the training and the logged values, all or those of a name."""
        found = dict(metrics)
        for key, value in self.store.logged_values(self.run_id).items():
            if name in (None, key):
                added = value if isinstance(value, list) else [value]
                found[key] = [metrics[key], *added] if key in metrics else value
        return found

    def flush(self, timeout_seconds: float = 300) -> None:
        """Do nothing: every call has written when it returns."""

    def _log(self, values: Mapping[str, Sequence[Any]]) -> None:
        problems = [
            f"log({name!r}): allowed are up to 200 letters, digits, '_', '-', '.', ':', '/', ' '"
            for name in values
            if not isinstance(name, str) or not _NAME.fullmatch(name)
        ]
        problems += [
            f"log({name!r}, {value!r}): expected a finite number; tag() keeps a text"
            for name, added in values.items()
            for value in added
            if not math.isfinite(_number(value))
        ]
        if problems:
            raise ConfigException(problems)
        self.store.log_values(
            self.run_id, {name: [*map(_number, added)] for name, added in values.items()}
        )


def _number(value: Any) -> float:
    """Return a number of Python or numpy, or an array of one, as a float; else NaN."""
    value = value.item() if getattr(value, "size", 0) == 1 else value
    return float(value) if isinstance(value, numbers.Real) else math.nan


def _content(given: Any) -> bytes:
    if hasattr(given, "read"):
        content = given.read()
        return content.encode() if isinstance(content, str) else bytes(content)
    path = Path(given)
    if not path.is_file():
        raise ConfigException([f"path_or_stream={str(given)!r}: there is no such file"])
    return path.read_bytes()
