"""One iteration as a Tune trial, on an actor that goes on to the next iteration afterwards."""

from __future__ import annotations

import logging
import math
import os
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray import tune

from engine.data.dataset import Dataset, Fold
from engine.data.splits import make_splits
from engine.driver.data_source import DataSource
from engine.driver.gauges import TrialMetrics
from engine.driver.node_data import LoadedData, NodeFeatures, log_folder, node_data
from engine.driver.output_capture import capture_output
from engine.driver.time_budget import LAST_FIT, Limits
from engine.errors import DataException
from engine.evaluation.cross_validation import Pruned, evaluate
from engine.evaluation.fit_options import FitOptions
from engine.evaluation.pruning import IMPATIENT, PATIENT, pruning_reason
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.memory import release_memory
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.trial")

#: A hold-out of more of the rows than this is too much for a model to do without.
_SPARED_SHARE = 0.1


@dataclass(frozen=True)
class TrialSettings:
    """What is the same for all trials of a run."""

    source: DataSource
    fingerprint: str
    primary_metric: str
    cores: int
    random_state: int
    class_weight: Any
    verbosity: int
    limits: Limits


@dataclass(frozen=True)
class Announcement:
    """A trial's first result: where it runs, and the handles to end it and to read its log."""

    actor: Any
    node: Any
    node_id: str
    node_ip: str
    pid: int
    started: float


