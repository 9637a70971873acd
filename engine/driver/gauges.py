"""Values of a run for the monitoring of its machines."""

from __future__ import annotations


class Gauges:
    """Shows the progress of a run; this base shows nothing."""

    def counted(self, state: str, running: int, to_come: int) -> None:
        """Take note that an iteration has ended in ``state``, or has begun where that is empty.

        Parameters
        ----------
        state:
            The state, as in `engine.store.status.IterationStatus`.
        running, to_come:
            How many iterations run now, and how many may still be started.
        """

    def best(self, score: float) -> None:
        """Take note of a new best score."""
