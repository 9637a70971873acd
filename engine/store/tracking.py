"""Access to MLflow's tracking server or database that all parts of the store share."""

from __future__ import annotations

import copy
import itertools
import logging
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from mlflow import MlflowClient
from mlflow.entities import Run, RunTag, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from engine.errors import RunException
from engine.store.redaction import Redaction
from engine.store.retrying import OF_A_CLIENT, Access, Patience, RetryingClient
from engine.store.tags import CREATION, shorten
from engine.uris import hide_password, password_of

_PAGE = 200  # runs in one answer: MLflow holds some 60 KB for each meanwhile
#: Level from which messages of MLflow's loggers are shown. Errors of the database are raised, too.
_LOG_LEVELS = {"alembic": logging.WARNING, "mlflow.store.db.utils": logging.CRITICAL}
#: MLflow's own tries take four minutes a call, in which nobody can be told anything. Calls are
#: repeated in `engine.store.retrying` instead.
_VARIABLES = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "PGCONNECT_TIMEOUT": "20",
}
#: What the store answers when it has no run of an id.
_NO_RUN = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def configure_mlflow() -> None:
    """Have MLflow leave the console and the repetition of calls to raysmith.

    The first open of a database logs each of its migrations, which look like errors. A progress
    bar for every small file would break up the table of iterations. A value that the user has set
    in the environment is kept.

    Examples
    --------
    >>> configure_mlflow()
    >>> logging.getLogger("alembic").isEnabledFor(logging.INFO)
    False
    """
    for name, level in _LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    for variable, value in _VARIABLES.items():
        os.environ.setdefault(variable, value)


class _Client(MlflowClient):
    """An ``MlflowClient`` that reads a run once for each file that it downloads.

    MLflow's own download by id reads the run three times and searches its experiment for models.
    """

    def download_artifacts(self, run_id: str, path: str, dst_path: str | None = None) -> str:
        root = self.get_run(run_id).info.artifact_uri
        repository = get_artifact_repository(root, tracking_uri=self.tracking_uri)
        if dst_path is not None:
            os.makedirs(dst_path, exist_ok=True)
        return str(repository.download_artifacts(path, dst_path))


class Tracking:
    """Look up and tag MLflow runs.

    Parameters
    ----------
    tracking_uri:
        Any MLflow tracking URI.
    patience:
        How long a call is repeated while the store does not answer.
    client:
        Makes the calls; default: an ``MlflowClient`` of ``tracking_uri``.
    """

    def __init__(
        self, tracking_uri: str, patience: Patience = OF_A_CLIENT, client: Any = None
    ) -> None:
        configure_mlflow()
        self.tracking_uri = tracking_uri
        #: Hides the password of the URI, and secrets that are added, in reasons, errors and logs.
        self.redact = Redaction([password_of(tracking_uri)])
        if self.redact:
            # MLflow prints the address of each run that ends, with the password.
            os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
        if client is None:
            client = _Client(tracking_uri, registry_uri=tracking_uri)
        self.client = RetryingClient(client, patience, hide_password(tracking_uri), self.redact)
        self._experiments: dict[str, str] = {}

    def with_patience(self, patience: Patience) -> Self:
        """Return the same store, whose calls are repeated for another time."""
        other = copy.copy(self)
        other.client = self.client.with_patience(patience)
        return other

    def behind(self, fence: Callable[[], None]) -> Self:
        """Return the same store, which calls ``fence`` before it writes; see `Fence.check`."""
        other = copy.copy(self)
        other.client = self.client.behind(fence)
        return other

    def tag(self, run_id: str, key: str, value: str) -> None:
        """Set one tag; long values are cut to 4,000 characters."""
        self.client.set_tag(run_id, key, shorten(value))

    def _tag_all(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set several tags in one call."""
        self.client.log_batch(run_id, tags=[RunTag(key, value) for key, value in tags.items()])

    def _remove_tag(self, run_id: str, key: str) -> None:
        """Remove a tag that may be gone already."""
        try:
            self.client.delete_tag(run_id, key)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise

    def _create_run(
        self, experiment_id: str, tags: Mapping[str, str], started_ms: int | None = None
    ) -> str:
        """Create an MLflow run, and only one however often the call is repeated; return its id."""
        mark = uuid.uuid4().hex

        def find() -> Run | None:
            condition = f"tags.`{CREATION}` = '{mark}'"
            found = self.client.once.search_runs([experiment_id], condition, max_results=1)
            return found[0] if found else None

        def create() -> Run:
            own = {**tags, CREATION: mark}
            return self.client.once.create_run(experiment_id, started_ms, own)

        run = self._once(find, create)
        self._experiments[run.info.run_id] = experiment_id
        return str(run.info.run_id)

    def _once(self, find: Callable[[], Any], create: Callable[[], Any]) -> Any:
        """Create something; before another try look whether the first one came through."""
        tries = itertools.count()

        def attempt() -> Any:
            found = find() if next(tries) else None
            return create() if found is None else found

        return self.client.attempt(Access.WRITE_RECORDS, attempt)

    def _mlflow_run(self, run_id: str) -> Run:
        try:
            run = self.client.get_run(run_id)
        except MlflowException as error:
            if error.error_code not in _NO_RUN:
                raise
            shown = hide_password(self.tracking_uri)
            raise RunException(f"there is no run {run_id!r} in {shown}") from error
        self._experiments[run_id] = str(run.info.experiment_id)
        return run

    def _experiment_of(self, run_id: str) -> str:
        """Return the id of a run's experiment, which never changes."""
        return self._experiments.get(run_id) or str(self._mlflow_run(run_id).info.experiment_id)

    def _search(self, experiment_ids: Sequence[str], condition: str) -> list[Run]:
        """Return all runs of experiments that meet a condition in MLflow's syntax."""
        experiments, search = list(experiment_ids), self.client.search_runs
        return all_pages(
            lambda token: search(experiments, condition, ViewType.ACTIVE_ONLY, _PAGE, None, token)
        )


def all_pages(search: Callable[[str | None], Any]) -> list[Any]:
    """Return what a search of MLflow finds, over all pages of the answer.

    Parameters
    ----------
    search:
        Takes the token of a page and returns the page; ``None`` stands for the first one.
    """
    page = search(None)
    found = list(page)
    while page.token:
        page = search(page.token)
        found += page
    return found
