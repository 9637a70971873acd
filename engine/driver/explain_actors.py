"""Explanations by a pool of Ray actors, on whatever nodes have room."""

from __future__ import annotations

import logging
import os
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cluster.targets.connection import connect
from engine.data.dataset import rows_of
from engine.deadline import NEVER, Deadline
from engine.errors import RunException
from engine.explain.explainer import Array
from engine.explain.explanation import Explanation
from engine.explain.pieces import Pieces, Progress, Work, as_explanation, in_this_process

logger = logging.getLogger("raysmith.driver")

#: Actors that may die before the explanation fails: a model that kills its process kills any.
_MOST_DEATHS = 5
_LOOK_SECONDS = 0.25
#: Seconds after the time limit that the first piece may take: without one there is no explanation.
_FIRST_PIECE_SECONDS = 5.0
#: Cells of an actor from which on shap's permutations are worth compiling: numba takes 5 s for it
#: in each process, and without it a cell takes 0.06 ms more.
_WORTH_COMPILING = 80_000

Rows = NDArray[np.int64]


class ActorLost(Exception):
    """Raised by `Actors.get` when the actor has died; the message says how."""


class Actors(ABC):
    """Actors of one kind, each of which explains pieces of the same work.

    Actors and futures are opaque. An actor does one thing at a time, in the order in which it was
    asked.
    """

    @abstractmethod
    def start(self) -> Any:
        """Start an actor; it may be ready only minutes later."""

    @abstractmethod
    def expected(self, actor: Any) -> Any:
        """Ask for the expected outputs, (n_outputs,); returns a future."""

    @abstractmethod
    def explain(self, actor: Any, rows: Rows) -> Any:
        """Ask for the SHAP values of some rows, and the seconds they took; returns a future."""

    @abstractmethod
    def ready(self, futures: Sequence[Any], seconds: float) -> Sequence[Any]:
        """Wait up to ``seconds`` for one of the futures, and return those that are done."""

    @abstractmethod
    def get(self, future: Any) -> Any:
        """Return the result of a future that is done.

        Raises
        ------
        ActorLost
            When the actor has died.
        Exception
            Whatever the model raised.
        """

    @abstractmethod
    def kill(self, actor: Any) -> None:
        """End an actor, whatever it does; one that has died is no error."""


