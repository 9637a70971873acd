"""Access to MLflow's tracking server or database that all parts of the store share."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Run, RunTag, ViewType
from mlflow.exceptions import MlflowException

from engine.errors import RunException
from engine.store.redaction import RedactingClient, Redaction, hide_password, password_of
from engine.store.tags import shorten

_PAGE = 200  # runs in one answer: MLflow holds some 60 KB for each meanwhile
_LOGGERS = ("alembic", "mlflow.store.db.utils")


def configure_mlflow() -> None:
    """Keep MLflow's progress bars, addresses and migration messages off the console.

    The first open of a database logs each of its migrations, which look like errors. A progress
    bar for every small file would break up the table of iterations. A value that the user has set
    in the environment is kept.

    Examples
    --------
    >>> configure_mlflow()
    >>> logging.getLogger("alembic").isEnabledFor(logging.INFO)
    False
    """
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")


class Tracking:
    """Look up and tag MLflow runs.

    Parameters
    ----------
    tracking_uri:
        Any MLflow tracking URI.
    """

    def __init__(self, tracking_uri: str) -> None:
        configure_mlflow()
        self.tracking_uri = tracking_uri
        #: Hides the password of the URI, and secrets that are added, in reasons, errors and logs.
        self.redact = Redaction([password_of(tracking_uri)])
        if self.redact:
            # MLflow prints the address of each run that ends, with the password.
            os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        client: Any = MlflowClient(tracking_uri, registry_uri=tracking_uri)
        self.client: MlflowClient = RedactingClient(client, self.redact) if self.redact else client

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag; long values are cut to 4,000 characters."""
        self.client.set_tag(run_id, key, shorten(value))

    def _tag_all(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set several tags in one call."""
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _mlflow_run(self, run_id: str) -> Run:
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            raise RunException(
                f"there is no run {run_id!r} in {hide_password(self.tracking_uri)}"
            ) from error

    def _search(self, experiment_id: str, condition: str) -> list[Run]:
        """Return all runs of an experiment that meet a condition in MLflow's syntax."""
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [experiment_id], condition, ViewType.ACTIVE_ONLY, _PAGE, None, token
            )
            found += page
            token = page.token
            if not token:
                return found
