"""Lines of the table, and what they measure of processes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import psutil


@dataclass(frozen=True)
class Row:
    """What was measured, its value, its unit, and the goal: at most this much."""

    what: str
    value: float
    unit: str = ""
    goal: float | None = None

    def __str__(self) -> str:
        limit = "" if self.goal is None else f"{self.goal:>10.2f} at most"
        return f"  {self.what:<54}{self.value:>10.2f} {self.unit:<4}{limit}"

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def megabytes(process: psutil.Process) -> float:
    """Memory that would be free if the process ended."""
    return float(process.memory_full_info().uss) / 2**20


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and of those that it has started."""
    times = [p.cpu_times() for p in (process, *process.children(recursive=True))]
    return sum(t.user + t.system for t in times)
