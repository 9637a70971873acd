"""Where endpoints live: on the Ray of a process, or on a cluster of the workspace."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray

from cluster.errors import ComputeTargetException
from cluster.targets.connection import connect
from cluster.targets.target import RayTarget
from engine.errors import RunException
from engine.serving import applications, replica_logs
from engine.serving.applications import Deployed
from engine.serving.job import FROM_STDIN, outcome_of, packaged
from engine.serving.serve_processes import LOOPBACK

_POLL_SECONDS, _ASK_SECONDS = 0.5, 5.0
#: Seconds beyond the time limit of a deploy that its job may take to start, to go back to the
#: version before, and to end.
_JOB_SECONDS = 180.0
#: Variables that say whether Ray asks for a token, and where it is; Ray sets the first one itself.
_AUTH_VARIABLES = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH")
_ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_NOT_DEPLOYED: Mapping[str, Any] = {"state": "NOT_DEPLOYED", "message": "", "replicas": 0}


class ServingPlatform(ABC):
    """Deploys, asks about and deletes endpoints.

    Parameters
    ----------
    owner:
        Whose endpoints they are: those of others are left alone.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner

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

    @property
    def ray_variables(self) -> Mapping[str, str]:
        """Environment variables with which other processes reach its Ray."""
        given = {name: os.environ[name] for name in _AUTH_VARIABLES if name in os.environ}
        return {**given, "RAY_ADDRESS": connect().address}

    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """See `ServingPlatform.deploy`."""
        connect()
        wanted = replace(wanted, owner=self._owner)
        return LOOPBACK, applications.deploy(wanted, packed, timeout_seconds)

    def delete(self, name: str) -> None:
        """See `ServingPlatform.delete`."""
        if ray.is_initialized():
            applications.delete(name, self._owner)

    def status(self, name: str) -> dict[str, Any]:
        """See `ServingPlatform.status`."""
        return applications.status(name) if ray.is_initialized() else dict(_NOT_DEPLOYED)

    def logs(self, name: str) -> str:
        """See `ServingPlatform.logs`."""
        connect()
        return replica_logs.logs(name)


class JobServing(ServingPlatform):
    """Endpoints on a Ray that this process is not connected to: each change is a process there."""

    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """See `ServingPlatform.deploy`."""
        wanted = replace(wanted, owner=self._owner, host="0.0.0.0" if self.is_open else LOOPBACK)
        request = {
            "action": "deploy",
            "wanted": wanted.to_dict(),
            "timeout_seconds": timeout_seconds,
        }
        outcome = self._do(request, packed, timeout_seconds)
        return self._host(), int(outcome["port"])

    def delete(self, name: str) -> None:
        """See `ServingPlatform.delete`."""
        self._do({"action": "delete", "name": name, "owner": self._owner})

    def logs(self, name: str) -> str:
        """See `ServingPlatform.logs`."""
        return str(self._do({"action": "logs", "name": name})["logs"])

    def _do(
        self, request: Mapping[str, Any], packed: bytes = b"", seconds: float = 0.0
    ) -> dict[str, Any]:
        """Return what `engine.serving.job` makes of a request.

        Parameters
        ----------
        seconds:
            Time that the request itself may take.
        """
        printed = self._run(packaged(request, packed), seconds + _JOB_SECONDS)
        outcome = outcome_of(printed)
        if outcome is None:
            raise RunException(f"{request['action']} failed: {printed[-2000:]}")
        if "error" in outcome:
            raise RunException(outcome["error"])
        return outcome

    @abstractmethod
    def _run(self, package: bytes, seconds: float) -> str:
        """Run the process and return what it has printed."""

    @abstractmethod
    def _host(self) -> str:
        """Return the host of the endpoints, as this machine reaches it."""


