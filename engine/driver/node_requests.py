"""The nodes that the runs of a cluster want, added up for its autoscaler."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray

from engine.driver.ray_cluster import gcs_client, has_ended, refused

logger = logging.getLogger("raysmith.driver")

_NAMESPACE = b"raysmith-nodes"
#: Others may ask at the same time: the sum is made again until nothing has changed meanwhile.
_MOST_SUMS = 10


@dataclass(frozen=True)
class NodeRequest:
    """What one driver wants.

    Attributes
    ----------
    job:
        The driver's Ray job: its request ends with it.
    bundles:
        Resources, each of which must fit on one node.
    selector:
        The labels that these nodes must have, as Ray's ``label_selector``.
    """

    job: str
    bundles: Sequence[Mapping[str, float]]
    selector: Mapping[str, str]

    def to_json(self) -> bytes:
        """Return the form that Ray's store keeps."""
        bundles = [dict(bundle) for bundle in self.bundles]
        return json.dumps([self.job, bundles, dict(self.selector)]).encode()

    @classmethod
    def from_json(cls, content: bytes) -> NodeRequest:
        """Read what `to_json` returned.

        Examples
        --------
        >>> request = NodeRequest("01000000", [{"CPU": 2}], {})
        >>> NodeRequest.from_json(request.to_json()) == request
        True
        """
        return cls(*json.loads(content))


def request_nodes(
    driver: str,
    bundles: Sequence[Mapping[str, float]],
    selector: Mapping[str, str] | None = None,
) -> None:
    """Have a growing cluster bring up nodes for a driver, beside those of other drivers.

    Ray keeps one request for a whole cluster, which takes the place of the one before. So each
    driver leaves what it wants in the cluster's key-value store, and asks for the sum.

    Parameters
    ----------
    driver:
        Token of the driver, whose earlier request is replaced.
    bundles:
        Resources, each of which must fit on one node; none of them: the driver wants no nodes.
    selector:
        The labels that the nodes must have, as Ray's ``label_selector``; default: any.
    """
    client = gcs_client()
    if bundles:
        job = ray.get_runtime_context().get_job_id()
        request = NodeRequest(job, bundles, selector or {})
        client.internal_kv_put(driver.encode(), request.to_json(), True, _NAMESPACE)
    else:
        client.internal_kv_del(driver.encode(), False, _NAMESPACE)
    _ask_for_all(client, driver.encode())


def give_back_of_the_dead() -> None:
    """Give back what drivers have asked for whose job has ended."""
    client = gcs_client()
    kept = client.internal_kv_keys(b"", _NAMESPACE)
    # A request that somebody else has made stays, if it is the only one.
    if len(dict(_requests(client))) < len(kept):
        _ask_for_all(client)


def _ask_for_all(client: Any, driver: bytes | None = None) -> None:
    """Ask for the sum; for a driver's own wish alone where the sum has been refused.

    Ray's autoscaler brings up all of a request or nothing of it.
    """
    from ray.autoscaler.sdk import request_resources

    asked = None
    for _ in range(_MOST_SUMS):
        requests = dict(_requests(client))
        if requests == asked:
            return
        asked = requests
        every = _bundles(asked.values())
        if driver in asked and _sorted(refused()) == _sorted(bundle for bundle, _ in every):
            every = _bundles([asked[driver]])
        selectors = [selector for _, selector in every]
        request_resources(
            bundles=[bundle for bundle, _ in every],
            # A cluster with Ray's first autoscaler knows no labels.
            bundle_label_selectors=selectors if any(selectors) else None,
        )


def _bundles(requests: Iterable[NodeRequest]) -> list[tuple[dict[str, float], dict[str, str]]]:
    return [(dict(b), dict(request.selector)) for request in requests for b in request.bundles]


def _sorted(bundles: Iterable[Mapping[str, float]]) -> list[list[tuple[str, float]]]:
    return sorted(sorted((k, float(n)) for k, n in bundle.items()) for bundle in bundles)


def _requests(client: Any) -> Iterator[tuple[bytes, NodeRequest]]:
    """Yield the requests of living drivers, by token; remove the others."""
    for driver in sorted(client.internal_kv_keys(b"", _NAMESPACE)):
        content = client.internal_kv_get(driver, _NAMESPACE)
        if content is None:
            continue  # it has just been given back
        request = NodeRequest.from_json(content)
        if has_ended(request.job):
            logger.info("the nodes of a run whose driver has ended are given back")
            client.internal_kv_del(driver, False, _NAMESPACE)
        else:
            yield driver, request
