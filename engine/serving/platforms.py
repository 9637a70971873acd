"""Where endpoints live: on the embedded Ray of this process, or on a cluster of the workspace."""

from __future__ import annotations

import secrets
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.targets.connection import connect
from cluster.targets.target import RayTarget
from engine.errors import RunException
from engine.serving.applications import Deployed
from engine.serving.job import outcome_of, packaged

_POLL_SECONDS = 0.5
#: Seconds beyond the time limit of a deploy that its job may take to start and to end.
_JOB_SECONDS = 120.0


class ServingPlatform(ABC):
    """Deploys, asks about and deletes endpoints."""

    @abstractmethod
    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """Serve a packed model; return host and port as this machine reaches them.

        Raises
        ------
        RunException
            When it is not up in time; says what is missing.
        """

    @abstractmethod
    def delete(self, name: str) -> None:
        """End an endpoint with all that belongs to it; none there is no error."""

    @abstractmethod
    def status(self, name: str) -> dict[str, Any]:
        """Return ``state``, ``message`` and ``replicas``, see `engine.serving.applications`."""

    @abstractmethod
    def logs(self, name: str) -> str:
        """Return what the replicas have logged."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether others than this machine reach the endpoint, so that it needs a token."""


class EmbeddedServing(ServingPlatform):
    """Endpoints on the Ray that this process is connected to; they end with the process."""

    is_open = False

    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """See `ServingPlatform.deploy`."""
        connect()
        from engine.serving import applications

        return "127.0.0.1", applications.deploy(wanted, packed, timeout_seconds)

    def delete(self, name: str) -> None:
        """See `ServingPlatform.delete`."""
        import ray

        from engine.serving import applications

        if ray.is_initialized():
            applications.delete(name)

    def status(self, name: str) -> dict[str, Any]:
        """See `ServingPlatform.status`."""
        import ray

        from engine.serving import applications

        if not ray.is_initialized():
            return {"state": "NOT_DEPLOYED", "message": "", "replicas": 0}
        return applications.status(name)

    def logs(self, name: str) -> str:
        """See `ServingPlatform.logs`."""
        connect()
        from engine.serving import applications

        return applications.logs(name)


class ClusterServing(ServingPlatform):
    """Endpoints on a compute target; each change is a Ray job there.

    Parameters
    ----------
    target:
        The compute target.
    """

    def __init__(self, target: RayTarget) -> None:
        self._target = target

    @property
    def is_open(self) -> bool:
        """Whether others than this machine reach the endpoint."""
        return not self._target.runs_here

    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """See `ServingPlatform.deploy`."""
        wanted = replace(wanted, may_grow=True, host="0.0.0.0" if self.is_open else "127.0.0.1")
        request = {
            "action": "deploy",
            "wanted": wanted.to_dict(),
            "timeout_seconds": timeout_seconds,
        }
        outcome = self._do(request, packed, timeout_seconds)
        return self._host(), int(outcome["port"])

    def delete(self, name: str) -> None:
        """See `ServingPlatform.delete`."""
        self._do({"action": "delete", "name": name})

    def status(self, name: str) -> dict[str, Any]:
        """See `ServingPlatform.status`; asked of the dashboard, without a job."""
        found = self._target.head.serve_applications().get(name)
        if found is None:
            return {"state": "NOT_DEPLOYED", "message": "", "replicas": 0}
        deployments = found.get("deployments", {}).values()
        replicas = [r for d in deployments for r in d.get("replicas", [])]
        return {
            "state": found["status"],
            "message": found.get("message", ""),
            "replicas": sum(r.get("state") == "RUNNING" for r in replicas),
        }

    def logs(self, name: str) -> str:
        """See `ServingPlatform.logs`."""
        return str(self._do({"action": "logs", "name": name})["logs"])

    def _host(self) -> str:
        if not self.is_open:
            return "127.0.0.1"
        heads = [node.node_ip for node in self._target.head.nodes() if node.is_head]
        return heads[0] if heads else "127.0.0.1"

    def _do(
        self, request: Mapping[str, Any], packed: bytes = b"", seconds: float = 0.0
    ) -> dict[str, Any]:
        """Run the job and return its outcome."""
        key = f"_ray_pkg_{secrets.token_hex(16)}.zip"
        head = self._target.head
        head.upload(key, packaged(request, packed))
        submission = f"raysmith-endpoint-{uuid.uuid4().hex[:8]}"
        self._target.submit_module("engine.serving.job", [key], submission)
        until = time.monotonic() + seconds + _JOB_SECONDS
        while head.job_status(submission) not in ("SUCCEEDED", "FAILED", "STOPPED"):
            if time.monotonic() > until:
                raise RunException(
                    f"job {submission} on compute target {self._target.name!r} has not ended; "
                    "does the cluster have a free core?"
                )
            time.sleep(_POLL_SECONDS)
        logs = head.job_logs(submission)
        outcome = outcome_of(logs)
        if outcome is None:
            raise ComputeTargetException(f"job {submission} failed: {logs[-2000:]}")
        if "error" in outcome:
            raise RunException(outcome["error"])
        return outcome
