"""Diagnostics of the retired service: nothing is collected and nothing is sent."""

from __future__ import annotations


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: object = None) -> None:
    """Accept the choice and do nothing: raysmith sends no diagnostics.

    Examples
    --------
    >>> set_diagnostics_collection(send_diagnostics=True)
    """
