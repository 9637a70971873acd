"""Two drivers' requests for nodes in a real cluster's records."""

from __future__ import annotations

import json

import pytest

from engine.driver.node_requests import give_back_of_the_dead, request_nodes

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


def asked() -> list[dict[str, float]]:
    """What the autoscaler reads."""
    from ray.autoscaler._private.constants import AUTOSCALER_RESOURCE_REQUEST_CHANNEL
    from ray.experimental.internal_kv import internal_kv_get_gcs_client

    content = internal_kv_get_gcs_client().internal_kv_get(
        AUTOSCALER_RESOURCE_REQUEST_CHANNEL, None
    )
    return json.loads(content)


def test_the_autoscaler_gets_the_sum():
    request_nodes("one", [{"CPU": 2}] * 2)
    request_nodes("two", [{"CPU": 1}])
    assert asked() == [{"CPU": 2}, {"CPU": 2}, {"CPU": 1}]
    give_back_of_the_dead()
    request_nodes("one", [])
    assert asked() == [{"CPU": 1}]
    request_nodes("two", [])
    assert asked() == []
