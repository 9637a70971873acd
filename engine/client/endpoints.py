"""`Endpoint`: a model behind HTTP, deployed, updated and deleted by its name in the workspace."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.private_files import make_private, write_private
from cluster.targets.registry import locked
from engine.client.endpoint_records import (
    RECORD_FILE,
    TOKEN_FILE,
    Served,
    deploy_version,
    endpoint_names,
    folder_of,
    platform_of,
    this_process,
)
from engine.client.endpoint_requests import body_of, is_of_a_lost_replica, reason_of
from engine.client.interfaces import WorkspaceLike
from engine.errors import ConfigException, DataException, ModelException, RunException
from engine.serving.settings import EndpointSettings, check_endpoint_name

_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 120.0


class Endpoint:
    """A model of a run behind HTTP, by its name in the workspace.

    `engine.AutoMLRun.deploy` makes one; the constructor opens it again.

    Parameters
    ----------
    workspace:
        The workspace that remembers it.
    name:
        The name given to ``deploy``.

    Raises
    ------
    RunException
        When the workspace has no endpoint of that name.
    """

    def __init__(self, workspace: WorkspaceLike, name: str) -> None:
        self.workspace = workspace
        self.name = check_endpoint_name(name)
        self._folder = folder_of(workspace, name)
        if not (self._folder / RECORD_FILE).is_file():
            known = ", ".join(endpoint_names(workspace)) or "none"
            raise RunException(
                f"there is no endpoint {name!r} in the workspace; there is {known}; "
                "AutoMLRun.deploy(name) makes one"
            )

    def __repr__(self) -> str:
        return f"Endpoint({self.name!r}, {self.scoring_uri!r})"

    def __enter__(self) -> Endpoint:
        return self

    def __exit__(self, *error: object) -> None:
        """Delete the endpoint at the end of a ``with`` block."""
        self.delete()

    @property
    def scoring_uri(self) -> str:
        """Address that takes rows and gives predictions, as MLflow's scoring server does."""
        return f"{self.url}/invocations"

    @property
    def url(self) -> str:
        """Address of the endpoint: ``/invocations``, ``/ready``, ``/openapi.json``, ... below."""
        record = self._read()
        return f"http://{record['host']}:{record['port']}/{self.name}"

    @property
    def token(self) -> str | None:
        """The token that requests must carry; ``None`` where none is needed."""
        file = self._folder / TOKEN_FILE
        return file.read_text(encoding="utf-8") if file.is_file() else None

    @property
    def version(self) -> int:
        """Number of the present version, from 1; each update and rollback makes a new one."""
        return int(self._read()["versions"][-1]["version"])

    @property
    def iteration_id(self) -> str | None:
        """Id in MLflow of the iteration whose model is served; ``None`` for a scoring script."""
        found: str | None = self._read()["versions"][-1]["iteration_id"]
        return found

    @property
    def status(self) -> str:
        """The state as Ray Serve tells it.

        ``RUNNING``, ``DEPLOYING``, ``UNHEALTHY``, ``DEPLOY_FAILED`` or ``DELETING``;
        ``NOT_DEPLOYED`` where its process or its cluster has ended, ``UNREACHABLE`` where its
        cluster does not answer.
        """
        return str(self._state()["state"])

    def get_details(self) -> dict[str, Any]:
        """Return name, address, state, message, replicas, settings and versions."""
        record = self._read()
        return {
            "name": self.name,
            "url": self.url,
            "compute_target": record["compute_target"],
            **self._state(),
            "settings": record["settings"],
            "versions": record["versions"],
        }

    def get_logs(self) -> str:
        """Return what the replicas have logged; bodies of requests are never among it."""
        return str(self._platform().logs(self.name))

    def predict(self, table: object) -> NDArray[Any]:
        """Predict rows over HTTP.

        Parameters
        ----------
        table:
            (n_rows, n_columns): pandas, polars or pyarrow table, numpy array, list of dicts.

        Returns
        -------
        ndarray
            Shape (n_rows,).

        Raises
        ------
        DataException
            When a column does not fit; names it.
        RunException
            When the endpoint does not answer, or too many requests wait there. A request that got
            503, or whose replica ended meanwhile, is sent once more before.
        """
        body = json.dumps(body_of(table)).encode()
        answer = self._post(body)
        if answer.status_code == 503 or is_of_a_lost_replica(answer):
            answer = self._post(body)
        if answer.status_code in (400, 413, 422):
            raise DataException(reason_of(answer))
        if answer.status_code != 200:
            raise RunException(
                f"endpoint {self.name!r} answered {answer.status_code}: {reason_of(answer)}"
            )
        return np.asarray(answer.json()["predictions"])

    def update(
        self,
        run: Any = None,
        iteration: int | None = None,
        metric: str | None = None,
        timeout_seconds: float = 300,
        **settings: Any,
    ) -> Endpoint:
        """Serve another model, or with other settings, without a failed request.

        Replicas load the new model while the old one answers.

        Parameters
        ----------
        run:
            The run whose model is served from now on; default: the same model.
        iteration, metric:
            Choose the iteration as in `engine.AutoMLRun.get_output`.
        timeout_seconds:
            Give up when it is not up after this long; the old model goes on then.
        **settings:
            ``num_replicas``, ``min_replicas``, ``max_replicas``, ``max_batch_size``,
            ``batch_wait_ms``; default: as before.

        Raises
        ------
        ConfigException
            For other settings, and for ``iteration`` or ``metric`` without a run.
        RunException
            When it is not up in time.
        """
        if run is None and (iteration is not None or metric is not None):
            raise ConfigException(["iteration, metric: give the run that they belong to, run=..."])
        _check_settings(settings)
        served = Served.of_version(self.workspace, self._read()["versions"][-1])
        if run is not None:
            child = run.get_output(iteration, metric)[0].run_id
            served = Served.of_iteration(self.workspace, child)
        return self.serve_again(served, timeout_seconds, **settings)

    def rollback(self, timeout_seconds: float = 300) -> Endpoint:
        """Serve the model and the settings of the version before the present one again.

        Raises
        ------
        RunException
            When there is no version before it, or it is not up in time.
        """
        versions = self._read()["versions"]
        if len(versions) < 2:
            raise RunException(
                f"endpoint {self.name!r} has one version only: nothing to go back to"
            )
        served = Served.of_version(self.workspace, versions[-2])
        return self.serve_again(served, timeout_seconds, **versions[-2]["settings"])

    def delete(self) -> None:
        """End the endpoint: its replicas, its model on the cluster, its record and its token.

        Without an effect on an endpoint that has been deleted.

        Raises
        ------
        ComputeTargetException
            When its cluster does not answer. A compute target that is deleted takes its endpoints
            along.
        """
        with locked(self._folder):
            if self._has_place():
                self._platform().delete(self.name)
            shutil.rmtree(self._folder, ignore_errors=True)

    def serve_again(
        self, served: Served, timeout_seconds: float = 300, **settings: Any
    ) -> Endpoint:
        """Serve something else, see `update`."""
        with locked(self._folder):
            record = self._read()
            state = self._state()["state"]
            if state == "NOT_DEPLOYED":
                raise RunException(
                    f"endpoint {self.name!r} has ended with its process or its cluster; deploy it "
                    "again"
                )
            wanted = EndpointSettings.from_dict({**record["settings"], **settings})
            deploy_version(self.workspace, self.name, served, wanted, record, timeout_seconds)
        return self

    def _state(self) -> dict[str, Any]:
        if not self._has_place():
            message = "its compute target has been deleted"
            return {"state": "NOT_DEPLOYED", "message": message, "replicas": 0}
        return self._platform().status(self.name)

    def _has_place(self) -> bool:
        """Whether there is a record, and the workspace has its compute target."""
        if not (self._folder / RECORD_FILE).is_file():
            return False
        return self._read()["compute_target"] in self.workspace.compute_targets

    def _platform(self) -> Any:
        return platform_of(self.workspace, self._read())

    def _post(self, body: bytes) -> Any:
        import requests

        headers = {"Content-Type": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            return requests.post(
                self.scoring_uri,
                data=body,
                headers=headers,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            )
        except requests.RequestException as error:
            raise RunException(
                f"endpoint {self.name!r} does not answer at {self.scoring_uri} "
                f"({type(error).__name__}); its state is {self.status}"
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            record: dict[str, Any] = json.loads(
                (self._folder / RECORD_FILE).read_text(encoding="utf-8")
            )
        except FileNotFoundError as error:
            raise RunException(f"endpoint {self.name!r} has been deleted") from error
        return record


def deploy(
    workspace: WorkspaceLike,
    name: str,
    served: Served,
    compute_target: Any = None,
    token: str | None = None,
    timeout_seconds: float = 300,
    **settings: Any,
) -> Endpoint:
    """Deploy a model or a scoring script as a new endpoint.

    Parameters
    ----------
    served:
        What it serves.
    compute_target, token, timeout_seconds, settings:
        As in `engine.AutoMLRun.deploy`.

    Raises
    ------
    ConfigException
        For a name, a token or settings that are not allowed.
    ComputeTargetException
        When there is no such compute target, or it does not answer.
    RunException
        When there is an endpoint of that name, or the replicas are not up in time.
    ModelException
        When the extra ``serve`` is not installed.
    """
    check_endpoint_name(name)
    wanted = EndpointSettings(**_check_settings(settings, is_new=True))
    if token is not None and (not isinstance(token, str) or len(token) < 16):
        raise ConfigException(["token: allowed is a text of at least 16 characters"])
    _check_installed()
    target = "local" if compute_target is None else getattr(compute_target, "name", compute_target)
    folder = folder_of(workspace, name)
    make_private(folder.parent)
    with locked(folder):
        _refuse_a_second(workspace, name)
        make_private(folder)
        record: dict[str, Any] = {"name": name, "compute_target": target, "versions": []}
        if target == "local":
            record["owner"] = this_process()
        try:
            if token is None and platform_of(workspace, record).is_open:
                token = secrets.token_urlsafe(32)
            if token is not None:
                write_private(folder / TOKEN_FILE, token)
            deploy_version(workspace, name, served, wanted, record, timeout_seconds)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
    return Endpoint(workspace, name)


def _refuse_a_second(workspace: WorkspaceLike, name: str) -> None:
    """Raise `RunException` when there is an endpoint of that name; forget one that has ended."""
    folder = folder_of(workspace, name)
    if not (folder / RECORD_FILE).is_file():
        return
    existing = Endpoint(workspace, name)
    if existing.status != "NOT_DEPLOYED":
        raise RunException(
            f"there is an endpoint {name!r} already, {existing.status} at {existing.url}; "
            "Endpoint(workspace, name).update(run) serves another model there"
        )
    shutil.rmtree(folder, ignore_errors=True)


def _check_settings(settings: Mapping[str, Any], is_new: bool = False) -> Mapping[str, Any]:
    allowed = list(EndpointSettings().to_dict())
    if not is_new:
        allowed.remove("cores_per_replica")
    unknown = [name for name in settings if name not in allowed]
    if unknown:
        raise ConfigException(
            [f"{name}: not a setting; allowed is one of {', '.join(allowed)}" for name in unknown]
        )
    return settings


def _check_installed() -> None:
    from importlib.util import find_spec

    if find_spec("starlette") is None or find_spec("fastapi") is None:
        raise ModelException(
            'endpoints need the extra "serve"; install it with: pip install "raysmith[serve]"'
        )
