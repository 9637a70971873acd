"""Secrets of a workspace."""

from __future__ import annotations

import os
from collections.abc import Iterable

from engine.azureml.unavailable import NotAvailable


class Keyvault:
    """Secrets by their names: the environment variables of this process.

    Examples
    --------
    >>> os.environ["DB_PASSWORD"] = "hunter2"
    >>> Keyvault().get_secret("DB_PASSWORD")
    'hunter2'
    >>> del os.environ["DB_PASSWORD"]
    """

    def get_secret(self, name: str) -> str | None:
        """Return the value of an environment variable; ``None`` when there is none."""
        return os.environ.get(name)

    def get_secrets(self, secrets: Iterable[str]) -> dict[str, str | None]:
        """Return name -> value for several variables."""
        return {name: self.get_secret(name) for name in secrets}

    def set_secret(self, name: str, value: str) -> None:
        """Refuse: raysmith keeps no secrets.

        Raises
        ------
        NotAvailable
            Always.
        """
        raise NotAvailable(
            f"secret {name!r}: raysmith keeps no secrets; set the environment variable {name!r}"
        )
