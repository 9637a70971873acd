"""The place where the trials of a run find its data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray

from cluster.jobs.worker_setup import call_functions

# pandas and scikit-learn take 100 MB of a process; the one that only reads logs does without.
if TYPE_CHECKING:
    from engine.config.specification import RunSpecification
    from engine.data.dataset import Dataset
    from engine.data.sources import ScriptData, TableFiles
    from engine.data.splits import SplitPlan


@dataclass(frozen=True)
class DataSource:
    """Place where the trials of a run find its data.

    Attributes
    ----------
    run_id:
        The run.
    plan:
        How rows are divided into training and validation.
    data:
        Script or files that each node reads once; ``None`` for data in Ray's object store.
    shared:
        An object reference to the checked data, in a list, so that Ray passes it on unresolved;
        or ``None``.
    driver:
        Token of the driver that has the data read; the names of its actors carry it.
    worker_setup:
        What the process that reads the data calls first, as the one that submitted the run did.
    """

    run_id: str
    plan: SplitPlan
    data: ScriptData | TableFiles | None = None
    shared: list[Any] | None = None
    driver: str = ""
    worker_setup: str = ""

    @classmethod
    def of(
        cls, run_id: str, given: RunSpecification, shared: Any = None, driver: str = ""
    ) -> DataSource:
        """Make the source for the data of a run.

        Parameters
        ----------
        run_id:
            The run.
        given:
            Its specification.
        shared:
            An object reference to data given directly, after its checks.
        driver:
            Token of the driver.

        Raises
        ------
        DataException
            When the data script does not exist here.
        """
        from engine.data.sources import DirectData, ScriptData

        plan, data = given.settings.split_plan, given.data
        if isinstance(data, DirectData):
            return cls(run_id, plan, shared=[shared], driver=driver)
        if isinstance(data, ScriptData):
            is_copied = ray.get_runtime_context().runtime_env.get("working_dir")
            data = data.located(Path.cwd() if is_copied else None)
        return cls(run_id, plan, data, driver=driver, worker_setup=given.worker_setup)

    def read(self) -> Dataset:
        """Run the script, or read the files, and check the result."""
        assert self.data is not None
        call_functions(self.worker_setup)
        return self.data.read()
