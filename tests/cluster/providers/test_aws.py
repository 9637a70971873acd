"""The rendered AWS file against a mock of EC2: the right machines are really asked for."""

from __future__ import annotations

import os

import pytest
import yaml
from ray.autoscaler._private.util import prepare_config

from cluster import AmlCompute
from cluster.providers.kinds import launcher_file

moto = pytest.importorskip("moto")
boto3 = pytest.importorskip("boto3")

pytestmark = pytest.mark.slow


@pytest.fixture
def ec2(monkeypatch, tmp_path):
    """A client of an empty mock account."""
    monkeypatch.setenv("HOME", str(tmp_path))  # the launcher puts a key there
    (tmp_path / ".ssh").mkdir()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in [n for n in os.environ if n.startswith("AWS_") and "KEY" not in n]:
        monkeypatch.delenv(name)
    with moto.mock_aws():
        # Ray would make it, and sleep until AWS has spread the news.
        iam, name = boto3.client("iam", region_name="eu-west-1"), "ray-autoscaler-v1"
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        yield boto3.client("ec2", region_name="eu-west-1")


@pytest.mark.parametrize("priority", ["dedicated", "lowpriority"])
def test_workers_of_the_size_and_priority(ec2, priority):
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provisioning = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", max_nodes=6, provider="aws", vm_priority=priority,
        region="eu-west-1",
    )  # fmt: skip
    config = prepare_config(yaml.safe_load(launcher_file("aws").render("automlcl", provisioning)))
    config = bootstrap_aws(config)
    provider = AWSNodeProvider(config["provider"], "automlcl")
    for kind in ("head", "worker", "worker"):
        node_config = dict(config["available_node_types"][kind]["node_config"])
        tags = {"ray-node-type": kind, "ray-node-name": f"ray-automlcl-{kind}"}
        provider.create_node(node_config, tags, 1)
    found = [
        instance
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
    ]
    kinds: dict[str, list[tuple[str, str | None]]] = {"head": [], "worker": []}
    for instance in found:
        tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        assert tags["ray-cluster-name"] == "automlcl"
        lifecycle = instance.get("InstanceLifecycle")
        kinds[tags["ray-node-type"]].append((instance["InstanceType"], lifecycle))
    spot = "spot" if priority == "lowpriority" else None
    assert kinds == {"head": [("m5.large", None)], "worker": [("m5.large", spot)] * 2}
