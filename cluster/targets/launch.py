"""What a compute target needs to start a run's driver."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Launch:
    """A request to drive a run.

    Attributes
    ----------
    run_id:
        The run.
    drive:
        Function that drives the run to its end, for targets that do so in this process.
    module, arguments, secrets:
        Python module that does the same elsewhere, its arguments, and environment variables
        that it reads.
    project:
        Folder that is uploaded with the driver, or ``None``.
    runtime_env:
        Ray's ``runtime_env`` without the project folder.
    metadata:
        Texts shown with the job in Ray's dashboard.
    """

    run_id: str
    drive: Callable[[], None]
    module: str
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
