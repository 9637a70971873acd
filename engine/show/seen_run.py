"""A run and its iterations as a client sees them, whether its driver lives or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.store.records import IterationRecord, RunRecord
from engine.store.status import RunStatus


@dataclass(frozen=True)
class SeenRun:
    """A run as a client sees it at one moment.

    Attributes
    ----------
    record:
        The run, as the store holds it.
    death:
        Why nobody drives it, although it has no final state; ``None`` when somebody does.
    """

    record: RunRecord
    death: str | None = None

    @property
    def status(self) -> RunStatus:
        """The state; a run without a living driver is ``Failed``."""
        return self.record.status if self.death is None else RunStatus.FAILED

    @property
    def error(self) -> str:
        """Why the run has failed; empty for other runs."""
        return self.record.error or self.death or ""

    def iterations(self, records: Iterable[IterationRecord]) -> list[IterationRecord]:
        """Return iterations of the run; those that nobody executes any more have failed."""
        reason = self.record.end or self.death
        return [record.abandoned(reason) for record in records]
