"""Options of a fit that do not depend on the pipeline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: Stands for all training rows where a fold's number is expected.
ALL_ROWS = -1

#: Takes the number of a fold, or `ALL_ROWS`, and a function that makes an object for those rows.
#: Returns such an object: one that was made earlier, or a new one.
KeptByPart = Callable[[int, Callable[[], Any]], Any]

ClassWeight = Literal["balanced"] | Mapping[Any, float]


@dataclass(frozen=True)
class FitOptions:
    """Threads, seed, weights and time limit of the fits of an iteration.

    Parameters
    ----------
    cores:
        Threads that BLAS, OpenMP and the estimator may use, together.
    random_state:
        Seed of the pipeline.
    class_weight:
        ``"balanced"`` or label to weight, multiplied into the sample weights of the fits. Scores
        do not use it. Default: sample weights only.
    fit_seconds:
        After this long a boosting fit adds no rounds, a forest no trees, a network no epochs.
        Default: no limit.
    kept:
        Provides features that take long to make, perhaps from another pipeline. Default: each fit
        makes its own.

    Examples
    --------
    >>> FitOptions(cores=2).random_state
    0
    """

    cores: int = 1
    random_state: int = 0
    class_weight: ClassWeight | None = None
    fit_seconds: float | None = None
    kept: KeptByPart | None = None
