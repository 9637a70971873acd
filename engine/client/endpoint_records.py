"""Endpoints as a workspace remembers them, and the way to the Ray that they live on."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.private_files import write_private
from engine.client.interfaces import WorkspaceLike
from engine.errors import ConfigException, RunException
from engine.processes import process_started
from engine.serving.package import ModelPackage
from engine.serving.settings import EndpointSettings
from engine.store.files import MODEL_FILE
from engine.store.training_summary import load_training_summary

if TYPE_CHECKING:
    from engine.serving.platforms import ServingPlatform

RECORD_FILE, TOKEN_FILE = "endpoint.json", "token"
_FOLDER = "endpoints"


def endpoint_names(workspace: WorkspaceLike) -> list[str]:
    """Return the names of a workspace's endpoints, sorted."""
    return sorted(
        file.parent.name for file in (workspace.folder / _FOLDER).glob(f"*/{RECORD_FILE}")
    )


def folder_of(workspace: WorkspaceLike, name: str) -> Path:
    return Path(workspace.folder) / _FOLDER / name


def this_process() -> dict[str, Any]:
    return {"pid": os.getpid(), "started": process_started(os.getpid())}


@dataclass(frozen=True)
class Served:
    """What a version of an endpoint serves.

    Attributes
    ----------
    package:
        The packed `engine.serving.package.ModelPackage` or ``ScriptPackage``.
    iteration_id:
        Id of the model's iteration; ``None`` for a script.
    setup:
        What replicas call first, ``package.module:function``; ``None`` for nothing.
    again:
        Version of the endpoint whose package, which the cluster keeps, is served again; ``None``
        for ``package``.
    """

    package: bytes = field(repr=False)
    iteration_id: str | None = None
    setup: str | None = None
    again: int | None = None

    @classmethod
    def of_iteration(cls, workspace: WorkspaceLike, iteration_id: str) -> Served:
        """Return the model of an iteration.

        Raises
        ------
        RunException
            When it has none.
        """
        store = workspace.store
        try:
            model = store.read_verified(iteration_id, MODEL_FILE)
        except FileNotFoundError as error:
            raise RunException(f"iteration {iteration_id} has no fitted model") from error
        summary = load_training_summary(store, iteration_id)
        text = None if summary is None else summary.to_json()
        return cls(ModelPackage(model, text).packed(), iteration_id)

    @classmethod
    def of_version(cls, workspace: WorkspaceLike, version: Mapping[str, Any]) -> Served:
        """Return what a version of an endpoint served, by its entry in the record.

        The workspace has the models of iterations. Scripts are kept by the cluster alone.
        """
        if version["iteration_id"] is not None:
            return cls.of_iteration(workspace, version["iteration_id"])
        return cls(b"", None, version.get("setup"), version["version"])


def deploy_version(
    workspace: WorkspaceLike,
    name: str,
    served: Served,
    settings: EndpointSettings,
    record: dict[str, Any],
    timeout_seconds: float,
) -> None:
    """Deploy a version and write the record."""
    from engine.serving.applications import Deployed
    from engine.serving.platforms import EmbeddedServing
    from engine.serving.service import digest_of_token

    folder = folder_of(workspace, name)
    version = 1 + max((v["version"] for v in record["versions"]), default=0)
    file = folder / TOKEN_FILE
    digest = digest_of_token(file.read_text(encoding="utf-8")) if file.is_file() else None
    wanted = Deployed(
        name,
        version,
        settings,
        digest,
        is_script=served.iteration_id is None,
        setup=served.setup,
        model_of=served.again,
    )
    platform = platform_of(workspace, record)
    host, port = platform.deploy(wanted, served.package, float(timeout_seconds))
    entry = {
        "version": version,
        "iteration_id": served.iteration_id,
        "setup": served.setup,
        "settings": settings.to_dict(),
    }
    values = {**record, "host": host, "port": port, "settings": settings.to_dict()}
    if isinstance(platform, EmbeddedServing):
        values["ray_variables"] = dict(platform.ray_variables)
    values["versions"] = [*record["versions"], entry]
    try:
        write_private(folder / RECORD_FILE, json.dumps(values, indent=1))
    except BaseException:
        if not record["versions"]:
            platform.delete(name)  # nobody would know of it
        raise


def platform_of(workspace: WorkspaceLike, record: Mapping[str, Any]) -> ServingPlatform:
    """Return where an endpoint lives, or is to live, by its record.

    Raises
    ------
    ConfigException
        When the workspace has no compute target of that name.
    """
    from engine.serving.platforms import ClusterServing, EmbeddedServing, OtherProcessServing

    owner, target = _owner(workspace), record["compute_target"]
    if target == "local":
        if record.get("owner") in (None, this_process()):
            return EmbeddedServing(owner)
        return OtherProcessServing(owner, record["ray_variables"], record["port"])
    known = workspace.compute_targets
    if target not in known:
        raise ConfigException([f"compute_target={target!r}: the workspace has {', '.join(known)}"])
    return ClusterServing(owner, known[target])


def _owner(workspace: WorkspaceLike) -> str:
    """Return what tells the endpoints of this workspace from those of others on a cluster."""
    place = f"{socket.gethostname()}:{Path(workspace.folder).resolve()}"
    return hashlib.sha256(place.encode()).hexdigest()[:32]
