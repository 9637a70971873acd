"""A pool of Ray actors that explain rows, on whatever nodes have room."""

from __future__ import annotations

import logging
import os
import time
import uuid
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import rows_of
from engine.errors import RunException
from engine.explain.explanation import Explanation
from engine.explain.pieces import Pieces, Progress, Work, as_explanation

logger = logging.getLogger("raysmith.driver")

#: Actors that may die before the whole is given up: a model that kills its process kills any.
_MOST_DEATHS = 5
_LOOK_SECONDS = 0.25
#: Cells of an actor from which on shap's permutations are worth compiling: numba takes 5 s for it
#: in each process, and without it a cell takes 0.06 ms more.
_WORTH_COMPILING = 80_000


class ExplainerActor:
    """Explains pieces of one piece of work, on one core."""

    def __init__(self, work: Work, compiled: bool = True) -> None:
        if not compiled:
            # Read by numba when shap, which is not imported yet, imports it.
            os.environ.setdefault("NUMBA_DISABLE_JIT", "1")
        self._work = work
        self._limits = threadpool_limits(limits=1)
        self._explainer = work.explainer()

    def __repr__(self) -> str:
        return "explainer"

    def expected(self) -> Any:
        return self._explainer.expected

    def explain(self, rows: NDArray[np.int64]) -> tuple[Any, float]:
        """SHAP values of these rows, and how long they took."""
        began = time.monotonic()
        values = self._explainer.explain(rows_of(self._work.X, rows))
        return values, time.monotonic() - began


def explain_with_actors(
    work: Work,
    name: str,
    seconds: float | None = None,
    progress: Progress | None = None,
    stop: Any = None,
    actors: int | None = None,
) -> Explanation:
    """Explain all rows, or those that ``seconds`` allow.

    Parameters
    ----------
    work:
        What to explain.
    name:
        Of the actors, in Ray's dashboard.
    seconds:
        From the first actor on that is ready; ``None``: no limit.
    progress:
        Called with rows done and rows in all.
    stop:
        Asked now and then whether to give up.
    actors:
        How many, of one core each; ``None``: one for each core of the cluster, where there are
        rows enough.

    Raises
    ------
    RunException
        When actors die again and again, or the work was stopped before any row was explained.
    Exception
        Whatever the model raises.
    """
    work = work.prepared()
    shared = ray.put(work)
    pieces = Pieces(work.X.shape[0])
    most = actors or int(ray.cluster_resources().get("CPU", 1))
    size = max(1, min(most, -(-work.X.shape[0] // 2)))
    compiled = work.X.shape[0] * work.X.shape[1] > _WORTH_COMPILING * size
    remote = ray.remote(ExplainerActor)
    name = f"{name}-{uuid.uuid4().hex[:6]}"
    started = 0

    def start() -> Any:
        nonlocal started
        started += 1
        options = remote.options(name=f"{name}-{started}", num_cpus=1, max_restarts=0)
        return options.remote(shared, compiled)

    pool = [start() for _ in range(size)]
    expected: Any = None
    futures: dict[Any, tuple[Any, NDArray[np.int64] | None]] = {
        actor.expected.remote(): (actor, None) for actor in pool
    }
    until: float | None = None
    deaths = 0
    try:
        while futures:
            ready, _ = ray.wait(list(futures), timeout=_LOOK_SECONDS)
            if stop is not None and stop():
                raise RunException("the explanation was stopped")
            for future in ready:
                actor, rows = futures.pop(future)
                try:
                    result = ray.get(future)
                except ray.exceptions.RayActorError as error:
                    deaths += 1
                    logger.warning("an explainer died: %s", str(error).splitlines()[0])
                    if deaths > _MOST_DEATHS:
                        raise RunException(
                            f"{deaths} explainers died, the last one: {error}"
                        ) from error
                    if rows is not None:
                        pieces.lost(rows)
                    actor = start()
                    pool.append(actor)
                    futures[actor.expected.remote()] = (actor, None)
                    continue
                if rows is None:
                    expected = result
                    if until is None and seconds is not None:
                        until = time.monotonic() + seconds
                else:
                    pieces.add(rows, *result)
                    if progress is not None:
                        progress(pieces.n_done, work.X.shape[0])
                is_over = until is not None and time.monotonic() > until and pieces.done
                following = None if is_over else pieces.next()
                if following is not None:
                    futures[actor.explain.remote(following)] = (actor, following)
            if until is not None and time.monotonic() > until and pieces.done:
                break
    finally:
        for actor in pool:
            ray.kill(actor)
    return as_explanation(work, expected, pieces)
