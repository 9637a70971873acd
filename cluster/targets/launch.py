"""The one way from a run to a compute target: what `launch` is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Launch:
    """A run that is to be driven.

    Attributes
    ----------
    run_id:
        The run.
    drive:
        Drives it to its end, for targets that do it in this process.
    module, arguments, secrets:
        The same as a Python module to run elsewhere, and what it reads from its environment.
    project:
        Folder that goes along, or ``None``.
    runtime_env:
        Ray's, without the project folder.
    metadata:
        Shown with the job in Ray's dashboard.
    """

    run_id: str
    drive: Callable[[], None]
    module: str
    arguments: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)
    project: str | None = None
    runtime_env: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