class OtherProcessServing(JobServing):
    """Endpoints on the embedded Ray of another process of this machine.

    Parameters
    ----------
    variables:
        What `EmbeddedServing.ray_variables` is in that process.
    port:
        Of the endpoints.
    """

    is_open = False

    def __init__(self, owner: str, variables: Mapping[str, str], port: int) -> None:
        super().__init__(owner)
        self._variables = variables
        self._port = port

    def delete(self, name: str) -> None:
        """See `ServingPlatform.delete`; nothing is left of it when its process has ended."""
        if self.status(name)["state"] != "NOT_DEPLOYED":
            super().delete(name)

    def status(self, name: str) -> dict[str, Any]:
        """See `ServingPlatform.status`; asked of the endpoint, which does not tell of replicas."""
        import requests

        state, message = "UNHEALTHY", "it lives in another process"
        try:
            answer = requests.get(
                f"http://{LOOPBACK}:{self._port}/{name}/ready", timeout=_ASK_SECONDS
            )
        except requests.Timeout:
            return {"state": state, "message": message, "replicas": 0}
        except requests.RequestException:
            return {**_NOT_DEPLOYED, "message": "the process that it lived in has ended"}
        if answer.status_code == 404:
            return {**_NOT_DEPLOYED, "message": "it has been deleted"}
        return {"state": "RUNNING" if answer.ok else state, "message": message, "replicas": 0}

    def _run(self, package: bytes, seconds: float) -> str:
        try:
            done = subprocess.run(
                (sys.executable, "-m", "engine.serving.job", FROM_STDIN),
                input=package,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=seconds,
                check=False,
                cwd=Path(__file__).parents[2],
                env={**os.environ, **self._variables},
            )
        except subprocess.TimeoutExpired as error:
            address = self._variables["RAY_ADDRESS"]
            raise RunException(f"Ray at {address} has not answered in time") from error
        return done.stdout.decode(errors="replace")

    def _host(self) -> str:
        return LOOPBACK


class ClusterServing(JobServing):
    """Endpoints on a compute target; each change is a Ray job there.

    Parameters
    ----------
    target:
        The compute target.
    """

    def __init__(self, owner: str, target: RayTarget) -> None:
        super().__init__(owner)
        self._target = target

    @property
    def is_open(self) -> bool:
        """Whether others than this machine reach the endpoint."""
        return not self._target.runs_here

    def deploy(self, wanted: Deployed, packed: bytes, timeout_seconds: float) -> tuple[str, int]:
        """See `ServingPlatform.deploy`."""
        wanted = replace(wanted, may_grow=True)
        try:
            return super().deploy(wanted, packed, timeout_seconds)
        except KeyboardInterrupt:
            if wanted.version == 1:
                self.delete(wanted.name)
            raise

    def status(self, name: str) -> dict[str, Any]:
        """See `ServingPlatform.status`; asked of the dashboard, without a job."""
        try:
            found = self._target.head.serve_applications().get(name)
        except ComputeTargetException as error:
            return {"state": "UNREACHABLE", "message": str(error), "replicas": 0}
        if found is None:
            return dict(_NOT_DEPLOYED)
        deployments = found.get("deployments", {}).values()
        replicas = [r for d in deployments for r in d.get("replicas", [])]
        messages = [found.get("message", ""), *(d.get("message", "") for d in deployments)]
        return {
            "state": found["status"],
            "message": next(filter(None, messages), ""),
            "replicas": sum(r.get("state") == "RUNNING" for r in replicas),
        }

    def _host(self) -> str:
        if not self.is_open:
            return LOOPBACK
        heads = [node.node_ip for node in self._target.head.nodes() if node.is_head]
        return heads[0] if heads else LOOPBACK

    def _run(self, package: bytes, seconds: float) -> str:
        key = f"_ray_pkg_{secrets.token_hex(16)}.zip"
        head = self._target.head
        head.upload(key, package)
        submission = f"raysmith-endpoint-{uuid.uuid4().hex[:8]}"
        self._target.submit_module("engine.serving.job", [key], submission)
        try:
            self._wait_for(submission, seconds)
        except BaseException:
            with suppress(ComputeTargetException):
                head.stop(submission)
            raise
        return head.job_logs(submission)

    def _wait_for(self, submission: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        head = self._target.head
        while head.job_status(submission) not in _ENDED:
            if time.monotonic() > until:
                raise RunException(
                    f"job {submission} on compute target {self._target.name!r} has not ended; "
                    "does the cluster have a free core?"
                )
            time.sleep(_POLL_SECONDS)
