"""Ray Tune's interfaces to what a run decides: searcher, callback, stopper."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from ray import tune
from ray.tune.search import Searcher

from engine.driver.schedule import Next
from engine.driver.trial_backends.backend import Proposal, TrialHost


class OfThisProcess:
    """A part that Tune must not write down: a run is restored from the store, not from Tune."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class HostSearcher(OfThisProcess, Searcher):
    """Tune's `Searcher` interface over a host's proposals.

    Parameters
    ----------
    host:
        Proposes.
    before:
        Called before each proposal. While no trial runs, Tune's loop does nothing but ask.
    memory:
        Returns the bytes of memory that a proposal's trial asks for, 0 for none; default: none.
    """

    def __init__(
        self,
        host: TrialHost,
        before: Callable[[], None] = lambda: None,
        memory: Callable[[Proposal], int] = lambda proposal: 0,
    ) -> None:
        super().__init__()
        self._host = host
        self._before = before
        self._memory = memory

    def suggest(self, trial_id: str) -> Any:
        """Return the configuration of the next trial, ``None`` to be asked again, or the end."""
        self._before()
        proposal = self._host.propose()
        if proposal is Next.OVER:
            return Searcher.FINISHED
        if isinstance(proposal, Next):
            return None
        return {
            "iteration": proposal.number,
            "pipeline": proposal.spec.to_json(),
            "best_folds": list(proposal.best_folds),
            "seconds_left": proposal.seconds_left,
            "avoid": sorted(proposal.avoid),
            "memory": self._memory(proposal),
        }

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: the callback has reported the outcome already."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the MLflow store is what a resumed run reads."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing, see `save`."""


class NoReports(OfThisProcess, tune.ProgressReporter):
    """A reporter that stays silent: Tune's own would clear the output of a notebook's cell."""

    def should_report(self, trials: list[Any], done: bool = False) -> bool:
        """Always false."""
        return False

    def report(self, trials: list[Any], done: bool, *sys_info: dict[str, Any]) -> None:
        """Never called."""


class StopAtOnce(OfThisProcess, tune.Stopper):
    """Tune's `Stopper` interface: ends the loop when the host stops at once."""

    def __init__(self, host: TrialHost) -> None:
        self._host = host

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial: a trial ends by itself or by `TrialBackend.kill`."""
        return False

    def stop_all(self) -> bool:
        """Whether the loop must end."""
        return self._host.stops_at_once


class _Quiet:
    """What was there before the first of the runs that keep Tune quiet."""

    lock = threading.Lock()
    runs = 0
    variables: ClassVar[dict[str, str | None]] = {}
    levels: ClassVar[dict[str, int]] = {}


@contextmanager
def quiet_tune() -> Iterator[None]:
    """Keep Tune from writing tables, result files and errors of trials meanwhile.

    Of several runs of a process at the same time, the last one to end restores what was before.
    """
    with _Quiet.lock:
        _Quiet.runs += 1
        if _Quiet.runs == 1:
            _begin_quiet()
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.runs -= 1
            if _Quiet.runs == 0:
                _end_quiet()


def _begin_quiet() -> None:
    settings = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        "TUNE_WARN_THRESHOLD_S": "10",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    _Quiet.variables = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    for name in ("ray.tune", "ray.train", "ray.air"):
        log = logging.getLogger(name)
        _Quiet.levels[name] = log.level
        log.setLevel(logging.CRITICAL)


def _end_quiet() -> None:
    for name, level in _Quiet.levels.items():
        logging.getLogger(name).setLevel(level)
    for name, value in _Quiet.variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