class IterationTrial(tune.Trainable):
    """Two steps: the first announces where the trial runs, the second does the work.

    The driver can so end a trial that is stuck in native code: Tune's own stop would wait for it.
    Nothing is raised: what goes wrong is the iteration's outcome, and the actor is used again.
    """

    _announced: bool

    def setup(self, config: dict[str, Any], settings: TrialSettings | None = None) -> None:
        assert settings is not None
        self._settings = settings
        self._loaded: LoadedData | None = None
        self._dataset: Dataset | None = None
        self._folds: Sequence[Fold] = ()
        self._node = node_data(settings.source)
        self._told = TrialMetrics(settings.source.run_id)
        _log_to_stderr(settings.verbosity)
        self._begin(config)

    def __repr__(self) -> str:
        """As Ray's dashboard lists the actor: by the iteration that it was started for."""
        return f"trial-{self._settings.source.run_id[:8]}-{self._number}"

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def step(self) -> dict[str, Any]:
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
                    started=time.time(),
                )
            }
        return {"end": self._run(), "done": True}

    def _begin(self, config: dict[str, Any]) -> None:
        # Not _iteration: Tune's Trainable counts its steps under that name.
        self._number = int(config["iteration"])
        self._spec = PipelineSpec.from_json(config["pipeline"])
        self._best_folds: Sequence[float] = config.get("best_folds") or ()
        self._began = time.time()
        self._whole_seconds: float | None = None
        self._announced = False

    def _run(self) -> IterationEnd:
        file = log_folder(self._settings.source.run_id) / f"{self._number}.log"
        file.unlink(missing_ok=True)  # of an earlier try
        with capture_output(file):
            end = self._evaluate()
        release_memory()
        log = file.read_text(errors="replace")
        file.unlink(missing_ok=True)
        return IterationEnd(**{**end.__dict__, "log": log})

    def _evaluate(self) -> IterationEnd:
        logger.info("iteration %d: %s", self._number, self._spec.name)
        logger.info("parameters: %s", self._spec.to_json())
        try:
            dataset = self._data()
            self._began = time.time()
            logger.info("%d rows, %d columns", dataset.n_rows, dataset.X.shape[1])
            result = evaluate(
                self._spec,
                dataset,
                self._folds,
                FitOptions(
                    cores=self._settings.cores,
                    random_state=self._settings.random_state,
                    class_weight=self._settings.class_weight,
                    fit_seconds=self._settings.limits.fit_seconds(
                        len(self._folds), self._is_small_hold_out()
                    ),
                    kept=NodeFeatures(self._node),
                ),
                after_fold=self._after_fold,
                spares_last_fit=self._spares_last_fit,
            )
        except Pruned as pruned:
            logger.info("pruned: %s", pruned)
            return IterationEnd(
                IterationStatus.PRUNED, str(pruned), whole_seconds=self._whole_seconds
            )
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            return IterationEnd(IterationStatus.FAILED, reason=f"{type(error).__name__}: {error}")
        self._told.fitted(result.fit_seconds)
        score = result.metrics.get(self._settings.primary_metric, math.nan)
        logger.info("%s: %.6g", self._settings.primary_metric, score)
        failed = math.isnan(score)
        return IterationEnd(
            status=IterationStatus.FAILED if failed else IterationStatus.COMPLETED,
            reason=f"{self._settings.primary_metric} is NaN" if failed else "",
            metrics=result.metrics,
            fold_metrics=tuple(result.fold_metrics),
            properties=IterationProperties(
                fit_seconds=round(result.fit_seconds, 3),
                score_seconds=round(result.score_seconds, 3),
                prediction_ms=round(result.prediction_ms, 1),
                folds=len(result.fold_metrics),
                fitted_rows=result.fitted_rows,
                cores=self._settings.cores,
                threads=result.threads,
            ),
            model=pack_model(result.model),
            predictions=pack_predictions(result.predictions),
        )

    def _after_fold(self, folds: Sequence[Mapping[str, float]]) -> bool:
        """End the iteration when what it has shown is hopeless, or the run's time will not do.

        Of a run that has no model yet, what is there is worth more than nothing: true leaves the
        other folds out.
        """
        metric = METRICS[self._settings.primary_metric]
        limits = self._settings.limits
        elapsed = time.time() - self._began
        a_fold = elapsed / len(folds)
        self._whole_seconds = a_fold * (len(self._folds) + LAST_FIT)
        is_first = not self._best_folds
        patience = IMPATIENT if limits.is_long(self._whole_seconds) else PATIENT
        reason = pruning_reason(
            metric, [fold[metric.name] for fold in folds], self._best_folds, patience
        ) or limits.exceeded(self._whole_seconds, elapsed, is_first)
        if reason is None:
            return False
        if is_first and LAST_FIT * a_fold <= limits.left():
            return True
        raise Pruned(reason)

    def _spares_last_fit(self) -> bool:
        """Whether the model of a hold-out's training part will do.

        Where an iteration takes a good part of the run's time, twice as many iterations give more
        than a tenth more rows for each. And it is better than none where a fit on all rows would
        not be ready in time.
        """
        limits = self._settings.limits
        elapsed = time.time() - self._began
        whole = elapsed * (1.0 + LAST_FIT)
        if limits.is_long(whole) and self._is_small_hold_out():
            return True
        return not limits.has_room_for(whole, elapsed)

    def _is_small_hold_out(self) -> bool:
        assert self._dataset is not None
        most = math.ceil(_SPARED_SHARE * self._dataset.n_rows)
        return len(self._folds) == 1 and len(self._folds[0][1]) <= most

    def _data(self) -> Dataset:
        source = self._settings.source
        if source.shared is not None:
            reference = source.shared[0]
        else:
            if self._loaded is None:
                self._loaded = ray.get(self._node.load.remote())
                self._told.loaded(self._loaded.seconds)
            if self._loaded.output:
                print(f"--- get_data() on this node printed:\n{self._loaded.output.rstrip()}\n---")
            self._check(self._loaded)
            reference = self._loaded.reference[0]
        if self._dataset is None:
            dataset: Dataset = ray.get(reference)
            self._folds = make_splits(dataset, source.plan)
            self._dataset = dataset
        return self._dataset

    def _check(self, loaded: LoadedData) -> None:
        if loaded.error is not None:
            raise DataException(loaded.error)
        expected = self._settings.fingerprint
        if loaded.summary is not None and loaded.summary.fingerprint != expected:
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
