"""`Searcher`: the interface between a run and whatever proposes its pipelines."""

from __future__ import annotations

import math
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass

from engine.pipelines.spec import PipelineSpec


@dataclass(frozen=True)
class MemoryUse:
    """Memory that a trial's process had for itself, in MiB: at the trial's start and at its peak.

    Examples
    --------
    >>> MemoryUse(start_mb=210.0, peak_mb=1500.0).peak_mb
    1500.0
    """

    start_mb: float
    peak_mb: float


@dataclass(frozen=True)
class Observation:
    """An iteration that ended.

    Attributes
    ----------
    spec:
        Its pipeline.
    score:
        Its value of the primary metric; NaN when it failed or was pruned.
    seconds:
        Its duration.
    memory:
        What its trial needed; ``None`` when nobody knows.

    Examples
    --------
    >>> Observation(PipelineSpec("KNN"), score=0.9, seconds=1.5).spec.name
    'KNN'
    """

    spec: PipelineSpec
    score: float
    seconds: float
    memory: MemoryUse | None = None


class Searcher(ABC):
    """Proposes one pipeline for each iteration of a run.

    A subclass implements `propose`; this class keeps the history and guarantees the following.

    Order of calls
        After an earlier driver of the run: `tell` for each iteration that has ended and `replay`
        for each that was begun, in any order, before the first `ask`. Then `ask` for each
        iteration, in any order, and `tell` when it has ended. Several iterations may be under way.
    Repetition
        `ask` returns the same pipeline for the same iteration, however often it is called: an
        iteration that loses its node is tried again as it was. Different iterations get different
        pipelines as long as the search space holds more.
    Determinism
        Without a time limit, equal arguments and equal calls in equal order give equal proposals.
    NaN
        A NaN score says that the pipeline gave none. It may count against the estimator, and it
        never wins.
    None
        `ask` returns ``None`` when no pipeline would end in the time that is left, or none would
        fit in the memory of a trial; ``nothing_left`` says which. Without such limits it never
        does.
    Threads
        All three methods may be called from several threads; `propose` is called under a lock.

    Examples
    --------
    >>> class Fixed(Searcher):
    ...     def propose(self, number, seconds_left):
    ...         return PipelineSpec("KNN", estimator_params={"n_neighbors": number + 1})
    >>> searcher = Fixed()
    >>> searcher.ask(4).estimator_params
    {'n_neighbors': 5}
    >>> searcher.replay(5, PipelineSpec("SVM"))
    >>> searcher.ask(5).estimator
    'SVM'
    >>> searcher.tell(5, PipelineSpec("SVM"), score=0.9, seconds=1.5)
    >>> [observation.score for observation in searcher.history]
    [0.9]
    """

    def __init__(self) -> None:
        #: Iterations that ended, in the order of the calls of `tell`.
        self.history: list[Observation] = []
        #: Iterations that were asked for and have not ended.
        self.pending: dict[int, PipelineSpec] = {}
        #: Pipelines that needed more memory than there was.
        self.too_large: list[PipelineSpec] = []
        #: Pipelines that were not proposed because they would need more memory than there is.
        self.left_out: list[PipelineSpec] = []
        #: Why `ask` has returned ``None``.
        self.nothing_left = "no pipeline would end within experiment_timeout_minutes"
        self._proposed: dict[int, PipelineSpec] = {}
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def ask(self, number: int, seconds_left: float = math.inf) -> PipelineSpec | None:
        """Return the pipeline of iteration ``number``, or ``None`` when there is no time for any.

        Parameters
        ----------
        number:
            The iteration, counted from 0.
        seconds_left:
            Time until all iterations must have ended; infinite by default.
        """
        with self._lock:
            spec = self._proposed.get(number) or self.propose(number, seconds_left)
            if spec is None:
                return None
            self._proposed[number] = self.pending[number] = spec
            self._seen.add(spec.to_json())
            return spec

    def tell(
        self,
        number: int,
        spec: PipelineSpec,
        score: float,
        seconds: float,
        memory: MemoryUse | None = None,
    ) -> None:
        """Report that iteration ``number`` has ended; the arguments are those of `Observation`."""
        with self._lock:
            self.pending.pop(number, None)
            self._seen.add(spec.to_json())
            self.history.append(Observation(spec, score, seconds, memory))

    def replay(self, number: int, spec: PipelineSpec) -> None:
        """Report that an earlier driver has proposed ``spec`` for iteration ``number``."""
        with self._lock:
            self._proposed[number] = spec
            self._seen.add(spec.to_json())

    def avoid(self, spec: PipelineSpec) -> None:
        """Report that a pipeline needs more memory than the nodes have.

        What is made of it is left to `propose`, which finds it in ``too_large``.
        """
        with self._lock:
            self.too_large.append(spec)

    def expected_mb(self, spec: PipelineSpec) -> float | None:
        """Return the memory that a trial is expected to need, in MiB; by default nobody knows."""
        return None

    def is_new(self, spec: PipelineSpec) -> bool:
        """Whether no iteration has or had this pipeline."""
        return spec.to_json() not in self._seen

    @abstractmethod
    def propose(self, number: int, seconds_left: float) -> PipelineSpec | None:
        """Return a pipeline for an iteration that has none yet; called by `ask` alone.

        Parameters
        ----------
        number, seconds_left:
            As in `ask`.
        """
