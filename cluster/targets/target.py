"""A Ray cluster under a name in the workspace: its state, its nodes, its runs."""

from __future__ import annotations

import shutil
import socket
import sys
import time
import uuid
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ComputeTargetException
from cluster.jobs.head import Head, NodeInfo, module_command
from cluster.jobs.secrets import KEY_VARIABLE, JobSecrets, split_variables
from cluster.jobs.worker_setup import setup_of_workers
from cluster.not_uploaded import NOT_UPLOADED
from cluster.providers.kinds import provider_class
from cluster.providers.provider import Provider
from cluster.provisioning.configuration import ProvisioningConfiguration
from cluster.provisioning.run_environment import (
    RunEnvironment,
    checked_here,
    without_satisfied,
)
from cluster.targets.launch import Launch
from cluster.targets.node_request import wait_for_nodes
from cluster.targets.registry import (
    BEING_MADE,
    TARGET_FILE,
    HasFolder,
    folder_of,
    is_locked,
    locked,
    names,
    read_target,
)
from cluster.targets.status import AmlComputeStatus

_SUBMISSION = "raysmith-"
#: Seconds that the driver of a run that has ended may take to leave.
_LEAVING_SECONDS = 10.0


class RayTarget:
    """A Ray cluster that a workspace remembers, by its name.

    Parameters
    ----------
    workspace:
        The workspace that remembers the target.
    name:
        The name given to `ComputeTarget.create` or `ComputeTarget.attach`.

    Raises
    ------
    ComputeTargetException
        When the workspace has no target of that name.
    """

    def __init__(self, workspace: HasFolder, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self._folder = folder_of(workspace, name)
        if not (self._folder / TARGET_FILE).is_file():
            known = ", ".join(names(workspace)) or "none"
            raise ComputeTargetException(
                f"there is no compute target {name!r} in the workspace; there is {known}"
            )

    def __repr__(self) -> str:
        record = self._read()
        where = (record.get("provisioning") or {}).get("provider") or record["address"]
        return f"{type(self).__name__}({self.name!r}, {where!r})"

    @property
    def provisioning(self) -> ProvisioningConfiguration:
        """The configuration as the target was created and updated.

        Raises
        ------
        ComputeTargetException
            For an attached cluster, which others have made.
        """
        values = self._read().get("provisioning")
        if values is None:
            raise ComputeTargetException(
                f"compute target {self.name!r} was attached: its cluster's own configuration "
                "decides about its nodes"
            )
        return ProvisioningConfiguration.from_dict(values)

    @property
    def type(self) -> str:
        """``AmlCompute`` for a cluster that the workspace has made, ``attached`` for another."""
        return str(self._read()["type"])

    @property
    def runs_here(self) -> bool:
        """Whether the nodes are processes of this machine, with its files and its interpreter."""
        return self._provider().runs_here()

    @property
    def address(self) -> str:
        """The address of the cluster's dashboard, ``http://host:port``.

        For a cluster of Ray's launcher it is this machine's end of a tunnel to the head, which is
        opened when there is none.

        Raises
        ------
        ComputeTargetException
            When there is no way to the head.
        """
        return self._provider().address()

    @property
    def cluster_file(self) -> str | None:
        """The file that ``ray submit``, ``ray attach`` and ``ray exec`` take.

        ``None`` unless the cluster was made by Ray's launcher.
        """
        file = self._provider().cluster_file
        return None if file is None else str(file)

    @property
    def head(self) -> Head:
        """The cluster's head, by its address and token."""
        provider = self._provider()
        file = provider.token_file
        token = file.read_text(encoding="ascii").strip() if file.is_file() else None
        return Head(provider.address(), token, self.name)

    def list_nodes(self) -> list[dict[str, Any]]:
        """Return the living workers: ``nodeId``, ``nodeIp``, ``nodeState`` and ``resources``."""
        return [
            {
                "nodeId": node.node_id,
                "nodeIp": node.node_ip,
                "nodeState": node.state,
                "resources": dict(node.resources),
            }
            for node in self._workers()
        ]

    def get_status(self) -> AmlComputeStatus:
        """Return the present state; a head that is gone is a state, not an error."""
        if BEING_MADE in self._read():
            if is_locked(self._folder):
                return AmlComputeStatus("Creating", "Resizing", 0, 0)
            return AmlComputeStatus.gone(self._interrupted())
        provider = self._provider()
        problem = provider.problem()
        if problem is not None:
            return AmlComputeStatus.gone(problem)
        try:
            count = len(self._workers())
        except ComputeTargetException as gone:
            return AmlComputeStatus.gone(str(gone))
        target = provider.target_node_count(count)
        allocation = "Steady" if count == target else "Resizing"
        return AmlComputeStatus("Succeeded", allocation, count, target)

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
    ) -> AmlComputeStatus:
        """Ask the autoscaler for workers and return once enough are alive.

        The request ends with the wait. Workers that no run takes stay for the target's idle time.

        Parameters
        ----------
        show_output:
            Print the progress.
        min_node_count:
            The number of workers to wait for; default: ``min_nodes`` of the target.
        timeout_in_minutes:
            Give up after this long.

        Raises
        ------
        ComputeTargetException
            When the head is gone, ``min_node_count`` is not a number of workers that there may be,
            or the time is over: with the autoscaler's own report.
        """
        wanted = self._least_nodes() if min_node_count is None else min_node_count
        self._check_count(wanted)
        # The scale settings bring their least number by themselves.
        asks = wanted > self._least_nodes()
        return wait_for_nodes(self, wanted, asks, show_output, timeout_in_minutes)

    def why_no_nodes(self) -> str:
        """Why there are not more workers, for a message: the autoscaler's own report."""
        return self._provider().why_no_nodes()

    def timed_out(self, reason: str, status: AmlComputeStatus) -> AmlComputeStatus:
        """End a wait for workers whose time is over.

        Raises
        ------
        ComputeTargetException
            Always; subclasses may return ``status`` instead.
        """
        raise ComputeTargetException(reason)

    def serialize(self) -> dict[str, Any]:
        """Return plain values: name, address, provisioning, status."""
        values = self._read()
        for internal in ("cluster_id", BEING_MADE):
            values.pop(internal, None)
        status = self.get_status()
        if "address" not in values:
            values["address"] = self.address if status.provisioning_state == "Succeeded" else ""
        return {**values, "status": status.serialize()}

    def delete(self, force: bool = False) -> None:
        """Forget the target; a cluster that was made for it ends, with its nodes.

        Parameters
        ----------
        force:
            Also while runs or endpoints go on there. When the machines cannot be ended, forget the
            target all the same, with a warning.

        Raises
        ------
        ComputeTargetException
            While runs or endpoints go on there, and when machines may be left running, unless
            ``force``.
        """
        self._refuse_while_busy(force)
        with locked(self._folder):
            try:
                self._provider().down()
            except ComputeTargetException as left:
                if not force:
                    raise
                warnings.warn(f"machines may be left running: {left}", stacklevel=2)
            shutil.rmtree(self._folder, ignore_errors=True)

    detach = delete

    @property
    def python(self) -> str:
        """The interpreter of the cluster's jobs.

        It is named by its path where that is known: a bare ``python`` would be whatever the
        ``PATH`` says.
        """
        return sys.executable if self.runs_here else "python3"

    def environment_for(self, runtime_env: Mapping[str, Any]) -> RunEnvironment:
        """Return what a run gets of the environment that was asked for.

        Raises
        ------
        ComputeTargetException
            When it needs conda, and the nodes are of this machine, which has none.
        """
        if not self.runs_here:
            return RunEnvironment(dict(runtime_env))
        return RunEnvironment(checked_here(without_satisfied(runtime_env)))

    def launch(self, launch: Launch) -> None:
        """Start a run's driver as a Ray job, which outlives this process.

        Raises
        ------
        ComputeTargetException
            When the cluster does not take it.
        """
        at_start, hidden = split_variables(launch.variables)
        secrets = JobSecrets(launch.secrets, hidden)
        asked = self.environment_for(launch.runtime_env).runtime_env
        setup = setup_of_workers(has_secrets=bool(hidden))
        variables = {**at_start, **self._worker_shape(), **setup.pop("env_vars", {})}
        runtime_env = {**asked, **setup, "env_vars": variables}
        if hidden:
            variables[KEY_VARIABLE] = secrets.key
        if launch.project is not None:
            runtime_env["working_dir"] = launch.project
            runtime_env.setdefault("excludes", list(NOT_UPLOADED))
        started = [secrets.key, "cluster.jobs.supervisor", launch.module, *launch.arguments]
        head = self.head
        head.upload(secrets.key, secrets.content())
        head.submit(
            module_command(self.python, "cluster.jobs.secrets", *started),
            f"{_submission_prefix(launch.run_id)}{uuid.uuid4().hex[:6]}",
            runtime_env,
            launch.metadata,
        )

    def submit_module(self, module: str, arguments: Sequence[str], submission_id: str) -> None:
        """Start ``python -m MODULE ARGUMENTS...`` as a Ray job.

        Raises
        ------
        ComputeTargetException
            When the cluster does not take it.
        """
        command = module_command(self.python, module, *arguments)
        self.head.submit(command, submission_id, {}, {})

    def job_state(self, run_id: str) -> tuple[str, str]:
        """Return status and message of the run's latest job, empty when the cluster has none.

        The status is Ray's: ``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED`` or ``STOPPED``.
        """
        return self.job_states().get(run_id, ("", ""))

    def job_states(self) -> dict[str, tuple[str, str]]:
        """Return run id -> `job_state`, for all runs that the cluster has jobs of."""
        jobs = sorted(self.head.jobs(), key=lambda job: job.get("start_time") or 0)
        return {
            run_id: (str(job.get("status") or ""), str(job.get("message") or ""))
            for job in jobs
            if (run_id := _run_of(job["submission_id"])) is not None
        }

    def is_reachable_from(self, tracking_uri: str) -> bool:
        """Whether a driver on the cluster can reach a store at that URI."""
        if tracking_uri.startswith(("http://", "https://", "postgresql", "mysql", "mssql")):
            return True
        provider = self._provider()
        if provider.runs_here():
            return True
        if provider.cluster_file is not None:
            return False
        return urlsplit(provider.address()).hostname == socket.gethostname()

    def _refuse_while_busy(self, force: bool) -> None:
        if force:
            return
        try:
            until = time.monotonic() + _LEAVING_SECONDS
            while (busy := self.head.running_jobs()) and time.monotonic() < until:
                time.sleep(0.5)
        except ComputeTargetException:
            return  # its head is gone, and the runs with it
        busy += self._endpoints()
        if busy:
            raise ComputeTargetException(
                f"compute target {self.name!r} is busy with {', '.join(busy)}; cancel or "
                "delete what runs there, or delete(force=True)"
            )

    def _endpoints(self) -> list[str]:
        """Return the endpoints that end with the cluster."""
        if not self._provider().can_start:
            return []  # its cluster goes on without the workspace
        with suppress(ComputeTargetException):  # Ray Serve may not be installed there
            return [f"endpoint {name}" for name in self.head.serve_applications()]
        return []

    def _interrupted(self) -> str:
        return (
            f"the creation of compute target {self.name!r} was interrupted; "
            "ComputeTarget.create() with its name starts anew, delete() ends what is left"
        )

    def _worker_shape(self) -> dict[str, str]:
        return {}

    def _least_nodes(self) -> int:
        return 0

    def _check_count(self, count: object) -> None:
        """Raise `ComputeTargetException` unless there may be this number of workers."""
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            raise ComputeTargetException(
                f"min_node_count={count!r}: allowed is an integer of at least 0"
            )

    def _workers(self) -> list[NodeInfo]:
        return [n for n in self.head.nodes() if n.state == "ALIVE" and not n.is_head]

    def _provider(self) -> Provider:
        record = self._read()
        kind = (record.get("provisioning") or {}).get("provider")
        return provider_class(kind)(self._folder, record)

    def _read(self) -> dict[str, Any]:
        return read_target(self._folder)


def _submission_prefix(run_id: str) -> str:
    return f"{_SUBMISSION}{run_id}-"


def _run_of(submission_id: str) -> str | None:
    """Return the run whose driver a job is; ``None`` for jobs of others."""
    run_id = submission_id.removeprefix(_SUBMISSION).rpartition("-")[0]
    return run_id if submission_id.startswith(_SUBMISSION) else None
