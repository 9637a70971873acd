"""Patience of early stopping: how many rounds without progress end a fit."""

from __future__ import annotations

import numpy as np

#: A fit also waits for this share of its rounds so far. Fits in many small steps, and fits that
#: find products of columns late, stand still for longer than others need in all.
_GROWTH = 0.25


def first_patience(learning_rate: float) -> int:
    """Return the patience at the start of a fit, in rounds: slow learners get more.

    Examples
    --------
    >>> [first_patience(rate) for rate in (0.01, 0.1, 0.3)]
    [100, 30, 15]
    """
    return int(np.clip(round(3.0 / learning_rate), 15, 100))


def patience_after(rounds: int, patience: int) -> int:
    """Return the patience of a fit that started with ``patience`` and has made ``rounds``.

    Examples
    --------
    >>> [patience_after(rounds, 30) for rounds in (0, 100, 200)]
    [30, 30, 50]
    """
    return max(patience, int(_GROWTH * rounds))
