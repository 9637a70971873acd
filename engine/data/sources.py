"""The three ways in which a run's data comes in: a script, tables in files, data given directly."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from engine.data.check import check_data
from engine.data.data_script import find_script, run_script
from engine.data.dataset import Dataset
from engine.data.featurization import FeaturizationConfig
from engine.data.keys import TABLE_KEYS
from engine.data.splits import SplitPlan, check_folds
from engine.data.tables import read_table
from engine.data.target import check_class_weight
from engine.errors import DataException
from engine.metrics.metric import Task

#: Name of the configuration as the data's origin, in error messages.
_CONFIGURATION = "AutoMLConfig"


class RunData(Protocol):
    """Data of a run, wherever it comes from.

    Implementations are `ScriptData`, `TableFiles` and `DirectData`. Each is immutable. A pickled
    copy of a script or of table files reads the same data in another process.
    """

    def read(self) -> Dataset:
        """Return the data after its checks.

        Each call returns an equal dataset as long as script and files do not change.

        Raises
        ------
        DataException
            When the data cannot be used, a file is missing, or the script fails: says what was
            given and what is expected.
        """
        ...


@dataclass(frozen=True)
class DataRules:
    """Rules by which a run's data is checked.

    Attributes
    ----------
    task:
        ``classification`` or ``regression``.
    exclude_nan_labels:
        Whether rows without a target are dropped with a note instead of refused.
    positive_label:
        The class, one of two, whose own metrics are wanted; or ``None``.
    featurization:
        How columns are featurized; ``None``: they must be numeric.
    plan:
        How rows are divided into training and validation.
    class_weight:
        Label -> weight, as far as the user gave weights.
    """

    task: Task
    exclude_nan_labels: bool = True
    positive_label: object = None
    featurization: FeaturizationConfig | None = None
    plan: SplitPlan | None = None
    class_weight: str | Mapping[Any, float] | None = None

    def check(self, raw: object, source: str = _CONFIGURATION) -> Dataset:
        """Check raw data by these rules; see `check_data`, `check_class_weight`, `check_folds`."""
        dataset = check_data(
            raw,
            self.task,
            exclude_nan_labels=self.exclude_nan_labels,
            positive_label=self.positive_label,
            featurization=self.featurization,
            source=source,
        )
        check_class_weight(self.class_weight, dataset.classes)
        if self.plan is not None:
            check_folds(dataset, self.plan)
        return dataset


@dataclass(frozen=True)
class ScriptData(RunData):
    """Data that a script's ``get_data()`` returns.

    Attributes
    ----------
    rules:
        How the data is checked.
    script:
        Path of the script: absolute, or relative to the working directory or to ``project``.
    project:
        The project folder.
    in_working_directory:
        The script's path relative to a working directory that is the same on every node; or
        ``None``. It goes before ``script``.
    """

    rules: DataRules
    script: str
    project: str = "."
    in_working_directory: str | None = None

    def located(self, working_directory: Path | None = None) -> ScriptData:
        """Return the same script by its absolute path.

        Parameters
        ----------
        working_directory:
            A folder that other nodes have a copy of as their working directory. A script inside it
            is looked for in the copy first.

        Raises
        ------
        DataException
            When there is no such script.
        """
        path, inside = find_script(self.script, self.project), None
        if working_directory is not None and working_directory in path.parents:
            inside = str(path.relative_to(working_directory))
        return replace(self, script=str(path), in_working_directory=inside)

    def read(self) -> Dataset:
        """Run the script and check the result."""
        return self.rules.check(run_script(self._path()), "get_data()")

    def _path(self) -> Path:
        for place in (self.in_working_directory, self.script, str(Path(self.project, self.script))):
            if place is not None and Path(place).is_file():
                return Path(place).absolute()
        raise DataException(
            f"the data script {self.script} does not exist on the node {socket.gethostname()}; "
            "give the run a compute_target, or submit its folder with the driver: "
            "ray job submit --working-dir FOLDER -- python driver.py"
        )


@dataclass(frozen=True)
class TableFiles(RunData):
    """Tables in files, which are read where the trials run.

    Attributes
    ----------
    rules:
        How the data is checked.
    tables:
        Paths under the keys of ``get_data()`` (``training_data``, ``validation_data``), with
        ``label``, ``weight`` and ``drop_columns``.
    """

    rules: DataRules
    #: Not shown: a URI may hold a password.
    tables: Mapping[str, Any] = field(repr=False)

    def read(self) -> Dataset:
        """Read the files and check the tables."""
        raw = {k: read_table(v) if k in TABLE_KEYS else v for k, v in self.tables.items()}
        return self.rules.check(raw)


@dataclass(frozen=True, eq=False)
class DirectData(RunData):
    """Data given directly, which is checked once, at the start.

    Attributes
    ----------
    dataset:
        The data after its checks.
    raw:
        The data as it was given, under the keys of ``get_data()``, until a copy of it is in the
        store; ``None`` afterwards.
    """

    dataset: Dataset = field(repr=False)
    raw: Mapping[str, Any] | None = field(default=None, repr=False)

    @classmethod
    def checked(cls, raw: Mapping[str, Any], rules: DataRules) -> DirectData:
        """Check the data by ``rules`` and hold both forms.

        Raises
        ------
        DataException
            When the data cannot be used.
        """
        return cls(rules.check(raw), raw)

    def without_raw(self) -> DirectData:
        """Return the checked data alone, so that the raw data can leave memory."""
        return replace(self, raw=None)

    def read(self) -> Dataset:
        """Return the dataset that was checked at the start."""
        return self.dataset
