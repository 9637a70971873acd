"""The states of runs and of iterations."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """The states of a run, in the order in which it passes through them.

    Members are strings: they compare equal to their texts and are written as such.

    Examples
    --------
    >>> RunStatus("Running").is_final
    False
    >>> RunStatus.COMPLETED == "Completed"
    True
    """

    NOT_STARTED = "NotStarted"
    PREPARING = "Preparing"
    RUNNING = "Running"
    FINALIZING = "Finalizing"
    COMPLETED = "Completed"
    CANCELED = "Canceled"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        """Whether the run stays in this state until somebody resumes or continues it.

        Examples
        --------
        >>> RunStatus.CANCELED.is_final
        True
        """
        return self in (RunStatus.COMPLETED, RunStatus.CANCELED, RunStatus.FAILED)


class IterationStatus(StrEnum):
    """The states of an iteration.

    A ``RETRIED`` iteration has lost its node and waits for another try. A ``PRUNED`` one was
    stopped because its first folds were far behind the best.

    Examples
    --------
    >>> [status.value for status in IterationStatus if not status.is_final]
    ['Running', 'Retried']
    """

    RUNNING = "Running"
    RETRIED = "Retried"
    COMPLETED = "Completed"
    CANCELED = "Canceled"
    FAILED = "Failed"
    TIMEOUT = "Timeout"
    PRUNED = "Pruned"

    @property
    def is_final(self) -> bool:
        """Whether the iteration has ended.

        Examples
        --------
        >>> IterationStatus.RETRIED.is_final
        False
        """
        return self not in (IterationStatus.RUNNING, IterationStatus.RETRIED)
