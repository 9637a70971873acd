"""The end of fits that nobody wants any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightgbm.callback import CallbackEnv

#: Asked again and again whether to give up.
Stop = Callable[[], bool]


class GivenUp(Exception):
    """Raised in a fit that is not wanted any more."""


def never() -> bool:
    """Say that nothing is given up."""
    return False


def go_on(stop: Stop) -> None:
    """Raise `GivenUp` when ``stop`` returns true.

    Examples
    --------
    >>> go_on(never)
    >>> go_on(lambda: True)
    Traceback (most recent call last):
    engine.ensembles.giving_up.GivenUp: the ensemble is not wanted any more
    """
    if stop():
        raise GivenUp("the ensemble is not wanted any more")


class GoOnAfterRound:
    """Callback of LightGBM that raises `GivenUp` after a round when ``stop`` returns true."""

    order = 50

    def __init__(self, stop: Stop) -> None:
        self._stop = stop

    def __call__(self, env: CallbackEnv) -> None:
        """Look, after one round."""
        go_on(self._stop)