class ActorPool:
    """Hands pieces of the work to actors, collects the results and replaces actors that die.

    Parameters
    ----------
    actors:
        Starts and asks the actors.
    work:
        The work that the actors do, prepared.
    size:
        How many actors.
    seconds:
        Time limit, counted from the start of `run`; default: explain all rows.
    progress:
        Called with the rows done and all rows.
    clock:
        Returns seconds, for ``seconds``.
    """

    def __init__(
        self,
        actors: Actors,
        work: Work,
        size: int,
        seconds: float | None = None,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._actors = actors
        self._work = work
        self._size = size
        self._seconds = seconds
        self._progress = progress
        self._clock = clock
        self._deadline = NEVER
        self._pieces = Pieces(work.X.shape[0])
        self._expected: Array | None = None
        self._pool: list[Any] = []
        #: Future -> the actor that was asked, and the rows; none for the expected outputs.
        self._asked: dict[Any, tuple[Any, Rows | None]] = {}
        self._deaths = 0

    def run(self, stop: Callable[[], bool] | None = None) -> Explanation:
        """Explain the rows. A pool runs once; all its actors are ended.

        Parameters
        ----------
        stop:
            Asked four times a second whether to give up; default: never.

        Raises
        ------
        RunException
            When actors die again and again, no actor has explained anything in time, or the work
            was stopped.
        Exception
            Whatever the model raised.
        """
        self._deadline = Deadline.after(self._seconds, self._clock)
        try:
            for _ in range(self._size):
                self._start()
            while self._asked and not self._is_over:
                ready = self._actors.ready(list(self._asked), _LOOK_SECONDS)
                if stop is not None and stop():
                    raise RunException("the explanation was stopped")
                for future in ready:
                    self._collect(future)
        finally:
            for actor in self._pool:
                self._actors.kill(actor)
        if self._deadline.is_set and not self._pieces.done:
            raise RunException(
                f"no explainer had room and time on the cluster within {self._seconds:.0f} s"
            )
        assert self._expected is not None
        return as_explanation(self._work, self._expected, self._pieces)

    @property
    def _is_over(self) -> bool:
        """Whether the time is over; a first piece that is under way may take a little longer."""
        if not self._deadline.is_over:
            return False
        is_under_way = self._expected is not None and not self._pieces.done
        return not is_under_way or self._deadline.later(_FIRST_PIECE_SECONDS).is_over

    def _start(self) -> None:
        actor = self._actors.start()
        self._pool.append(actor)
        self._asked[self._actors.expected(actor)] = (actor, None)

    def _collect(self, future: Any) -> None:
        """Take a result, and give the actor its next piece."""
        actor, rows = self._asked.pop(future)
        try:
            result = self._actors.get(future)
        except ActorLost as loss:
            self._replace(rows, loss)
            return
        if rows is None:
            self._expected = result
        else:
            self._pieces.add(rows, *result)
            if self._progress is not None:
                self._progress(self._pieces.n_done, self._work.X.shape[0])
        following = None if self._is_over else self._pieces.next()
        if following is not None:
            self._asked[self._actors.explain(actor, following)] = (actor, following)

    def _replace(self, rows: Rows | None, loss: ActorLost) -> None:
        """Start another actor for one that has died; its piece is handed out again."""
        self._deaths += 1
        logger.warning("an explainer died: %s", str(loss).partition("\n")[0])
        if self._deaths > _MOST_DEATHS:
            raise RunException(f"{self._deaths} explainers died, the last one: {loss}") from loss
        if rows is not None:
            self._pieces.lost(rows)
        self._start()


class ExplainerActor:
    """Explains pieces of one work, on one core.

    Parameters
    ----------
    work:
        The work, prepared.
    compiled:
        Whether numba may compile what shap does.
    """

    def __init__(self, work: Work, compiled: bool = True) -> None:
        if not compiled:
            # Read by numba when shap, which is not imported yet, imports it.
            os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
        self._work = work
        self._limits = threadpool_limits(limits=1)
        self._explainer = work.explainer()

    def __repr__(self) -> str:
        return "explainer"

    def expected(self) -> Array:
        """Return the (n_outputs,) expected outputs."""
        return self._explainer.expected

    def explain(self, rows: Rows) -> tuple[Array, float]:
        """Return the rows' SHAP values, (n, n_features, n_outputs), and the seconds they took."""
        began = time.monotonic()
        values = self._explainer.explain(rows_of(self._work.X, rows))
        return values, time.monotonic() - began


class RayActors(Actors):
    """`ExplainerActor` as Ray actors of one core.

    Parameters
    ----------
    work, compiled:
        As in `ExplainerActor`.
    name:
        Prefix of the actors' names in Ray's dashboard.
    """

    def __init__(self, work: Work, compiled: bool, name: str) -> None:
        self._work = ray.put(work)
        self._compiled = compiled
        self._name = f"{name}-{uuid.uuid4().hex[:6]}"
        self._started = 0
        self._remote = ray.remote(ExplainerActor)

    def start(self) -> Any:
        """See `Actors.start`."""
        self._started += 1
        name = f"{self._name}-{self._started}"
        options = self._remote.options(name=name, num_cpus=1, max_restarts=0)
        return options.remote(self._work, self._compiled)

    def expected(self, actor: Any) -> Any:
        """See `Actors.expected`."""
        return actor.expected.remote()

    def explain(self, actor: Any, rows: Rows) -> Any:
        """See `Actors.explain`."""
        return actor.explain.remote(rows)

    def ready(self, futures: Sequence[Any], seconds: float) -> Sequence[Any]:
        """See `Actors.ready`."""
        ready: list[Any] = ray.wait(list(futures), timeout=seconds)[0]
        return ready

    def get(self, future: Any) -> Any:
        """See `Actors.get`."""
        try:
            return ray.get(future)
        except ray.exceptions.RayActorError as error:
            raise ActorLost(str(error)) from error

    def kill(self, actor: Any) -> None:
        """See `Actors.kill`."""
        if ray.is_initialized():  # else they have ended with the cluster
            ray.kill(actor)


def explain_with_actors(
    work: Work,
    name: str,
    seconds: float | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    actors: int | None = None,
) -> Explanation:
    """Explain all rows, or those that ``seconds`` allow, on the connected cluster.

    Parameters
    ----------
    work:
        The model and the rows.
    name:
        Prefix of the actors' names in Ray's dashboard.
    seconds, progress:
        As in `ActorPool`.
    stop:
        As in `ActorPool.run`.
    actors:
        How many actors, of one core each. Default: one for each core of the cluster, and one for
        two rows at most.

    Raises
    ------
    RunException
        When actors die again and again, no actor has explained anything in time, or the work was
        stopped.
    Exception
        Whatever the model raised.
    """
    work = work.prepared()
    n_rows, n_columns = work.X.shape
    most = actors or int(ray.cluster_resources().get("CPU", 1))
    size = max(1, min(most, -(-n_rows // 2)))
    compiled = n_rows * n_columns > _WORTH_COMPILING * size
    pool = ActorPool(RayActors(work, compiled, name), work, size, seconds, progress)
    return pool.run(stop)


def explain_rows(work: Work) -> Explanation:
    """Explain all rows: on the cluster that this process is connected to, else in this process."""
    if not ray.is_initialized():
        return in_this_process(work)
    with connect().telling_losses():
        return explain_with_actors(work, "explainer")
