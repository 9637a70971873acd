"""What a compute target may be."""

from __future__ import annotations

import pytest

from cluster import AmlCompute, ComputeTargetException
from cluster.provisioning.configuration import ProvisioningConfiguration


def test_the_articles_call():
    config = AmlCompute.provisioning_configuration(vm_size="STANDARD_D2_V2", max_nodes=6)
    assert (config.size.vcpus, config.min_nodes, config.max_nodes) == (2, 0, 6)
    assert (config.provider, config.vm_priority, config.is_spot) == ("local", "dedicated", False)
    assert config.idle_seconds_before_scaledown == 120
    assert config.memory_bytes == 7 * 2**30


def test_it_survives_json():
    config = AmlCompute.provisioning_configuration(
        vm_priority="lowpriority", resources={"CPU": 3, "memory_gib": 5}, tags={"a": "b"}
    )
    again = ProvisioningConfiguration.from_dict(config.to_dict())
    assert again == config
    assert (again.size.vcpus, again.size.memory_gib) == (3, 5.0)


def test_resources_are_the_way_out_of_an_unknown_size():
    config = AmlCompute.provisioning_configuration("MY_OWN", resources={"CPU": 12})
    assert (config.size.name, config.size.vcpus, config.size.memory_gib) == ("MY_OWN", 12, 48.0)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"vm_size": ""}, "vm_size: missing"),
        ({"vm_size": "STANDARD_X99"}, "is unknown"),
        ({"vm_size": 7}, "is unknown"),
        ({"vm_priority": "cheap"}, "'cheap': allowed is one of dedicated, lowpriority"),
        ({"min_nodes": -1}, "min_nodes=-1: allowed is an integer of at least 0"),
        ({"max_nodes": 0}, "max_nodes=0: allowed is an integer of at least 1"),
        ({"max_nodes": 2.5}, "max_nodes=2.5"),
        ({"max_nodes": True}, "max_nodes=True"),
        ({"min_nodes": 5, "max_nodes": 2}, "max_nodes=2 is less than min_nodes=5"),
        ({"idle_seconds_before_scaledown": 0}, "seconds above 0"),
        ({"idle_seconds_before_scaledown": float("nan")}, "seconds above 0"),
        ({"provider": "ibm"}, "local, azure, aws, gcp, kubernetes, on_prem"),
        ({"provider": "on_prem"}, "at least two hosts"),
        ({"hosts": ["a", "b"]}, "only with provider='on_prem'"),
        ({"resources": {"CPU": 0}}, "CPU"),
        ({"resources": {"RAM": 1}}, "CPU"),
        ({"admin_user_password": "x"}, "admin_user_ssh_key"),
    ],
)
def test_what_is_not_allowed(changes, match):
    with pytest.raises(ComputeTargetException, match=match):
        AmlCompute.provisioning_configuration(**{"vm_size": "STANDARD_D2_V2"} | changes)


def test_all_problems_come_at_once():
    with pytest.raises(ComputeTargetException, match="3 problems") as caught:
        AmlCompute.provisioning_configuration("nothing", max_nodes=0, vm_priority="x")
    assert isinstance(caught.value, ValueError)
