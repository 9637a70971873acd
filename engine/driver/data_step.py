"""The first step of a run: its data, checked, where the trials will run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from engine.config.specification import RunSpecification
from engine.data.description import describe_data
from engine.data.training_summary import TrainingSummary
from engine.driver.clock import Clock
from engine.driver.data_host import DataHost, DataLost, LoadedData, Pending, RunData, Value
from engine.driver.first_node import FIRST_NODE_SECONDS
from engine.driver.platform import Platform
from engine.driver.watch import Watch
from engine.errors import DataException
from engine.store.mlflow_store import RunStore
from engine.store.training_summary import keep_training_summary

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 0.25
_TELL_SECONDS = 60.0
#: The run's results do not wait longer for the part of the report about its data.
DESCRIBE_SECONDS = 60.0
#: How often the data is read again when the process or the node that reads it is lost.
MAX_LOSSES = 3
#: How many nodes of a growing cluster are waited for after all that are up have failed.
MAX_NEW_NODES = 3
_NODE_LOOK_SECONDS = 1.0


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
    tell:
        Gets a note for the user about each node that cannot have the data; default: nobody does.
    """

    def __init__(
        self,
        platform: Platform,
        watch: Watch,
        store: RunStore,
        run_id: str,
        clock: Clock,
        seconds: float | None,
        tell: Callable[[str], None] = lambda note: None,
    ) -> None:
        self._tell = tell
        self._told: list[str] = []
        self._failures: list[LoadedData] = []
        self._new_nodes = 0
        self._platform = platform
        self._host: DataHost | None = None
        self._watch = watch
        self._store = store
        self._run_id = run_id
        self._clock = clock
        self._seconds = seconds
        self._shared: list[Any] | None = None
        self._description: Pending[dict[str, Any]] | None = None

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
            A growing cluster brings up to three more nodes, until one fails like those before.
        """
        if given.dataset is not None:
            reference = self._shared = self._platform.share(given)
            if given.settings.keep_data:
                self._keep(TrainingSummary.of(given.dataset))
            return RunData(given.dataset.summary(), given.dataset.without_features(), reference)
        host = self._host = self._platform.data_host(given, cores)
        losses = 0
        while True:
            try:
                return self._read(host, given.settings.keep_data)
            except DataLost as lost:
                losses += 1
                if losses > MAX_LOSSES:
                    # A client knows the errors of `engine.errors` by their names.
                    raise DataException(str(lost)) from lost
                logger.warning("get_data() is run again: %s", lost)

    def _read(self, host: DataHost, keep_summary: bool) -> RunData | None:
        """Read the data on one node or, when that cannot have it, on others."""
        loaded = self._load_somewhere(host)
        if loaded is None:
            return None
        if loaded.output:
            self._store.write_text(self._run_id, "logs/get_data.log", loaded.output)
        summary = loaded.checked()
        logger.info("get_data() took %.1f s", loaded.seconds)
        if keep_summary:
            self._keep(loaded.training)
        # Both come at once: the node may be gone when ensembles and report want them.
        self._description = host.describe()
        targets = host.targets()
        if self._waits_in_vain(targets):
            return None
        reference, seconds = loaded.reference, loaded.seconds
        return RunData(summary, targets.result(), reference, seconds, host.barred)

    def _load_somewhere(self, host: DataHost) -> LoadedData | None:
        """Return the data of a node, or the first node's error when none can have it.

        It is ``None`` when the run was ended meanwhile.
        """
        while self._finds_room(host):
            loaded = self._load(host.load())
            if loaded is None or loaded.error is None:
                return loaded
            is_news = _last_line(loaded) not in map(_last_line, self._failures)
            self._failures.append(loaded)
            loaded = self._load_elsewhere(host, loaded)
            if loaded is None or loaded.error is None:
                return loaded
            if not self._waits_for_new_node(host, is_news):
                break
        return None if self._watch.ended_by is not None else self._failures[0]

    def _finds_room(self, host: DataHost) -> bool:
        """Wait for a node that can read the data; return whether there is one."""
        # No limit applies before a node has room, unless all nodes but those to come have failed.
        looks = self._clock.monotonic()

        def goes_on(waited: float) -> bool:
            nonlocal looks
            if not host.barred or self._clock.monotonic() < looks:
                return True
            looks = self._clock.monotonic() + _NODE_LOOK_SECONDS
            return waited < FIRST_NODE_SECONDS and host.has_node_left()

        room = host.start()
        if self._waits_in_vain(room, goes_on=goes_on):
            return False
        room.result()
        return True

    def _waits_for_new_node(self, host: DataHost, is_news: bool) -> bool:
        """Whether a growing cluster shall bring a node up, as all that are up have failed.

        Parameters
        ----------
        is_news:
            Whether the last node to come has failed in another way than those before. New nodes are
            made alike: one that fails as another did says that the script is to blame.
        """
        for note in [note for note in host.barred.values() if note not in self._told]:
            self._told.append(note)
            self._tell(note)
        if not is_news or self._new_nodes == MAX_NEW_NODES or not host.has_node_left():
            return False
        self._new_nodes += 1
        logger.warning("no node that is up can have the data; the cluster may bring up another one")
        return True

    def _load(self, loading: Pending[LoadedData]) -> LoadedData | None:
        """Wait for the data; return ``None`` when the run was ended meanwhile."""
        if not self._waits_in_vain(loading, self._seconds, self._still_reading):
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
        """Return the data as a report shows it.

        Raises
        ------
        DataLost
            When nobody has the data any more.
        DataException
            When nobody describes it in time.
        """
        if self._host is None:
            assert self._shared is not None, "prepare() comes first"
            return describe_data(self._platform.shared_data(self._shared))
        assert self._description is not None, "prepare() comes first"
        try:
            return self._described(self._description)
        except DataLost as lost:
            elsewhere = self._host.describe_elsewhere()
            if elsewhere is None:
                raise
            logger.info("the data is described by another node: %s", lost)
            return self._described(elsewhere)

    def _described(self, pending: Pending[dict[str, Any]]) -> dict[str, Any]:
        until = self._clock.monotonic() + DESCRIBE_SECONDS
        while not pending.wait(_LOOK_SECONDS):
            if self._watch.is_to_stop() or self._clock.monotonic() > until:
                pending.cancel()
                raise DataException("the data was not described in time")
        return pending.result()

    def _waits_in_vain(
        self,
        pending: Pending[Value],
        seconds: float | None = None,
        tell: Callable[[float], None] = lambda waited: None,
        goes_on: Callable[[float], bool] = lambda waited: True,
    ) -> bool:
        """Wait for a value; return whether the run, or the time for the value, was over first.

        Parameters
        ----------
        tell:
            Is told once a minute how many seconds the wait has taken.
        goes_on:
            Is asked with the same whether to wait on.
        """
        began = self._clock.monotonic()
        told = 0.0
        while not pending.wait(_LOOK_SECONDS):
            self._watch.look()
            waited = self._clock.monotonic() - began
            is_late = seconds is not None and waited > seconds
            if self._watch.ended_by is not None or is_late or not goes_on(waited):
                pending.cancel()
                return True
            if waited >= told + _TELL_SECONDS:
                told = waited
                tell(waited)
        return False

    def _still_reading(self, waited: float) -> None:
        limit = ""
        if self._seconds is None:
            limit = "; without iteration_timeout_minutes it may take as long as the run"
        logger.warning("get_data() has been running for %.0f minutes%s", waited / 60, limit)


def _last_line(failed: LoadedData) -> str:
    lines = (failed.error or "").strip().splitlines()
    return lines[-1] if lines else ""
