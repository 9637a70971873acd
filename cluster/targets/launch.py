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
    module, arguments:
        Python module that does the same elsewhere, and its arguments.
    secrets:
        Environment variables that the module reads. No other process gets them.
    variables:
        Environment variables of the driver and of the processes of its trials.
    project:
        Folder that is uploaded with the driver, or ``None``.
    runtime_env:
        Ray's ``runtime_env`` without the project folder and without variables.
    metadata:
        Texts shown with the job in Ray's dashboard.
    is_resumable:
        Whether another driver can go on with the run.
    """

    run_id: str
    drive: Callable[[], None]
    module: str
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    project: str | None = None
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    is_resumable: bool = True
