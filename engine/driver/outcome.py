"""How a driver's work on a run comes to an end."""

from __future__ import annotations

from enum import Enum

from engine.store.status import RunStatus


class EndedBy(Enum):
    """What ends trials early; the value is the reason that their iterations show."""

    CANCEL = "the run was canceled"
    TIMEOUT = "experiment_timeout_minutes is over"
    OTHER_DRIVER = "another driver has taken the run over"


class Outcome(Enum):
    """How a driver's work on a run came to an end; the value is the run's state, if it sets one.

    Examples
    --------
    >>> Outcome.CANCELED.value.value
    'Canceled'
    >>> Outcome.TAKEN_OVER.value is None  # the other driver sets the state
    True
    """

    COMPLETED = RunStatus.COMPLETED
    CANCELED = RunStatus.CANCELED
    FAILED = RunStatus.FAILED
    TAKEN_OVER = None

    @classmethod
    def after(cls, ended_by: EndedBy | None) -> Outcome:
        """Return the outcome of trials that ``ended_by`` has ended early, if anything has.

        Trials that ran out of time have completed: the run goes on with the models there are.

        Examples
        --------
        >>> Outcome.after(EndedBy.TIMEOUT)
        <Outcome.COMPLETED: <RunStatus.COMPLETED: 'Completed'>>
        """
        if ended_by is EndedBy.OTHER_DRIVER:
            return cls.TAKEN_OVER
        return cls.CANCELED if ended_by is EndedBy.CANCEL else cls.COMPLETED
