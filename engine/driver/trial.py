"""One iteration as a Tune trial, on an actor that goes on to the next iteration afterwards."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray import tune

from engine.data.dataset import Dataset, Fold
from engine.data.splits import make_splits
from engine.driver.data_host import LoadedData
from engine.driver.node_data import NodeFeatures, log_folder, node_data
from engine.driver.output_capture import capture_output
from engine.driver.ray_gauges import TrialMetrics
from engine.driver.trial_evaluation import TrialEvaluation
from engine.driver.trial_settings import TrialSettings
from engine.errors import DataException
from engine.pipelines.spec import PipelineSpec
from engine.store.memory import release_memory
from engine.store.records import IterationEnd

logger = logging.getLogger("raysmith.trial")


@dataclass(frozen=True)
class Announcement:
    """A trial's first result: where it runs, and the handles to end it and to read its log."""

    actor: Any
    node: Any
    node_id: str
    node_ip: str
    pid: int


class IterationTrial(tune.Trainable):
    """Executes iterations in two steps: the first announces where, the second does the work.

    The announcement lets the driver end a trial that is stuck in native code: Tune's own stop would
    wait for it. Nothing is raised: an error becomes the iteration's outcome, and the actor is
    used again.
    """

    _announced: bool

    def setup(self, config: dict[str, Any], settings: TrialSettings | None = None) -> None:
        """Prepare the actor for its first iteration."""
        assert settings is not None
        self._settings = settings
        self._loaded: LoadedData | None = None
        self._dataset: Dataset | None = None
        self._folds: Sequence[Fold] = ()
        self._node = node_data(settings.source)
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
        """Return the announcement first and the outcome then."""
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
                )
            }
        return {"end": self._run(), "done": True}

    def _begin(self, config: dict[str, Any]) -> None:
        # Not _iteration: Tune's Trainable counts its steps under that name.
        self._number = int(config["iteration"])
        self._spec = PipelineSpec.from_json(config["pipeline"])
        self._best_folds: Sequence[float] = config.get("best_folds") or ()
        self._limits = self._settings.limits.begun(config.get("seconds_left"))
        self._announced = False

    def _run(self) -> IterationEnd:
        file = log_folder(self._settings.source.run_id) / f"{self._number}.log"
        file.unlink(missing_ok=True)  # of an earlier try
        with capture_output(file):
            logger.info("iteration %d: %s", self._number, self._spec.name)
            logger.info("parameters: %s", self._spec.to_json())
            evaluation = TrialEvaluation(
                self._spec, self._settings, self._best_folds, limits=self._limits
            )
            end = evaluation.run(self._data, NodeFeatures(self._node), self._metrics.fitted)
        release_memory()
        log = file.read_text(errors="replace")
        file.unlink(missing_ok=True)
        return replace(end, log=log)

    def _data(self) -> tuple[Dataset, Sequence[Fold]]:
        source = self._settings.source
        if source.shared is not None:
            reference = source.shared[0]
        else:
            if self._loaded is None:
                self._loaded = ray.get(self._node.load.remote())
                self._metrics.loaded(self._loaded.seconds)
            if self._loaded.output:
                print(f"--- get_data() on this node printed:\n{self._loaded.output.rstrip()}\n---")
            check_loaded(self._loaded, self._settings.fingerprint)
            reference = self._loaded.reference[0]
        if self._dataset is None:
            dataset: Dataset = ray.get(reference)
            self._folds = make_splits(dataset, source.plan)
            self._dataset = dataset
        return self._dataset, self._folds


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
