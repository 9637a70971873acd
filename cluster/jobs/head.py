"""A Ray cluster's head, spoken to over HTTP with the cluster's token."""

from __future__ import annotations

import contextlib
import os
import shlex
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cluster.errors import ComputeTargetException

_CONNECT_SECONDS, _ANSWER_SECONDS = 4.0, 8.0
_environment = threading.Lock()


def module_command(python: str, module: str, *arguments: str) -> str:
    """Return the entry point of a job that runs a module.

    >>> module_command("python3", "engine.driver", "a run")
    "python3 -m engine.driver 'a run'"
    """
    return shlex.join((python, "-m", module, *arguments))


@dataclass(frozen=True)
class NodeInfo:
    """A node as Ray's head sees it: ``state`` is ``ALIVE`` or ``DEAD``."""

    node_id: str
    node_ip: str
    state: str
    is_head: bool
    resources: Mapping[str, float]
    node_name: str


class Head:
    """A client of a cluster's dashboard: its nodes and its jobs.

    Parameters
    ----------
    address:
        ``http://host:port``.
    token:
        Token of Ray's token authentication; ``None`` where it is off.
    name:
        Name of the compute target, for error messages.
    """

    def __init__(self, address: str, token: str | None, name: str) -> None:
        self.address = address.rstrip("/")
        self._token = token
        self._name = name

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers that carry the token."""
        return {} if self._token is None else {"Authorization": f"Bearer {self._token}"}

    def version(self) -> str:
        """Return Ray's version on the cluster.

        Raises
        ------
        ComputeTargetException
            Within 10 s when nobody answers, or the token is wrong.
        """
        return str(self._get("/api/version").get("ray_version", ""))

    def nodes(self) -> list[NodeInfo]:
        """Return the cluster's nodes, those that have died lately included."""
        answer = self._get("/api/v0/nodes", limit=10_000, detail="true")
        found = answer.get("data", {}).get("result", {}).get("result", [])
        return [
            NodeInfo(
                node_id=node["node_id"],
                node_ip=node["node_ip"],
                state=node["state"],
                is_head=bool(node["is_head_node"]),
                resources=node.get("resources_total") or {},
                node_name=node.get("node_name", ""),
            )
            for node in found
        ]

    def submit(
        self,
        entrypoint: str,
        submission_id: str,
        runtime_env: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> None:
        """Start a job; the working directory of ``runtime_env`` is uploaded.

        Raises
        ------
        ComputeTargetException
            When the cluster cannot be reached or refuses it.
        """
        self.version()  # in seconds, where Ray's own client waits for minutes
        try:
            with self._client() as client:
                client.submit_job(
                    entrypoint=entrypoint,
                    submission_id=submission_id,
                    runtime_env=dict(runtime_env),
                    metadata=dict(metadata),
                )
        except Exception as error:
            raise ComputeTargetException(
                f"compute target {self._name!r} did not take the run: {error}"
            ) from error

    def stop(self, submission_id: str) -> None:
        """End a job that was submitted.

        Raises
        ------
        ComputeTargetException
            When the cluster cannot be reached or has no such job.
        """
        self._ask("POST", f"/api/jobs/{submission_id}/stop")

    def upload(self, name: str, content: bytes) -> None:
        """Keep ``content`` in the memory of the cluster, as the package ``gcs://`` and ``name``.

        Parameters
        ----------
        name:
            Ends in ``.zip``, as that of a package.

        Raises
        ------
        ComputeTargetException
            When the cluster cannot be reached or refuses it.
        """
        self._ask("PUT", f"/api/packages/gcs/{name}", data=content)

    def jobs(self) -> list[dict[str, Any]]:
        """Return the jobs that were submitted to the cluster, as Ray's job server lists them."""
        return [job for job in self._get("/api/jobs/") if job.get("submission_id")]

    def job_status(self, submission_id: str) -> str:
        """Return the status of a job: ``PENDING``, ``RUNNING``, ``SUCCEEDED`` and so on."""
        return str(self._get(f"/api/jobs/{submission_id}").get("status", ""))

    def job_logs(self, submission_id: str) -> str:
        """Return what a job has printed."""
        return str(self._get(f"/api/jobs/{submission_id}/logs").get("logs", ""))

    def serve_applications(self) -> dict[str, dict[str, Any]]:
        """Return name -> application of Ray Serve, as its REST interface tells them."""
        found: dict[str, dict[str, Any]] = self._get("/api/serve/applications/").get(
            "applications", {}
        )
        return found

    def running_jobs(self) -> list[str]:
        """Return the submission ids of the jobs that have not ended."""
        unfinished = ("PENDING", "RUNNING")
        return [job["submission_id"] for job in self.jobs() if job.get("status") in unfinished]

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        from ray.job_submission import JobSubmissionClient

        # The client lets these variables go before the address that it is given.
        names = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
        with _environment:
            kept = {name: os.environ.pop(name) for name in names if name in os.environ}
            try:
                # Without a header of ours Ray's client would send this machine's own token.
                headers = self.headers or {"Authorization": ""}
                client = JobSubmissionClient(self.address, headers=headers)
            finally:
                os.environ.update(kept)
        yield client

    def _get(self, path: str, **params: Any) -> Any:
        answer = self._ask("GET", path, params=params)
        try:
            return answer.json()
        except ValueError as error:
            raise ComputeTargetException(
                f"what answers at {self.address} is no Ray dashboard"
            ) from error

    def _ask(self, method: str, path: str, **what: Any) -> Any:
        import requests

        try:
            answer = requests.request(
                method,
                self.address + path,
                headers=self.headers,
                timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
                **what,
            )
        except requests.RequestException as error:
            raise ComputeTargetException(
                f"compute target {self._name!r} does not answer at {self.address} "
                f"({type(error).__name__}); is its head running?"
            ) from error
        if answer.status_code in (401, 403):
            raise ComputeTargetException(
                f"compute target {self._name!r} at {self.address} does not accept the token "
                f"({answer.status_code}); attach it with the token of that cluster, token=..."
            )
        if not answer.ok:
            raise ComputeTargetException(
                f"compute target {self._name!r} answered {path} with {answer.status_code}: "
                f"{answer.text[:500]}"
            )
        return answer
