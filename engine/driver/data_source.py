"""Where a run's data comes from."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from engine.data.data_script import find_script, run_script
from engine.errors import DataException

# pandas and scikit-learn take 100 MB of a process; the one that only reads logs does without.
if TYPE_CHECKING:
    from engine.config.specification import RunSpecification
    from engine.data.dataset import Dataset
    from engine.data.featurization import FeaturizationConfig
    from engine.data.splits import SplitPlan
    from engine.metrics.metric import Task


@dataclass(frozen=True)
class DataSource:
    """Where a run's data comes from: a script, tables in files, or data already in Ray's store.

    ``script`` is a path on the driver's node; ``script_in_project`` the same in the working
    directory that Ray brings to every node, where it does. ``shared`` holds an object reference;
    inside a list, so that Ray passes it on unresolved.
    """

    run_id: str
    task: Task
    plan: SplitPlan
    exclude_nan_labels: bool = True
    positive_label: Any = None
    featurization: FeaturizationConfig | None = None
    script: str | None = None
    script_in_project: str | None = None
    tables: dict[str, Any] | None = None
    shared: list[Any] | None = None

    @classmethod
    def of(cls, run_id: str, task: Task, given: RunSpecification, shared: Any = None) -> DataSource:
        """Where the data of a run is; ``shared`` is an object reference to what was given."""
        settings = given.settings
        where: dict[str, Any] = {}
        if shared is not None:
            where["shared"] = [shared]
        elif settings.data_script is not None:
            path, here = find_script(settings.data_script, settings.path), Path.cwd()
            where["script"] = str(path)
            if ray.get_runtime_context().runtime_env.get("working_dir") and here in path.parents:
                where["script_in_project"] = str(path.relative_to(here))
        else:
            where["tables"] = dict(given.tables or {})
        return cls(
            run_id,
            task,
            settings.split_plan,
            settings.exclude_nan_labels,
            settings.positive_label,
            settings.featurization_config,
            **where,
        )

    def read(self) -> Dataset:
        """Run the script, or read the files, and check the result."""
        from engine.data.check import check_data
        from engine.data.tables import read_table

        if self.script is not None:
            raw, source = run_script(self._script()), "get_data()"
        else:
            assert self.tables is not None
            raw = {k: read_table(v) if k.endswith("_data") else v for k, v in self.tables.items()}
            source = "AutoMLConfig"
        return check_data(
            raw,
            self.task,
            exclude_nan_labels=self.exclude_nan_labels,
            positive_label=self.positive_label,
            featurization=self.featurization,
            source=source,
        )

    def _script(self) -> Path:
        assert self.script is not None
        for place in (self.script_in_project, self.script):
            if place is not None and Path(place).is_file():
                return Path(place).absolute()
        raise DataException(
            f"the data script {self.script} does not exist on the node {socket.gethostname()}; "
            "give the run a compute_target, or submit its folder with the driver: "
            "ray job submit --working-dir FOLDER -- python driver.py"
        )
