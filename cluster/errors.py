"""What goes wrong with compute targets."""

from __future__ import annotations

from engine.errors import AutoMLError


class ComputeTargetException(AutoMLError, ValueError):
    """A compute target cannot be made, found or used as asked; says what to do."""
