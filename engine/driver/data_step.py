"""The first step of a run: its data, checked, where the trials will run."""

from __future__ import annotations

import logging
from typing import Any

from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset
from engine.data.description import describe_data
from engine.driver.clock import Clock
from engine.driver.data_host import DataHost, Pending, RunData, Value
from engine.driver.platform import Platform
from engine.driver.watch import Watch
from engine.errors import DataException
from engine.store.mlflow_store import RunStore

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 0.25


class DataStep:
    """Gets a run's data and answers questions about it.

    Parameters
    ----------
    platform:
        The machines where the data is read.
    watch:
        Asked while the step waits whether the run has ended.
    store, run_id:
        Where the output of ``get_data()`` is written.
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
            When the data cannot be used, with the script's own traceback where the script is to
            blame; when ``get_data()`` takes too long; when its process dies.
        """
        if given.dataset is not None:
            self._given = given.dataset
            reference = self._platform.share(given)
            return RunData(given.dataset.summary(), given.dataset.without_features(), reference)
        host = self._host = self._platform.data_host(given, cores)
        # No limit applies before a node has room.
        room = host.start()
        if self._waits_in_vain(room, None):
            return None
        room.result()
        loading = host.load()
        if self._waits_in_vain(loading, self._seconds):
            return None
        loaded = loading.result()
        if loaded.output:
            self._store.write_text(self._run_id, "logs/get_data.log", loaded.output)
        summary = loaded.checked()
        logger.info("get_data() took %.1f s", loaded.seconds)
        # The targets come at once: the node may be gone when the ensembles want them.
        return RunData(summary, host.targets(), loaded.reference)

    def describe(self) -> dict[str, Any]:
        """Return the data as a report shows it."""
        if self._host is not None:
            return self._host.describe()
        assert self._given is not None, "prepare() comes first"
        return describe_data(self._given)

    def _waits_in_vain(self, pending: Pending[Value], seconds: float | None) -> bool:
        """Wait for a value; return whether the run was ended meanwhile."""
        began = self._clock.monotonic()
        while not pending.wait(_LOOK_SECONDS):
            self._watch.look()
            if self._watch.ended_by is not None:
                pending.cancel()
                return True
            if seconds is not None and self._clock.monotonic() - began > seconds:
                raise DataException(
                    f"get_data() did not return within iteration_timeout_minutes={seconds / 60:g}"
                )
        return False
