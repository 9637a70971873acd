"""The errors a user of raysmith may see: one root and a few named children."""

from __future__ import annotations

from collections.abc import Sequence


class AutoMLError(Exception):
    """Root of every error that raysmith raises on purpose."""


class ConfigException(AutoMLError, ValueError):
    """What the user asked for is not possible; lists *all* problems at once.

    Attributes
    ----------
    problems:
        One sentence a problem: the parameter's name, the value given, what is allowed.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        if len(self.problems) == 1:
            message = self.problems[0]
        else:
            lines = "\n".join(f"  - {problem}" for problem in self.problems)
            message = f"{len(self.problems)} problems:\n{lines}"
        super().__init__(message)

    def __reduce__(self) -> tuple[type, tuple[list[str]]]:
        return type(self), (self.problems,)


class DataException(AutoMLError, ValueError):
    """The data, or the script that should return it, cannot be used."""


class WorkspaceException(AutoMLError):
    """The workspace cannot be opened or written."""


class StoreUnavailable(WorkspaceException):
    """The store of a workspace has not answered for as long as the caller waits."""


class RunException(AutoMLError):
    """A run cannot do what was asked of it, or ended as ``Failed``."""


class ModelException(AutoMLError, ValueError):
    """A fitted model cannot be brought into the form that was asked for."""


class UnreadableValuesWarning(UserWarning):
    """Values of a column are not of its type and count as missing, more than in training."""
