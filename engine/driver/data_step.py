"""The first step of a run: its data, checked, where the trials will run."""

from __future__ import annotations

import logging
from typing import Any

from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset
from engine.data.description import describe_data
from engine.data.training_summary import TrainingSummary
from engine.driver.clock import Clock
from engine.driver.data_host import DataHost, DataLost, LoadedData, Pending, RunData, Value
from engine.driver.platform import Platform
from engine.driver.watch import Watch
from engine.errors import DataException
from engine.store.mlflow_store import RunStore
from engine.store.training_summary import keep_training_summary

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 0.25
#: How often the data is read again when the process or the node that reads it is lost.
MAX_LOSSES = 3


class DataStep:
    """Gets a run's data and answers questions about it.

    Parameters
    ----------
    platform:
        The machines where the data is read.
    watch:
        Asked while the step waits whether the run has ended.
    store, run_id:
        Where the output of ``get_data()`` and the summary of the data are written.
    clock:
        Measures the time that ``get_data()`` takes.
    seconds:
        Limit of ``get_data()``, ``iteration_timeout_minutes`` in seconds; ``None`` for no limit.
    """

    def __init__(
        self,
        platform: Platform,
        watch: Watch,
        store: RunStore,
        run_id: str,
        clock: Clock,
        seconds: float | None,
    ) -> None:
        self._platform = platform
        self._host: DataHost | None = None
        self._watch = watch
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._seconds = seconds
        self._given: Dataset | None = None

    def prepare(self, given: RunSpecification, cores: int) -> RunData | None:
        """Have the data where the trials will run, checked.

        Parameters
        ----------
        given:
            The data, or where it is.
        cores:
            CPU cores of a trial: data is read where a trial has room.

        Returns
        -------
        RunData or None
            ``None`` when the run was ended meanwhile.

        Raises
        ------
        DataException
            When no node has data that can be used, with the script's own traceback where the script
            is to blame; when ``get_data()`` takes too long; when its process dies again and again.
        """
        if given.dataset is not None:
            self._given = given.dataset
            reference = self._platform.share(given)
            self._keep(TrainingSummary.of(given.dataset))
            return RunData(given.dataset.summary(), given.dataset.without_features(), reference)
        host = self._host = self._platform.data_host(given, cores)
        losses = 0
        while True:
            try:
                return self._read(host)
            except DataLost as lost:
                losses += 1
                if losses > MAX_LOSSES:
                    # A client knows the errors of `engine.errors` by their names.
                    raise DataException(str(lost)) from lost
                logger.warning("get_data() is run again: %s", lost)

    def _read(self, host: DataHost) -> RunData | None:
        """Read the data on one node or, when that cannot have it, on the others."""
        # No limit applies before a node has room.
        room = host.start()
        if self._waits_in_vain(room, None):
            return None
        room.result()
        loaded = self._load(host.load())
        if loaded is not None and loaded.error is not None:
            loaded = self._load_elsewhere(host, loaded)
        if loaded is None:
            return None
        if loaded.output:
            self._store.write_text(self._run_id, "logs/get_data.log", loaded.output)
        summary = loaded.checked()
        logger.info("get_data() took %.1f s", loaded.seconds)
        self._keep(loaded.training)
        # The targets come at once: the node may be gone when the ensembles want them.
        return RunData(summary, host.targets(), loaded.reference, loaded.seconds, host.barred)

    def _load(self, loading: Pending[LoadedData]) -> LoadedData | None:
        """Wait for the data; return ``None`` when the run was ended meanwhile."""
        if not self._waits_in_vain(loading, self._seconds):
            return loading.result()
        if self._watch.ended_by is not None:
            return None
        limit = 0.0 if self._seconds is None else self._seconds / 60
        late = f"get_data() did not return within iteration_timeout_minutes={limit:g}"
        return LoadedData([], None, late, "", limit * 60)

    def _load_elsewhere(self, host: DataHost, failed: LoadedData) -> LoadedData | None:
        """Return the data of another node, or the first node's error when none has any."""
        assert failed.error is not None
        elsewhere = host.load_elsewhere(failed.error)
        if elsewhere is None:
            return failed
        logger.warning("a node cannot have the data, the others are tried: %s", failed.error)
        loaded = self._load(elsewhere)
        return failed if loaded is not None and loaded.error is not None else loaded

    def _keep(self, training: TrainingSummary | None) -> None:
        """Write how the columns are distributed, for the models that leave the run.

        An error is logged and goes no further: the models do without.
        """
        if training is None:
            return
        try:
            keep_training_summary(self._store, self._run_id, training)
        except Exception:
            logger.exception("no summary of the training data")

    def describe(self) -> dict[str, Any]:
        """Return the data as a report shows it."""
        if self._host is not None:
            return self._host.describe()
        assert self._given is not None, "prepare() comes first"
        return describe_data(self._given)

    def _waits_in_vain(self, pending: Pending[Value], seconds: float | None) -> bool:
        """Wait for a value; return whether the run, or the time for the value, was over first."""
        began = self._clock.monotonic()
        while not pending.wait(_LOOK_SECONDS):
            self._watch.look()
            if self._watch.ended_by is not None:
                pending.cancel()
                return True
            if seconds is not None and self._clock.monotonic() - began > seconds:
                pending.cancel()
                return True
        return False
