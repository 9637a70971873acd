"""Questions to the connected Ray cluster itself: its autoscaler, its jobs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import ray

#: The label by which Ray knows a node.
NODE_ID_LABEL = "ray.io/node-id"

_ANSWER_SECONDS = 5


def gcs_client() -> Any:
    """Return a client of the cluster's control service, which keeps its records."""
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled

    return GcsClient(address=ray.get_runtime_context().gcs_address)


def may_grow() -> bool:
    """Whether the cluster has an autoscaler that says what it can bring up."""
    state = _state()
    return state is not None and state.autoscaler_state_version > 0


def refused() -> list[dict[str, float]]:
    """Return the resources that the autoscaler was asked for and cannot bring up together."""
    return [dict(request.resources_bundle) for request in _refused_requests()]


def refuses(bundle: Mapping[str, float], avoid: Collection[str] = ()) -> bool:
    """Whether the autoscaler has answered that no node it can bring up has these resources.

    What it refuses together with the wishes of other runs may come yet.

    Parameters
    ----------
    avoid:
        Ids of the nodes that the request has ruled out. Answers to other requests do not count.
    """
    wanted = {name: float(amount) for name, amount in bundle.items()}
    answers = list(_refused_requests())
    return bool(answers) and all(
        dict(answer.resources_bundle) == wanted and _ruled_out(answer) == set(avoid)
        for answer in answers
    )


def _refused_requests() -> Iterator[Any]:
    """Yield the autoscaler's answers, one for each bundle that it has refused."""
    state = _state()
    if state is None:
        return
    for constraint in state.infeasible_cluster_resource_constraints:
        for counted in constraint.resource_requests:
            yield from [counted.request] * counted.count


def _ruled_out(request: Any) -> set[str]:
    """Return the ids of the nodes that a request's labels rule out."""
    return {
        node_id
        for selector in request.label_selectors
        for constraint in selector.label_constraints
        if constraint.label_key == NODE_ID_LABEL
        for node_id in constraint.label_values
    }


def _state() -> Any:
    """Return the autoscaler's last report; ``None`` when the cluster has none."""
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

    reply = GetClusterStatusReply()
    try:
        reply.ParseFromString(gcs_client().get_cluster_status(timeout_s=_ANSWER_SECONDS))
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
    if not ray.is_initialized():
        return False  # to ask for the context would start a cluster
    try:
        jobs = gcs_client().get_all_job_info(timeout=_ANSWER_SECONDS)
    except Exception:  # Ray's errors of its C++ client have no common type
        return False
    return any(key.hex() == job_id and job.is_dead for key, job in jobs.items())
