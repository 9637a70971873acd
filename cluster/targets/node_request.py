"""A request for workers, for as long as somebody waits for them."""

from __future__ import annotations

import contextlib
import time
import uuid
from types import TracebackType
from typing import Protocol

from cluster.errors import ComputeTargetException
from cluster.jobs.head import Head, module_command
from cluster.targets.status import AmlComputeStatus

_POLL_SECONDS = 1.0


class HasNodes(Protocol):
    """A compute target, as the wait for its nodes sees it."""

    name: str

    @property
    def head(self) -> Head:
        """The cluster's head."""

    @property
    def python(self) -> str:
        """The interpreter of the cluster's jobs."""

    def get_status(self) -> AmlComputeStatus:
        """Return the present state."""

    def why_no_nodes(self) -> str:
        """Why there are not more workers, for a message."""

    def timed_out(self, reason: str, status: AmlComputeStatus) -> AmlComputeStatus:
        """End a wait whose time is over."""


def wait_for_nodes(
    target: HasNodes, wanted: int, asks: bool, show_output: bool, timeout_in_minutes: float
) -> AmlComputeStatus:
    """Return once ``wanted`` workers are alive; see `RayTarget.wait_for_completion`.

    Parameters
    ----------
    asks:
        Whether the autoscaler is asked for them.
    """
    until = time.monotonic() + 60 * timeout_in_minutes
    printed = ""
    with NodeRequest(60 * timeout_in_minutes) as request:
        while True:
            status = target.get_status()
            if status.provisioning_state == "Failed":
                raise ComputeTargetException("; ".join(status.errors))
            line = (
                f"{target.name}: {status.provisioning_state}, {status.allocation_state}, "
                f"{status.current_node_count} of {max(wanted, status.target_node_count)} nodes"
            )
            if show_output and line != printed:
                print(line, flush=True)
                printed = line
            is_ready = status.provisioning_state == "Succeeded"
            if is_ready and status.current_node_count >= wanted:
                if show_output:
                    print(f"{target.name}: ready", flush=True)
                return status
            if time.monotonic() > until:
                why = "; ".join(status.errors) or target.why_no_nodes()
                reason = (
                    f"compute target {target.name!r} has {status.current_node_count} of {wanted} "
                    f"nodes after {timeout_in_minutes:g} minutes; {why}"
                )
                return target.timed_out(reason, status)
            if is_ready and asks:
                request.make(target.head, target.python, wanted)
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic()) + 0.05))


class NodeRequest:
    """A job of the cluster that wants workers, ended with the block.

    What it wants comes on top of what runs want. When the client dies, the job ends by itself.

    Parameters
    ----------
    seconds:
        How long the job may take, at most.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._made: tuple[Head, str] | None = None

    def __enter__(self) -> NodeRequest:
        return self

    def make(self, head: Head, python: str, count: int) -> None:
        """Ask for ``count`` workers, once.

        Raises
        ------
        ComputeTargetException
            When the cluster does not take the job.
        """
        if self._made is not None:
            return
        limits = str(count), f"{self._seconds:.0f}"
        submission = f"nodes-{uuid.uuid4().hex[:12]}"
        command = module_command(python, "cluster.jobs.wanted_nodes", *limits)
        head.submit(command, submission, {}, {})
        self._made = head, submission

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._made is not None:
            head, submission = self._made
            # A head that is gone has ended the job; else it ends by its own limit.
            with contextlib.suppress(ComputeTargetException):
                head.stop(submission)
