"""Questions to the connected Ray cluster itself: its autoscaler, its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ray

_ANSWER_SECONDS = 5


def request_nodes(bundles: Sequence[Mapping[str, float]]) -> None:
    """Have a growing cluster bring up nodes for these resources; none of them: let it shrink.

    A request takes the place of the one before, whoever made it.
    """
    from ray.autoscaler.sdk import request_resources

    request_resources(bundles=[dict(bundle) for bundle in bundles])


def may_grow() -> bool:
    """Whether the cluster has an autoscaler that says what it can bring up."""
    state = _state()
    return state is not None and state.autoscaler_state_version > 0


def refuses(bundle: Mapping[str, float]) -> bool:
    """Whether the autoscaler has answered that no node it can bring up has these resources."""
    state = _state()
    if state is None:
        return False
    refused = [
        dict(counted.request.resources_bundle)
        for constraint in state.infeasible_cluster_resource_constraints
        for counted in constraint.resource_requests
    ]
    return {name: float(amount) for name, amount in bundle.items()} in refused


def _state() -> Any:
    """Return the autoscaler's last report; ``None`` when the cluster has none."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    try:
        client = GcsClient(address=ray.get_runtime_context().gcs_address)
        reply.ParseFromString(client.get_cluster_status(timeout_s=_ANSWER_SECONDS))
    except Exception:  # Ray's errors of its C++ client have no common type
        return None
    return reply.autoscaling_state


def has_ended(job_id: str) -> bool:
    """Whether a Ray job has ended, for whatever reason; false while nobody answers.

    Parameters
    ----------
    job_id:
        In hexadecimal digits, as Ray's runtime context gives it.
    """
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled

    if not ray.is_initialized():
        return False  # to ask for the context would start a cluster
    try:
        client = GcsClient(address=ray.get_runtime_context().gcs_address)
        jobs = client.get_all_job_info(timeout=_ANSWER_SECONDS)
    except Exception:  # Ray's errors of its C++ client have no common type
        return False
    return any(key.hex() == job_id and job.is_dead for key, job in jobs.items())
