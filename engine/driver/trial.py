"""One iteration as a Tune trial, on an actor that goes on to the next iteration afterwards."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray import tune

from engine.data.dataset import Dataset, Fold
from engine.data.splits import make_splits
from engine.driver.data_host import LoadedData
from engine.driver.memory_watch import own_memory
from engine.driver.node_data import NodeFeatures, log_folder, node_data
from engine.driver.output_capture import LARGEST_LOG, capture_output, read_end
from engine.driver.ray_gauges import TrialMetrics
from engine.driver.trial_evaluation import TrialEvaluation
from engine.driver.trial_settings import TrialSettings
from engine.errors import DataException
from engine.pipelines.spec import PipelineSpec
from engine.store.memory import release_memory
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd

logger = logging.getLogger("raysmith.trial")

#: How long a trial waits at its end for what its node says of its memory.
_MEMORY_SECONDS = 2.0


@dataclass(frozen=True)
class Announcement:
    """A trial's first result: where it runs, and the handles to end it and to read its log.

    With ``has_data`` the trial goes on at once; otherwise it gets its node's data first.
    """

    actor: Any
    node: Any
    node_id: str
    node_ip: str
    pid: int
    has_data: bool = False


class IterationTrial(tune.Trainable):
    """Executes iterations in steps: announce where, get the data, do the work.

    The announcement lets the driver end a trial that is stuck in native code: Tune's own stop would
    wait for it. The data has a step of its own, as what goes wrong there says something about the
    node and nothing about the pipeline. An actor that has the data already leaves the step out.
    Nothing is raised: an error becomes the iteration's outcome, and the actor is used again.
    """

    _announced: bool

    def setup(self, config: dict[str, Any], settings: TrialSettings | None = None) -> None:
        """Prepare the actor for its first iteration."""
        assert settings is not None
        self._settings = settings
        self._loaded: LoadedData | None = None
        self._dataset: Dataset | None = None
        self._folds: Sequence[Fold] = ()
        self._metrics = TrialMetrics(settings.source.run_id)
        _log_to_stderr(settings.verbosity)
        self._begin(config)

    def __repr__(self) -> str:
        """As Ray's dashboard lists the actor: by the iteration that it was started for."""
        return f"trial-{self._settings.source.run_id[:8]}-{self._number}"

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Prepare the actor for its next iteration."""
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Return the announcement, whether the node has the data, and the outcome."""
        try:
            return self._step()
        except SystemExit:
            # Ray ends the process, as its node is lost. Tune would take an orderly exit for the
            # end of the trial; a sudden one has the trial tried again.
            os._exit(1)

    def _step(self) -> dict[str, Any]:
        if not self._announced:
            self._announced = True
            context = ray.get_runtime_context()
            return {
                "announcement": Announcement(
                    actor=context.current_actor,
                    node=self._node,
                    node_id=context.get_node_id(),
                    node_ip=ray.util.get_node_ip_address(),
                    pid=os.getpid(),
                    has_data=self._dataset is not None,
                )
            }
        if self._dataset is None:
            try:
                self._dataset = self._get_data()
            except DataException as unfit:
                return {"unfit": str(unfit), "done": True}
            return {"loaded": True}
        return {"end": self._run(), "done": True}

    def _begin(self, config: dict[str, Any]) -> None:
        # Not _iteration: Tune's Trainable counts its steps under that name.
        self._number = int(config["iteration"])
        self._spec = PipelineSpec.from_json(config["pipeline"])
        self._best_folds: Sequence[float] = config.get("best_folds") or ()
        self._limits = self._settings.limits.begun(config.get("seconds_left"))
        self._announced = False
        # Anew for each iteration: the one before may have seen the actor's last.
        self._node = node_data(self._settings.source)

    def _run(self) -> IterationEnd:
        file = log_folder(self._settings.source.run_id) / f"{self._number}.log"
        file.unlink(missing_ok=True)  # of an earlier try
        start, turn = own_memory(os.getpid()), time.monotonic_ns()
        self._node.watch_memory.remote(file.name, os.getpid(), turn, self._settings.megabytes)
        with capture_output(file):
            logger.info("iteration %d: %s", self._number, self._spec.name)
            logger.info("parameters: %s", self._spec.to_json())
            evaluation = TrialEvaluation(
                self._spec, self._settings, self._best_folds, limits=self._limits
            )
            end = evaluation.run(self._data, NodeFeatures(self._node), self._metrics.fitted)
        end = replace(end, properties=self._with_memory(end.properties, file.name, turn, start))
        release_memory()
        log = read_end(file, LARGEST_LOG)
        file.unlink(missing_ok=True)
        return replace(end, log=log)

    def _with_memory(
        self, properties: IterationProperties, file: str, turn: int, start: int | None
    ) -> IterationProperties:
        """Add the memory that the node has seen, or that this process has now and had at first.

        A node that does not answer is not waited for.
        """
        use = None
        try:
            asked = self._node.memory_use.remote(file, os.getpid(), turn)
            use = ray.get(asked, timeout=_MEMORY_SECONDS)
        except ray.exceptions.RayError as error:
            logger.info("the node does not say what memory the trial had: %s", error)
        if use is None:
            now = own_memory(os.getpid())
            if start is None or now is None:
                return properties
            use = round(start / 2**20, 1), round(max(start, now) / 2**20, 1)
        return replace(properties, start_memory_mb=use[0], peak_memory_mb=use[1])

    def _data(self) -> tuple[Dataset, Sequence[Fold]]:
        assert self._dataset is not None
        if self._loaded is not None and self._loaded.output:
            print(f"--- get_data() on this node printed:\n{self._loaded.output.rstrip()}\n---")
        if not self._folds:
            self._folds = make_splits(self._dataset, self._settings.source.plan)
        return self._dataset, self._folds

    def _get_data(self) -> Dataset:
        """Return the data, which the node may have to read first.

        Raises
        ------
        DataException
            When the node cannot have the data.
        """
        source = self._settings.source
        if source.shared is not None:
            reference = source.shared[0]
        else:
            self._loaded = self._load()
            self._metrics.loaded(self._loaded.seconds)
            check_loaded(self._loaded, self._settings.fingerprint)
            reference = self._loaded.reference[0]
        try:
            dataset: Dataset = ray.get(reference)
        except ray.exceptions.RayError as lost:
            raise DataException(f"the data was lost: {type(lost).__name__}") from lost
        return dataset

    def _load(self) -> LoadedData:
        """Have the node read the data; a second time when its actor dies meanwhile."""
        seconds = self._settings.load_seconds
        for _ in range(2):
            try:
                loaded: LoadedData = ray.get(self._node.load.remote(), timeout=seconds)
                return loaded
            except ray.exceptions.GetTimeoutError:
                raise DataException(f"get_data() did not return within {seconds:.0f} s") from None
            except ray.exceptions.RayError as died:
                logger.warning("the node's data is read again: %s", died)
                self._node = node_data(self._settings.source)
        raise DataException("the process that ran get_data() died again and again")


def check_loaded(loaded: LoadedData, fingerprint: str) -> None:
    """Check that a node has the same data as the first one.

    Raises
    ------
    DataException
        When ``get_data()`` failed on the node or returned other data.

    Examples
    --------
    >>> from engine.data.dataset import DataSummary
    >>> summary = DataSummary("regression", 20, 3, False, False, None, "split", "a1b2")
    >>> check_loaded(LoadedData(["reference"], summary, None, "", 0.1), fingerprint="a1b2")
    """
    if loaded.checked().fingerprint != fingerprint:
        raise DataException(
            "get_data() returned other data on this node than on the first one; it must "
            "return the same on all nodes (seed what is random in it)"
        )


def _log_to_stderr(verbosity: int) -> None:
    root = logging.getLogger("raysmith")
    root.setLevel(verbosity)
    if not root.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        root.addHandler(handler)
        root.propagate = False
